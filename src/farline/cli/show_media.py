"""`farline show media`: the flows of a media engine as a table of at most WIDEST columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from farline.cli.plain import plain
from farline.cli.rows import print_rows

if TYPE_CHECKING:
    from rich.console import Console

WIDEST = 120
COLUMNS = (
    *("side", "peer", "codec", "in", "lost", "jitter ms", "RTT ms", "MOS", "out", "bad"),
    *("by", "SRTP"),
)
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": "AES-128/80",
    "AES_CM_128_HMAC_SHA1_32": "AES-128/32",
    "AES_256_CM_HMAC_SHA1_80": "AES-256/80",
    "AES_256_CM_HMAC_SHA1_32": "AES-256/32",
    "AEAD_AES_128_GCM": "GCM-128",
    "AEAD_AES_256_GCM": "GCM-256",
}
"""Short names; `--json` has those of SDP."""
WIDEBAND = frozenset({"G722", "opus"})
SCALE = (
    "MOS is on the narrowband scale (ITU-T G.107): G722 and opus count as G.711, "
    "it tells of their loss and delay"
)


def print_media(console: Console, state: dict[str, Any], call: str = "") -> None:
    """One table a session: a row for each side of each stream; RTCP ports are left to --json.

    `call`: what was asked for by its name, which may be no session of the engine.
    """
    wideband = False
    console.print(Text(f"fast path: {plain(state['fast_path'])}"), soft_wrap=True)
    for interface in state["interfaces"]:
        console.print(Text(plain(interface)))
    console.print(Text(f"sessions: {state['sessions']}"))
    streams: dict[str, list[dict[str, Any]]] = {}
    for one in state["streams"]:
        streams.setdefault(one["session"], []).append(one)
    if call and not streams:
        console.print(Text(f"no session of {plain(call)}"), soft_wrap=True)
    for session, ports in streams.items():
        rows = [dict(zip(COLUMNS, row(one), strict=True)) for one in ports if one["kind"] == "rtp"]
        look = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        print_rows(console, session, rows, look)
        wideband |= any((port["quality"] or {}).get("codec") in WIDEBAND for port in ports)
        for shared in sorted(bundles(ports)):
            console.print(Text(plain(shared)), soft_wrap=True)
        console.print(Text(plain(state["diagnoses"].get(session, ""))), soft_wrap=True)
        for port in ports:
            if port.get("transcoding"):
                heard = (port["quality"] or {}).get("codec") or "nothing yet"
                line = f"{port['side']}: transcoding {heard}→{port['transcoding']}"
                console.print(Text(plain(line)), soft_wrap=True)
        for port in ports:
            if port["kind"] == "rtp" and port.get("why"):
                line = f"{_side(port)}: user path: {port['why']}"
                console.print(Text(plain(line)), soft_wrap=True)
    if wideband:
        console.print(Text(SCALE), soft_wrap=True)


def bundles(ports: list[dict[str, Any]]) -> list[str]:
    """For each transport that several streams share (RFC 9143): where it is, and whose."""
    sharing: dict[str, list[str]] = {}
    for port in ports:
        if port.get("bundled") and port["kind"] == "rtp":
            sharing.setdefault(port["local"], []).append(_side(port))
    return [f"bundle at {local}: {', '.join(names)}" for local, names in sharing.items()]


def row(port: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one side, in the order of COLUMNS.

    in, out: packets; lost: of those that should have come in; MOS: of what comes in / of what the
    peer gets; bad: refused + malformed + not authentic or replayed + not sent.
    """
    quality = port["quality"] or {}
    bad = ("refused", "malformed", "unauthentic", "replayed", "unsent")
    count = sum(port[f"{name}_packets"] for name in bad)
    suite = port["suite"]
    return (
        _side(port),
        port["latched"] or "not latched",
        quality.get("codec") or "-",
        str(port["received_packets"]),
        _percent(quality),
        _number(quality.get("jitter_ms")),
        _number(quality.get("round_trip_ms")),
        f"{_number(port.get('mos_received'))}/{_number(port.get('mos_sent'))}",
        str(port["sent_packets"]),
        str(count),
        port.get("path") or "user",
        SUITES.get(suite, suite) if suite else "-",
    )


def _side(port: dict[str, Any]) -> str:
    return port["side"] if port["index"] == 0 else f"{port['side']} {port['index']}"


def _percent(quality: dict[str, Any]) -> str:
    if not quality.get("expected_packets"):
        return "-"
    return f"{100 * max(quality['lost_packets'], 0) / quality['expected_packets']:.1f}%"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
