"""What a media session is, and the requests that an engine serves.

A session has two sides, named by the caller (the border: "outside" and "inside"; the office: "a"
and "b"). On each side, and for each m= line, the engine owns a pair of ports (RTP, RTCP) on the
address of that side's media interface; what arrives on one side leaves on the other. The shape is
that of rtpengine's offer / answer / delete / query, so that another engine can take this place.

Cores emit these requests as values with a ticket and get a `MediaReply` with the same ticket.
"""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - msgspec reads the annotations
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

import msgspec

MAX_CLASSES = 16
MAX_NETWORKS = 16
MAX_NAME = 512
"""Longest name of a session, side or interface, in characters."""

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Rule = Literal["off", "preferred", "required", "dtls"]
"""See `farline.media.security`."""
Codec = Literal["opus", "g722", "pcma", "pcmu"]
"""See `farline.media.transcoding`."""


class Side(msgspec.Struct, frozen=True):
    """One side of a session. The bounds are for what comes through a socket (`wire`)."""

    name: Name
    interface: Name
    """Name of the media interface: address and port range come from it."""
    signaling_source: Name
    """IP address that the peer's signaling comes from: besides the address in its SDP the only
    one that may latch (a phone behind NAT writes an address of its own into SDP). Empty: none."""
    encryption: Rule = "off"
    """The media rule of this leg: "off", "preferred" (SRTP where the peer can, else RTP), "dtls" or
    "required". With both sides off, descriptions pass as far as encryption is concerned: two peers
    may then agree on keys of their own through us."""
    classes: Annotated[tuple[tuple[Name, int], ...], msgspec.Meta(max_length=MAX_CLASSES)] = ()
    """DS byte of what leaves here, by kind of media; what is not named has the interface's own."""
    events: bool = True
    """Whether it gets telephone-events (RFC 4733); False: signaling tells it of digits."""
    record: bool = False
    """The policy of this leg asks for a recording of the call; one leg is enough."""
    music: Name = ""
    """What the peer hears while the other holds it: a WAV file of the engine's; empty: nothing."""
    transcoding: tuple[Codec, ...] = ()
    """Codecs, by SDP's names in lower case, that may be added to what it is offered; the engine
    transcodes where the two sides then share none."""
    timeout_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 0
    """Without a packet on any stream for so long the session is reported; of two sides the shorter
    counts. 0: this side says nothing of it."""
    reach: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_NETWORKS)] | None = None
    """Networks in which its SDP is believed before it has sent anything: to another address than
    `signaling_source` or one of them nothing is sent until then. None: it is believed anywhere."""

    def reaches(self, address: str) -> bool:
        """Whether its SDP is believed that it is at an IP address."""
        if self.reach is None or not self.signaling_source or address == self.signaling_source:
            return True
        found = ip_address(address)
        return found == ip_address(self.signaling_source) or any(
            found in ip_network(one, strict=False) for one in self.reach
        )


def patience(*sides: Side) -> int:
    """Seconds that a session of these sides may be silent; 0: as the engine has it."""
    return min((side.timeout_seconds for side in sides if side.timeout_seconds), default=0)


class Offer(msgspec.Struct, frozen=True):
    """An SDP offer from `sender`; the reply holds the SDP to give to `receiver`.

    The first offer of a session allocates ports on both sides; a later one (re-INVITE, either
    direction) may move addresses, hold, add or remove m= lines.
    """

    session: str
    sdp: bytes
    sender: Side
    receiver: Side


class Answer(msgspec.Struct, frozen=True):
    """The SDP answer from `sender` to the last offer; the reply holds the SDP for the offerer."""

    session: str
    sdp: bytes
    sender: Side
    receiver: Side


class Delete(msgspec.Struct, frozen=True):
    """End the session and free its ports; the reply holds the last counters."""

    session: str
    reason: str


class Quiet(msgspec.Struct, frozen=True):
    """The call is being hung up: nothing passes any more, until it is deleted."""

    session: str
    quiet: bool = True
    """False: it was not (a BYE that was challenged), and packets pass again."""


class Query(msgspec.Struct, frozen=True):
    """Counters and last-seen of one session."""

    session: str


class Dial(msgspec.Struct, frozen=True):
    """Put a digit into the streams towards a side, as a telephone-event (RFC 4733)."""

    session: str
    side: str
    digit: str
    """0 to 9, *, #, A to D."""
    duration_ms: int


