"""Use Relay Actors: what an RTCP relay changes in monitoring reports on their way to the server.

End-to-End Rewrite: the remote address of a report is the far end's, not our media port. Hop-by-Hop
Traceroute: our hop and the way from us to the far end follow the phone's own. Bridging: where both
ends of a call report through this relay, each report is given the other end's address and the other
end's way to us, backwards.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

from farline.border.relays import rtcp_app
from farline.border.relays.rtcp_app import QUALITY, TRACE, Report
from farline.border.relays.rtcp_monitor import NotRtcpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_ENDS = 10_000
"""Ends of calls whose last report is remembered."""


class FarEnd(NamedTuple):
    """Who is behind a media port of ours."""

    address: str
    port: int
    """Where it wants RTCP."""

    local: str
    """Our media address towards it."""


class Way(NamedTuple):
    """A traceroute's answer."""

    hops: tuple[str, ...]
    round_trip: int
    """Milliseconds to the last of them."""


@dataclass(frozen=True, slots=True)
class Actors:
    """What the form selects."""

    rewrite: bool = False
    traceroute: bool = False
    bridging: bool = False


@dataclass(slots=True)
class _End:
    """What one end said last of itself."""

    host: str = ""
    rtp_port: int = 0
    hops: tuple[str, ...] = ()


class RtcpActors:
    """The actors of one relay. Never raises, and passes on what it does not understand."""

    def __init__(
        self,
        actors: Actors,
        far_end: Callable[[str, int], FarEnd | None],
        way: Callable[[FarEnd], Way | None],
    ) -> None:
        """`far_end`: who is behind a media address of ours; `way`: the route there, where known."""
        self.actors = actors
        self._far_end = far_end
        self._way = way
        self._ends: OrderedDict[tuple[int, int], _End] = OrderedDict()
        self.counters = dict.fromkeys(("rewritten", "traced", "bridged", "unknown"), 0)

    def act(self, source: str, data: bytes) -> bytes:
        """A datagram of an end as the server is to have it."""
        try:
            reports = rtcp_app.reports(data)
            if not reports:
                return data
            remotes = {
                report.stream: self._far_end(*report.remote)
                for report in reports
                if report.remote is not None
            }
            for report in reports:
                self._note(source, report)
            return rtcp_app.change(data, lambda report: self._changed(report, remotes))
        except NotRtcpError:
            return data

    def _changed(self, report: Report, remotes: Mapping[int, FarEnd | None]) -> Report:
        far = remotes.get(report.stream)
        return self._quality(report, far) if report.subtype == QUALITY else self._trace(report, far)

    def _note(self, source: str, report: Report) -> None:
        key = (report.reporter, report.stream)
        end = self._ends.setdefault(key, _End())
        self._ends.move_to_end(key)
        if len(self._ends) > MAX_ENDS:
            self._ends.popitem(last=False)
        end.host = source
        if report.received_at is not None:
            end.rtp_port = report.received_at
        if report.subtype == TRACE:
            end.hops = report.hops

    def _other(self, report: Report) -> _End | None:
        return self._ends.get((report.stream, report.reporter)) if self.actors.bridging else None

    def _quality(self, report: Report, far: FarEnd | None) -> Report:
        if report.remote is None:
            return report
        other = self._other(report)
        if other is not None and other.rtp_port and _is_v4(other.host):
            self.counters["bridged"] += 1
            return report.from_remote(other.host, min(other.rtp_port + 1, 65_535))
        if not self.actors.rewrite:
            return report
        if far is None or not _is_v4(far.address):
            self.counters["unknown"] += 1
            return report
        self.counters["rewritten"] += 1
        return report.from_remote(far.address, far.port)

    def _trace(self, report: Report, far: FarEnd | None) -> Report:
        other = self._other(report)
        if other is not None and other.hops:
            here = (far.local,) if far is not None and _is_v4(far.local) else ()
            self.counters["bridged"] += 1
            hops = _joined(report.hops, here, tuple(reversed(other.hops)))
            return report.along(hops, report.round_trip)
        if not self.actors.traceroute or far is None or not _is_v4(far.local):
            return report
        way = self._way(far)
        if way is None:
            return report
        self.counters["traced"] += 1
        hops = _joined(report.hops, (far.local,), way.hops)
        return report.along(hops, report.round_trip + way.round_trip)


def _joined(*parts: tuple[str, ...]) -> tuple[str, ...]:
    """One way out of several; where one ends as the next begins, the hop stands once."""
    whole: list[str] = []
    for hop in (one for part in parts for one in part):
        if not whole or whole[-1] != hop:
            whole.append(hop)
    return tuple(whole)


def _is_v4(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
