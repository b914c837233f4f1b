"""Who is behind a media port of ours: what each end of a call said, by what the other was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.relays.rtcp_actors import FarEnd
from farline.sdp import SdpError, parse

if TYPE_CHECKING:
    from farline.border.context import Context

    Said = tuple[str, bytes, bytes]
    Ends = dict[tuple[str, int], FarEnd]

REFRESH_SECONDS = 1.0
"""How often, at most, the calls are looked through for an address that is not known."""


class FarEnds:
    """An index over the calls, brought up to date when something is looked for in vain."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: Ends = {}
        self._read: dict[tuple[Said, str], Ends] = {}
        """What each description that there is says, so that it is parsed once."""

        self._looked_at = float("-inf")

    def find(self, host: str, port: int) -> FarEnd | None:
        """The end whose RTCP comes from an address of ours, as the other end was shown it."""
        found = self._found.get((host, port))
        now = self._context.now  # it goes on with every event, and without one no call changes
        if found is None and now - self._looked_at >= REFRESH_SECONDS:
            self._looked_at = now
            self._refresh()
            found = self._found.get((host, port))
        return found

    def _refresh(self) -> None:
        there: dict[tuple[Said, str], Ends] = {}
        for session in self._context.sessions:
            anchored = session.anchored
            if anchored is None or not anchored.open:
                continue
            for side, said in anchored.last.items():
                local = self._context.plan.media[anchored.sides_from(side)[0].interface].ip
                key = (said, local)
                there[key] = self._read[key] if key in self._read else _ends(said, local)
        self._read = there
        self._found = {shown: end for ends in there.values() for shown, end in ends.items()}


def _ends(said: Said, local: str) -> Ends:
    """By our RTCP address in what was shown: the address in what was said. Line by line."""
    try:
        own, shown = parse(said[1]), parse(said[2])
    except SdpError:
        return {}
    found: Ends = {}
    for theirs, ours in zip(own.media, shown.media, strict=False):
        if theirs.rtcp_address is not None and ours.rtcp_address is not None:
            found[ours.rtcp_address] = FarEnd(*theirs.rtcp_address, local)
    return found
