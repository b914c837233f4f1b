"""What a media session asks of the relay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline._core import PortStats
    from farline.media.transcoding import Voice


class RelayControl(Protocol):
    """What a session needs of `farline._core.Relay`."""

    def open(
        self, session: str, stream: int, interfaces: tuple[str, str], rtp: bool, /
    ) -> tuple[int, int]:
        """Open a stream and return the RTP port of each side; raises RelayError."""

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
        """Take what signaling says of one side."""

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
        """Set what protects one side: suite, the peer's key, ours; `closed`: nothing passes."""

    def describe(
        self, session: str, stream: int, side: int, formats: list[tuple[int, str, int]], /
    ) -> None:
        """What the payload types mean that one side sends: (number, encoding name, clock)."""

    def gather(self, gathering: bool, /) -> None:
        """What is told meanwhile takes effect at its end (False) at the latest."""

    def shake(
        self,
        session: str,
        stream: int,
        side: int,
        fingerprints: Sequence[tuple[str, bytes]],
        /,
        *,
        active: bool,
    ) -> None:
        """Let the keys of one side come out of a DTLS handshake."""

    def ice(
        self, session: str, stream: int, side: int, credentials: tuple[str, str] | None, /
    ) -> None:
        """Our ICE credentials on one side; None: ICE is not spoken there."""

    def transcode(self, session: str, stream: int, sides: tuple[Voice, Voice] | None, /) -> None:
        """What each side gets; None: packets pass as they are."""

    def withhold(self, session: str, stream: int, side: int, withheld: bool, /) -> None:
        """Whether telephone-events are kept from one side."""

    def dial(self, session: str, side: int, digit: str, duration_ms: int, /) -> None:
        """Put a digit into what leaves towards one side."""

    def reopen(
        self,
        session: str,
        stream: int,
        interfaces: tuple[str, str],
        rtp: bool,
        ports: tuple[int, int],
        /,
    ) -> None:
        """Open a stream of the process before this one; raises RelayError."""

    def resume(self, session: str, stream: int, /) -> None:
        """Go on with a reopened stream."""

    def record(self, session: str, stream: int, stem: str | None, /) -> None:
        """Record a stream into a file of that name; None: no longer."""

    def fork(self, session: str, stream: int, to: int | None, /) -> None:
        """Send copies of a stream through another; None: no longer."""

    def play(self, session: str, stream: int, side: int, name: str | None, /) -> None:
        """Play music towards a side while the other sends nothing; None: no longer."""

    def bundle(
        self,
        session: str,
        carrier: int,
        side: int,
        mid_extension: int,
        members: Sequence[tuple[int, bytes, Sequence[int], Sequence[int]]],
        /,
    ) -> None:
        """Let streams of one side share a transport: (number, mid, payload types, sources)."""

    def hold(self, session: str, held: bool, silence_ms: int, /) -> None:
        """On hold, silence is not reported; else after `silence_ms`, 0: after the relay's own."""

    def quiet(self, session: str, quiet: bool, /) -> None:
        """Let nothing through any more; False: it goes on."""

    def close(self, session: str, stream: int, /) -> None:
        """End one stream."""

    def query(self, session: str, /) -> Sequence[PortStats] | None:
        """The counters."""

    def delete(self, session: str, /) -> Sequence[PortStats] | None:
        """End the session."""
