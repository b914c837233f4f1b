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
    streams: dict[str, dict[int, list[Part]]] = {"a": {}, "b": {}}
    totals = {kind: {"packets": 0, "bytes": 0, "errors": 0} for kind in ("rtp", "rtcp")}
    for one in stats:
        counters = _counters(one)
        streams[one.side].setdefault(one.index, []).append(_stream(one, counters, wall))
        total = totals[one.kind]
        for name, count in counters.items():
            total[name] += count
    parties: Part = {}
    for side, other in (("a", "b"), ("b", "a")):
        parties[named[side]] = {
            "tag": named[side].encode("latin-1"),
            "in dialogue with": named[other].encode("latin-1"),
            "medias": [
                {"index": index + 1, "streams": known}
                for index, known in sorted(streams[side].items())
            ],
        }
    return {"tags": parties, "totals": {"RTP": totals["rtp"], "RTCP": totals["rtcp"]}}


def _counters(one: StreamStats) -> dict[str, int]:
    return {
        "packets": one.received_packets,
        "bytes": one.received_bytes,
        "errors": one.refused_packets + one.malformed_packets,
    }


def _stream(one: StreamStats, counters: dict[str, int], wall: float) -> Part:
    address, port = _split(one.local)
    shown: Part = {
        "local address": address,
        "local port": port,
        "flags": [one.kind.upper(), *(["confirmed"] if one.latched else [])],
        "stats": counters,
        "stats_out": {"packets": one.sent_packets or 0, "bytes": one.sent_bytes or 0},
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