class Subscribe(msgspec.Struct, frozen=True):
    """Copies of a session's sound for a recording server; the reply holds the SDP to offer to it.

    Asked again it gives the same, or what it has become. Nothing is sent before the answer.
    """

    session: str
    side: Side | None
    """Where the server is; None: no copies any more."""
    first: str = ""
    """The side whose copy has the label 1; the other's has 2."""


class SubscribeAnswer(msgspec.Struct, frozen=True):
    """The recording server's answer to the last `Subscribe`."""

    session: str
    sdp: bytes


MediaRequest = Offer | Answer | Delete | Quiet | Query | Dial | Subscribe | SubscribeAnswer


class Quality(msgspec.Struct, frozen=True):
    """What was noticed of the RTP that one side sends, and what its RTCP reports of ours."""

    ssrc: int | None
    """The source that sent last."""
    sources: int
    """How many sources were seen."""
    codec: str | None
    """What it sent last, by SDP's name; "other" for a codec that we know nothing of."""
    expected_packets: int
    lost_packets: int
    """Less than none where packets came twice."""
    jitter_ms: float | None
    """Interarrival jitter (RFC 3550 section 6.4.1)."""
    round_trip_ms: float | None
    """From us to the peer and back, by its reports."""
    reported_loss: float | None
    """Lost of 1, on the way to the peer, since its last report."""
    reported_jitter_ms: float | None
    reported_discard: float | None
    """Thrown away by its jitter buffer, of 1 (RFC 3611)."""
    reported_mos: float | None
    """The listening quality that it computed itself (RFC 3611)."""


class StreamStats(msgspec.Struct, frozen=True):
    """One direction-end: what arrived on one port of one side. Times are monotonic seconds."""

    side: str
    index: int
    """Which m= line, from 0."""
    kind: str
    """"rtp" or "rtcp"."""
    local: str
    """address:port of ours"""
    latched: str | None
    """address:port that we lock onto; None before the first accepted packet"""
    received_packets: int
    received_bytes: int
    sent_packets: int | None
    """None: the engine does not count what it sends (rtpengine 10)."""
    sent_bytes: int | None
    refused_packets: int
    """Packets from a source that may not latch, or that is not the latched one."""
    last_seen_ms: int | None
    """Milliseconds since the last accepted packet; None: never."""
    malformed_packets: int = 0
    """Packets that are not what the stream carries (no RTP on an RTP stream), or too large."""
    unsent_packets: int = 0
    """Packets that the system would not take from us here, or that could not be protected."""
    unauthentic_packets: int = 0
    """SRTP packets that do not authenticate: another key, or changed on the way."""
    replayed_packets: int = 0
    """SRTP packets that came before, or are too old to tell."""
    suite: str | None = None
    """The crypto suite of the side, by SDP's name; None: in the clear, or not agreed yet."""
    handshake: str | None = None
    """Why the last DTLS handshake failed, while there are no keys."""
    path: str = "user"
    """Who forwards what comes in here: "kernel" (the fast path) or "user" (the relay itself)."""
    transcoding: str | None = None
    """The codec that what comes in here becomes; None: it passes as it is."""
    why: str | None = None
    """With "user": why it is not the kernel."""
    untargeted_packets: int = 0
    """Packets of the other side that had nowhere to go: no address is known, or none wanted."""
    target: str | None = None
    """Where packets leave for now, address:port."""
    stranger: str | None = None
    """The last source that was refused, address:port."""
    bundled: bool = False
    """It shares its transport with other streams (BUNDLE): the addresses and the suite are the
    transport's."""
    muted: bool = False
    """Signaling wants nothing sent there (hold with the null address)."""
    quality: Quality | None = None
    """What its packets say of the side; with RTP ports of streams of RTP only."""


class MediaReply(msgspec.Struct, frozen=True):
    """What the engine answers. `error` is None when it worked; else what to tell people."""

    sdp: bytes | None = None
    stats: Sequence[StreamStats] = ()
    error: str | None = None
    status: int = 0
    """With an error: the SIP status that fits (488 SDP not usable, 500, 503 ports exhausted)."""


class Media(msgspec.Struct, frozen=True):
    """A core's output: perform `request`, answer with `MediaDone` of the same ticket.

    A `Delete` or `Quiet` may carry ticket 0: nobody waits for its reply.
    """

    ticket: int
    request: MediaRequest


class MediaDone(msgspec.Struct, frozen=True):
    """A core's input: the reply to the `Media` of that ticket."""

    ticket: int
    reply: MediaReply
