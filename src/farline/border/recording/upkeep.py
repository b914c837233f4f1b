"""The session timer of the dialog with a recording server (RFC 4028): who refreshes, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import WireError, headers
from farline.sip.headers import Refresher

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.context import Context
    from farline.border.recording.dialog import ServerDialog
    from farline.sip import Message
    from farline.sip.schedule import Alarm

OPTION = "timer"
LEAST = 90
"""Seconds: the shortest session that is taken (RFC 4028 section 4)."""


class Upkeep:
    """The clock of one dialog."""

    def __init__(
        self,
        context: Context,
        state: ServerDialog,
        refresh: Callable[[], None],
        lapse: Callable[[], None],
    ) -> None:
        """`refresh`: it is our turn; `lapse`: the server has let its turn pass."""
        self._context = context
        self._state = state
        self._refresh = refresh
        self._lapse = lapse
        self._alarm: Alarm | None = None

    def asked(self, request: Message) -> tuple[tuple[str, str], ...]:
        """Take a re-INVITE or UPDATE of the server's; the headers of the 2xx to it.

        Raises WireError: 422 for a session that is too short, 400 for what cannot be read.
        """
        wanted = headers.session_expires(request)
        if wanted is None:
            self._agree(0, ours=False)
            return ()
        if wanted.interval < LEAST:
            raise WireError(422, f"shorter than {LEAST} s", "Session-Expires")
        knows = OPTION in headers.tokens(request, "Supported")
        ours = wanted.refresher is Refresher.UAS or not knows
        self._agree(wanted.interval, ours=ours)
        said = ("Session-Expires", f"{wanted.interval};refresher={'uas' if ours else 'uac'}")
        return (said,) if ours else (said, ("Require", OPTION))

    def answered(self, response: Message) -> None:
        """Take the server's 2xx to an INVITE of ours."""
        try:
            given = headers.session_expires(response)
        except WireError:
            return
        if given is None:
            self._agree(0, ours=False)
        else:
            interval = max(given.interval, LEAST)
            self._agree(interval, ours=given.refresher is not Refresher.UAS)

    def pause(self, refusal: Message | None) -> float | None:
        """Seconds after which an INVITE of ours that was refused may come again; None: it may not.

        491: it met one of the server's, and the Call-ID is ours (RFC 3261 section 14.1). 422: the
        next asks for a longer session.
        """
        if refusal is None or refusal.status not in (422, 491):
            return None
        if refusal.status == 491:
            return 2.1 + self._context.chance(190) / 100
        try:
            least = headers.min_se(refusal)
        except WireError:
            return None
        if least is None or not self._state.interval < least <= 86_400:
            return None
        self._state.interval = least
        return 0.0

    def told(self) -> tuple[tuple[str, str], ...]:
        """What an INVITE of ours says."""
        state = self._state
        if not state.interval:
            return (("Supported", OPTION),)
        who = "uac" if state.refreshes else "uas"
        return (("Supported", OPTION), ("Session-Expires", f"{state.interval};refresher={who}"))

    def stop(self) -> None:
        """The dialog is over."""
        if self._alarm is not None:
            self._alarm.stop()

    def watch(self) -> None:
        """Set the clock: half of the interval for us, all but a third or 32 s for the server."""
        self.stop()
        interval = self._state.interval
        if not interval:
            return
        ours = self._state.refreshes
        wait = interval / 2 if ours else interval - min(32.0, interval / 3)
        then = self._refresh if ours else self._lapse
        at = self._context.now + wait
        self._alarm = self._context.schedule.start(at, "recording server", lambda _: then())

    def _agree(self, interval: int, *, ours: bool) -> None:
        self._state.interval, self._state.refreshes = interval, ours
        self.watch()
