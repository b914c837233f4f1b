"""A relay that only writes down what it is told, and the guide's call over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farline._core import RelayError
from farline.media.engine import Answer, MediaReply, Offer, Side
from farline.media.relay_control import RelayControl
from farline.media.sessions import MediaSessions
from farline.testing.chance import SeededIds

if TYPE_CHECKING:
    from farline.media.music import Studio

OUTSIDE = Side("outside", "B1", "192.168.67.61")
INSIDE = Side("inside", "A1", "10.10.10.13")
ADDRESSES = {"B1": "192.168.64.96", "A1": "10.10.10.7"}
AUDIO = "m=audio 5000 RTP/AVP 8\r\n"
VIDEO = "m=video 6000 RTP/AVP 96\r\n"
FAX = "m=image 5000 udptl t38\r\n"

_COUNTS = (
    "sent_packets", "sent_bytes", "refused_packets", "received_packets", "received_bytes",
    "malformed_packets", "unsent_packets", "unauthentic_packets", "replayed_packets",
    "untargeted_packets",
)  # fmt: skip
_UNKNOWN = (
    "latched", "last_seen_ms", "suite", "quality", "transcoding", "target", "stranger", "handshake",
)  # fmt: skip
_STATS: dict[str, Any] = {
    **dict.fromkeys(_COUNTS, 0), **dict.fromkeys(_UNKNOWN), "kind": "rtp", "side": 1,
    "local": "10.10.10.7:35000", "why_user": "off", "muted": False, "bundled": False,
}  # fmt: skip


@dataclass
class NotedRelay(RelayControl):
    """A relay with room for `pairs` streams: 35000, 35002, ... outside, 45000, ... inside."""

    pairs: int = 8
    live: dict[tuple[str, int], bool] = field(default_factory=dict)
    """Whether it is RTP, by session and stream."""
    remotes: dict[tuple[int, int], tuple[object, ...]] = field(default_factory=dict)
    """What `signal` said, by stream and side: rtp, rtcp, source, muted."""
    muxed: dict[tuple[int, int], bool] = field(default_factory=dict)
    confined: dict[tuple[int, int], bool] = field(default_factory=dict)
    silenced: list[bool] = field(default_factory=list)
    held: bool | None = None
    given: int = 0
    formats: dict[tuple[int, int], list[tuple[int, str, int]]] = field(default_factory=dict)
    recorded: list[tuple[int, str | None]] = field(default_factory=list)
    played: list[tuple[int, str | None]] = field(default_factory=list)
    forks: list[tuple[int, int | None]] = field(default_factory=list)
    keys: dict[tuple[int, int], tuple[str, bytes, bytes] | None] = field(default_factory=dict)

    def open(
        self, session: str, stream: int, interfaces: tuple[str, str], rtp: bool, /
    ) -> tuple[int, int]:
        """The next pair; RelayError 503 when all are given."""
        if len(self.live) == self.pairs:
            error = RelayError(503, "no free ports")
            error.status, error.reason = 503, "no free ports"
            raise error
        self.live[session, stream] = rtp
        self.given += 1
        return 34998 + 2 * self.given, 44998 + 2 * self.given

    def reopen(
        self,
        session: str,
        stream: int,
        interfaces: tuple[str, str],
        rtp: bool,
        ports: tuple[int, int],
        /,
    ) -> None:
        """As `open`."""
        self.live[session, stream] = rtp

    def signal(
        self,
        session: str,
        stream: int,
        side: int,
        *,
        rtp: tuple[str, int] | None,
        rtcp: tuple[str, int] | None,
        source: str | None,
        muted: bool,
        muxed: bool = False,
        confined: bool = False,
    ) -> None:
        """Noted for a stream that is open."""
        self._is_open(session, stream)
        self.remotes[stream, side] = (rtp, rtcp, source, muted)
        self.muxed[stream, side] = muxed
        self.confined[stream, side] = confined

    def quiet(self, session: str, quiet: bool, /) -> None:
        """Noted."""
        self.silenced.append(quiet)

    def describe(
        self, session: str, stream: int, side: int, formats: list[tuple[int, str, int]], /
    ) -> None:
        """Noted."""
        self.formats[stream, side] = formats

    def hold(self, session: str, held: bool, silence_ms: int, /) -> None:
        """Noted."""
        self.held = held

    def protect(
        self,
        session: str,
        stream: int,
        side: int,
        keys: tuple[str, bytes, bytes] | None,
        /,
        *,
        closed: bool = False,
    ) -> None:
        """Noted."""
        self.keys[stream, side] = keys

    def fork(self, session: str, stream: int, to: int | None, /) -> None:
        """Noted."""
        self.forks.append((stream, to))

    def play(self, session: str, stream: int, side: int, name: str | None, /) -> None:
        """Noted for a stream that is open."""
        self._is_open(session, stream)
        self.played.append((side, name))

    def record(self, session: str, stream: int, stem: str | None, /) -> None:
        """Noted for a stream that is open."""
        self._is_open(session, stream)
        self.recorded.append((stream, stem))

    def close(self, session: str, stream: int, /) -> None:
        """KeyError for a stream that is not open."""
        del self.live[session, stream]

    def query(self, session: str, /) -> Any:  # noqa: ANN401 - dicts as `PortStats`
        """A port without a packet for each open stream."""
        return [{**_STATS, "stream": stream} for name, stream in self.live if name == session]

    def delete(self, session: str, /) -> Any:  # noqa: ANN401 - dicts as `PortStats`
        """As `query`, for the last time."""
        stats = self.query(session)
        self.live = {key: rtp for key, rtp in self.live.items() if key[0] != session}
        return stats

    def bundle(self, *_told: object) -> None:
        """Taken, and not noted."""

    def dial(self, *_told: object) -> None:
        """Taken, and not noted."""

    def gather(self, *_told: object) -> None:
        """Taken, and not noted."""

    def ice(self, *_told: object) -> None:
        """Taken, and not noted."""

    def resume(self, *_told: object) -> None:
        """Taken, and not noted."""

    def shake(self, *_told: object, active: bool) -> None:
        """Taken, and not noted."""

    def transcode(self, *_told: object) -> None:
        """Taken, and not noted."""

    def withhold(self, *_told: object) -> None:
        """Taken, and not noted."""

    def _is_open(self, session: str, stream: int) -> None:
        if (session, stream) not in self.live:
            raise AssertionError(f"{session} has no stream {stream}")


class NotedCall:
    """The guide's call from outside."""

    def __init__(self, pairs: int = 8, studio: Studio | None = None) -> None:
        self.relay = NotedRelay(pairs)
        self.sessions = MediaSessions(self.relay, ADDRESSES, SeededIds(7), None, studio)

    def offer(
        self, media: str, address: str = "172.22.33.101", *, source: str | None = None
    ) -> MediaReply:
        """The phone's offer; `source`: where its signaling comes from."""
        sender = Side("outside", "B1", source or OUTSIDE.signaling_source)
        return self.sessions.perform(Offer("call", described(media, address), sender, INSIDE))

    def answer(
        self, media: str, address: str = "10.10.10.13", *, source: str | None = None
    ) -> MediaReply:
        """The office's answer to it."""
        receiver = Side("outside", "B1", source or OUTSIDE.signaling_source)
        return self.sessions.perform(Answer("call", described(media, address), INSIDE, receiver))


def described(media: str, address: str = "172.22.33.101", version: int = 1) -> bytes:
    """A description with these m= sections."""
    head = f"v=0\r\no=- 1 {version} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    return (head + media).encode()
