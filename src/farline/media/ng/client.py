"""What the border asks of its engine, said in ng, and what rtpengine answers, read back.

A session is a call of rtpengine, and the names of its two sides are the tags. Whoever offers is the
from-tag, so a re-INVITE from either side finds its party.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from farline.media.engine import (
    Answer,
    Delete,
    Dial,
    MediaReply,
    Offer,
    Query,
    Quiet,
    StreamStats,
)
from farline.media.ng.message import number, section, text, texts
from farline.media.transcoding import CODECS
from farline.sdp import SdpError, ip_version, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farline.media.engine import MediaRequest, Side
    from farline.media.ng.bencode import Bencoded, Encodable
    from farline.media.ng.message import Document

FLAGS = ("strict source", "port latching")
"""A learned address stays; our ports stay over a re-INVITE."""
TRUSTED, MISTRUSTED = "trust address", "SIP source address"
"""Media goes to the address of SDP until one is learned, or to the signaling's (`Side.reach`)."""
LEARNING = "heuristic"
"""Packets from the address of SDP win over others while the address is learned."""
FULL = ("ports", "limit")
"""Words of rtpengine's reasons (Ran out of ports, ... limit reached) that mean: try another."""


INJECT = "inject DTMF"
"""It may be asked for digits; all sound then goes through its transcoding."""
SHORTEST_MS, LONGEST_MS = 100, 5_000
"""Of a digit of rtpengine's."""

NgRequest = Offer | Answer | Delete | Quiet | Query | Dial
"""What rtpengine is asked."""


@dataclass(frozen=True, slots=True)
class NgPlaces:
    """How our media interfaces are called and addressed at rtpengine."""

    names: Mapping[str, str]
    """Its name for each interface of ours."""
    addresses: Mapping[str, str]
    """The address that SDP must show for each interface of ours."""
    traffic_classes: Mapping[str, int] = field(default_factory=dict)
    """DS byte for each interface of ours; rtpengine has one a call, the offering side's."""
    digits: bool = False
    """Digits of signaling may have to be put into streams (DTMF Support of a server)."""


def document_of(request: NgRequest, places: NgPlaces, party: str) -> dict[str, Encodable]:
    """The ng message for a request.

    `party`: a side of the session, which Delete has to name; with Dial, the side that is to seem to
    have dialled.
    """
    match request:
        case Offer():
            return _offer(request, places)
        case Answer():
            said = _described(request, "answer", request.receiver, request.sender, places)
            return said | _received(request.sender)
        case Delete():
            # With both parties of one dialogue, either tag ends the call; without one it is ended
            # too, but its counters are not told.
            named = {"from-tag": party} if party else {}
            return {"command": "delete", "call-id": request.session, "delete delay": 0, **named}
        case Quiet():
            command = "block media" if request.quiet else "unblock media"
            return {"command": command, "call-id": request.session, "flags": ["all"]}
        case Query():
            return {"command": "query", "call-id": request.session}
        case Dial():
            return {
                "command": "play DTMF",
                "call-id": request.session,
                "from-tag": party,
                "code": request.digit,
                "duration": min(max(request.duration_ms, SHORTEST_MS), LONGEST_MS),
            }


def _offer(offer: Offer, places: NgPlaces) -> dict[str, Encodable]:
    ours = (offer.sender.interface, offer.receiver.interface)
    said = _described(offer, "offer", offer.sender, offer.receiver, places)
    said["direction"] = [places.names.get(name, name) for name in ours]
    if ours[0] in places.traffic_classes:
        said["TOS"] = places.traffic_classes[ours[0]]
    if offer.receiver.transcoding:
        said["codec"] = {"transcode": [CODECS[name].name for name in offer.receiver.transcoding]}
    if offer.sender.record or offer.receiver.record:
        said["record call"] = "yes"
    return said | _received(offer.sender)


def _described(
    request: Offer | Answer, command: str, offerer: Side, answerer: Side, places: NgPlaces
) -> dict[str, Encodable]:
    return {
        "command": command,
        "call-id": request.session,
        "from-tag": offerer.name,
        "to-tag": answerer.name,
        "sdp": request.sdp,
        "flags": [_trust(request), *FLAGS, *([INJECT] if places.digits else [])],
        "replace": ["origin"],
        "ICE": "remove",
        "endpoint-learning": LEARNING,
    }


