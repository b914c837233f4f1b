"""The counters in answers to query and delete (docs/ng_control_protocol.md, query)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farline.media.engine import StreamStats
    from farline.media.ng.bencode import Encodable

Part = dict[str, "Encodable"]


def statistics(tags: Mapping[str, str], stats: Sequence[StreamStats], wall: float) -> Part:
    """`tags` and `totals`, from the side of each SIP tag; a side without one has an empty tag."""
    of_side = {side: tag for tag, side in tags.items()}
    named = {side: of_side.get(side, "") for side in ("a", "b")}
    parties: Part = {}
    for side, other in (("a", "b"), ("b", "a")):
        mine = [one for one in stats if one.side == side]
        indexes = sorted({one.index for one in mine})
        parties[named[side]] = {
            "tag": named[side].encode("latin-1"),
            "in dialogue with": named[other].encode("latin-1"),
            "medias": [
                {
                    "index": index + 1,
                    "streams": [_stream(one, wall) for one in mine if one.index == index],
                }
                for index in indexes
            ],
        }
    totals = {name: _sum(stats, kind) for name, kind in (("RTP", "rtp"), ("RTCP", "rtcp"))}
    return {"tags": parties, "totals": totals}


def _sum(stats: Sequence[StreamStats], kind: str) -> Part:
    counted = [_counters(one) for one in stats if one.kind == kind]
    return {name: sum(one[name] for one in counted) for name in ("packets", "bytes", "errors")}


def _counters(one: StreamStats) -> dict[str, int]:
    return {
        "packets": one.received_packets,
        "bytes": one.received_bytes,
        "errors": one.refused_packets + one.malformed_packets,
    }


def _stream(one: StreamStats, wall: float) -> Part:
    address, port = _split(one.local)
    shown: Part = {
        "local address": address,
        "local port": port,
        "flags": [one.kind.upper(), *(["confirmed"] if one.latched else [])],
        "stats": _counters(one),
        "stats_out": {"packets": one.sent_packets, "bytes": one.sent_bytes},
    }
    if one.latched is not None:
        peer, peer_port = _split(one.latched)
        family = "IPv6" if ":" in peer else "IPv4"
        shown["endpoint"] = {"family": family, "address": peer, "port": peer_port}
    if one.last_seen_ms is not None:
        shown["last packet"] = int(wall - one.last_seen_ms / 1000)
    return shown


def _split(place: str) -> tuple[str, int]:
    """`192.0.2.1:4000` or `[2001:db8::1]:4000`."""
    address, _, port = place.rpartition(":")
    return address.removeprefix("[").removesuffix("]"), int(port)
