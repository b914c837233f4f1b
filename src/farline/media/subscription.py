"""A recording server's share in a call (SIPREC, RFC 7866): copies of what each side says.

One stream of the relay serves it, whose two sides both face the server: the first has the copies of
the session's first side, the second those of the other. The description is of our making: two m=
lines of audio, sendonly, or inactive while a side sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.media.security import Keys, accept_answer, make_offer
from farline.media.stream import Remote
from farline.sdp import (
    Direction,
    MediaPorts,
    MediaSecurity,
    SdpError,
    ip_version,
    parse,
    rewrite,
)

if TYPE_CHECKING:
    from farline.media.engine import Side
    from farline.media.relay_control import RelayControl
    from farline.media.security import Draw, Proposal
    from farline.sdp import Crypto, Description

Formats = list[tuple[int, str, int]]


@dataclass(slots=True)
class Subscription:
    """The recording server of one session."""

    session: str
    relay: RelayControl
    side: Side
    address: str
    """Ours, as SDP shows it."""
    number: int
    """The relay's stream of the copies."""
    ports: tuple[int, int]
    labels: tuple[str, str]
    """a=label (RFC 4574) of the copies of each side."""
    recorded: int | None = None
    """The relay's stream that is copied."""
    version: int = 0
    shown: bytes = b""
    """The last offer without its origin line."""
    lines: list[tuple[Crypto, ...]] = field(default_factory=lambda: [(), ()])
    keys: list[Keys | None] = field(default_factory=lambda: [None, None])

    def offer(
        self, formats: tuple[Formats, Formats], sends: tuple[bool, bool], draw: Draw
    ) -> bytes:
        """What the server reads: what each side may send, and whether it does now."""
        description = parse(_plain(self, formats, sends))
        lines: list[tuple[Crypto, ...]] = []
        for media in description.media:
            made: Proposal = make_offer(self.side.encryption, media, self.keys[media.index], draw)
            lines.append(made if isinstance(made, tuple) else ())
        if self.lines[0] and self.lines[0][0].suite == (lines[0] or self.lines[0])[0].suite:
            lines = self.lines  # the same keys again: nothing has changed
        self.lines = lines
        secure = self.side.encryption == "required"
        security: list[MediaSecurity | None] = [MediaSecurity(secure, one) for one in lines]
        ports: list[MediaPorts | None] = [MediaPorts(one, one + 1) for one in self.ports]
        body = rewrite(description, self.address, ports, security)
        if body != self.shown:
            self.shown, self.version = body, self.version + 1
        return body.replace(b"o=- 1 1 ", b"o=- 1 %d " % self.version, 1)

    def answer(self, description: Description) -> None:
        """Take the server's answer; raises SdpError, EncryptionError."""
        if len(description.media) != len(self.ports):
            raise SdpError(0, "a recording server answers both m= lines (RFC 7866 section 6.1.2)")
        offered = parse(self.shown)
        for media, ours in zip(description.media, offered.media, strict=True):
            side = media.index
            keys = accept_answer(self.side.encryption, media, self.lines[side])
            if not isinstance(keys, Keys):
                keys = None
            if keys != self.keys[side]:
                self.keys[side] = keys
                told = None if keys is None else (keys.suite, keys.theirs, keys.ours)
                self.relay.protect(self.session, self.number, side, told)
            remote = Remote.of(media, self.side, Remote())
            quiet = media.rejected or ours.direction is Direction.INACTIVE or remote.muted
            refused = media.direction in (Direction.INACTIVE, Direction.SENDONLY)
            self.relay.signal(
                self.session,
                self.number,
                side,
                rtp=None if media.rejected else remote.rtp,
                rtcp=None if media.rejected else remote.rtcp,
                source=None,
                muted=quiet or refused,
                muxed=False,
            )

    def copy(self, stream: int | None) -> None:
        """Copy a stream of the relay's from now on; None: none."""
        if stream == self.recorded:
            return
        if self.recorded is not None:
            self.relay.fork(self.session, self.recorded, None)
        if stream is not None:
            self.relay.fork(self.session, stream, self.number)
        self.recorded = stream


def _plain(to: Subscription, formats: tuple[Formats, Formats], sends: tuple[bool, bool]) -> bytes:
    kind = f"IN IP{ip_version(to.address)} {to.address}"
    lines = ["v=0", f"o=- 1 1 {kind}", "s=-", f"c={kind}", "t=0 0"]
    for label, port, known, sending in zip(to.labels, to.ports, formats, sends, strict=True):
        numbers = " ".join(str(number) for number, _, _ in known) or "0"
        lines.append(f"m=audio {port} RTP/AVP {numbers}")
        lines += [f"a=rtpmap:{number} {_encoding(name, clock)}" for number, name, clock in known]
        lines += [f"a=label:{label}", "a=sendonly" if sending else "a=inactive"]
    return "\r\n".join([*lines, ""]).encode("latin-1")


def _encoding(name: str, clock: int) -> str:
    """As in a=rtpmap; Opus always has two channels there (RFC 7587 section 7)."""
    return f"{name}/{clock}/2" if name.lower() == "opus" else f"{name}/{clock}"