def _trust(request: Offer | Answer) -> str:
    """How far the addresses of a description are believed before anything was heard."""
    known = (one.rtp_address for one in parse(request.sdp).media if not one.null_address)
    found = [at[0] for at in known if at is not None and ip_version(at[0])]
    return TRUSTED if all(map(request.sender.reaches, found)) else MISTRUSTED


def _received(sender: Side) -> dict[str, Encodable]:
    if not sender.signaling_source:
        return {}
    family = f"IP{ip_address(sender.signaling_source).version}"
    return {"received from": [family, sender.signaling_source]}


def reply_of(
    request: MediaRequest, document: Document, places: NgPlaces, wall: float
) -> MediaReply:
    """What rtpengine's answer to a request means. `wall`: seconds since 1970."""
    result = text(document.get("result"))
    if result != "ok":
        said = text(document.get("error-reason")) or text(document.get("message")) or result
        return _failed(request, said[:200] or "an answer without result")
    if isinstance(request, Offer | Answer):
        return _described_reply(request, document.get("sdp"), places)
    if isinstance(request, Delete) and "warning" in document:
        return MediaReply(error=f"rtpengine: {text(document['warning'])[:200]}", status=500)
    return MediaReply(stats=tuple(_stats(document, wall)))


def _failed(request: MediaRequest, said: str) -> MediaReply:
    status = 500
    if any(word in said.lower() for word in FULL):
        status = 503
    elif isinstance(request, Offer | Answer) and "sdp" in said.lower():
        status = 488
    return MediaReply(error=f"rtpengine: {said}", status=status)


def _described_reply(request: Offer | Answer, sdp: Bencoded | None, places: NgPlaces) -> MediaReply:
    """The SDP, if it shows the address that belongs on that side.

    rtpengine takes its first interface where it does not know the named one, and nothing inside may
    be shown outside.
    """
    if not isinstance(sdp, bytes):
        return MediaReply(error="rtpengine: an answer without sdp", status=500)
    try:
        description = parse(sdp)
    except SdpError as error:
        return MediaReply(error=f"rtpengine: {error}", status=500)
    name = request.receiver.interface
    wanted = places.addresses.get(name)
    for media in description.media:
        at = media.rtp_address
        if wanted is not None and at is not None and at[0] != wanted:
            reason = f"rtpengine shows {at[0]} for media interface {name!r}, which is {wanted}"
            return MediaReply(error=reason, status=500)
    return MediaReply(sdp)


def packets(document: Document) -> int:
    """All packets that a query's answer counts."""
    totals = section(document.get("totals"))
    return sum(number(section(totals.get(kind)).get("packets")) or 0 for kind in ("RTP", "RTCP"))


def _stats(document: Document, wall: float) -> Iterator[StreamStats]:
    """Counters. rtpengine 10 counts only what arrives (later ones have stats_out)."""
    for tag, party in section(document.get("tags")).items():
        medias = section(party).get("medias")
        for place, media in enumerate(medias if isinstance(medias, list) else []):
            streams = section(media).get("streams")
            for entry in streams if isinstance(streams, list) else []:
                stream = section(entry)
                if "local port" in stream:
                    index = number(section(media).get("index"))
                    yield _stream(tag, place if index is None else index - 1, stream, wall)


def _stream(tag: str, index: int, stream: Document, wall: float) -> StreamStats:
    counters = section(stream.get("stats"))
    sent = section(stream.get("stats_out"))
    received = number(counters.get("packets")) or 0
    last = number(stream.get("last packet"))
    return StreamStats(
        side=tag,
        index=index,
        kind="rtcp" if "RTCP" in texts(stream.get("flags")) else "rtp",
        local=_place(text(stream.get("local address")), number(stream.get("local port"))),
        latched=_endpoint(section(stream.get("endpoint"))) if received else None,
        received_packets=received,
        received_bytes=number(counters.get("bytes")) or 0,
        sent_packets=number(sent.get("packets")),
        sent_bytes=number(sent.get("bytes")),
        refused_packets=number(counters.get("errors")) or 0,
        last_seen_ms=max(0, round((wall - last) * 1000)) if received and last else None,
    )


def _endpoint(endpoint: Document) -> str | None:
    if "address" not in endpoint:
        return None
    return _place(text(endpoint["address"]), number(endpoint.get("port")))


def _place(address: str, port: int | None) -> str:
    shown = f"[{address}]" if ":" in address else address
    return f"{shown}:{port or 0}"
