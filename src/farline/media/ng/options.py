"""What an ng offer or answer asks for besides its SDP, and whether our engine does it.

What would be missed in a call is refused; what only differs in form is done without and told in a
warning. Names are those of rtpengine's docs/ng_control_protocol.md, in lower case with hyphens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, get_args

from farline.media.engine import Codec
from farline.media.ng.message import section, text, texts

if TYPE_CHECKING:
    from farline.media.ng.bencode import Bencoded
    from farline.media.ng.message import Document

PLAIN = frozenset(
    [
        "command",
        "call-id",
        "from-tag",
        "to-tag",
        "via-branch",
        "sdp",
        "received-from",
        "direction",
        "from-interface",
        "to-interface",
        "flags",
        "replace",
        "supports",
        "label",
        "from-label",
        "to-label",
        "set-label",
        "metadata",
        "transport-protocol",
        "ice",
    ]
)
"""Keys that are read, or that mean nothing to an engine which relays whole calls."""
ALREADY = frozenset(
    [
        "trust-address",
        "sip-source-address",
        "symmetric",
        "strict-source",
        "port-latching",
        "original-sendrecv",
        "no-rtcp-attribute",
        "allow-no-codec-media",
        "no-redis-update",
    ]
)
"""Flags that are done, or that are what we do anyhow."""
OFF = frozenset(
    {"off", "no", "disable", "disabled", "none", "default", "demux", "accept", "remove", "reject"}
)
"""Values by which a key asks for nothing that we do not do."""
REFUSED_KEYS = frozenset(
    [
        "media-address",
        "record-call",
        "media-echo",
        "t.38",
        "osrtp",
        "bundle",
        "rtcp-mux",
        "dtmf-security",
        "rtpp-flags",
        "drop-traffic",
        "audio-player",
    ]
)
"""Keys whose wish would be missed in the call, unless their values are all OFF."""
REFUSED_FLAGS = frozenset(
    [
        "asymmetric",
        "unidirectional",
        "media-handover",
        "always-transcode",
        "force-transcode",
        "record-call",
        "webrtc",
        "generate-rtcp",
        "block-dtmf",
        "block-media",
        "block-egress",
        "inject-dtmf",
        "mix",
        "pierce-nat",
        "single-codec",
        "inactive",
    ]
)
_ICE = re.compile(
    rb"(?m)^a=(?:candidate|remote-candidates|end-of-candidates|ice-[a-z0-9-]+)\b[^\n]*\n?"
)
_ORIGIN = re.compile(rb"(?m)^o=[^\r\n]*")
_RTCP = re.compile(rb"(?m)^a=rtcp:[^\n]*\n?")
_MUX = re.compile(rb"(?m)^a=rtcp-mux\b[^\n]*\n?")
_PROTOCOL = re.compile(rb"(?m)^m=\S+ \S+ (\S+)")
_CODECS: dict[str, Codec] = {one: one for one in get_args(Codec)}
MAX_WARNED = 8
"""Names in a warning."""


class Refusal(Exception):
    """The request is answered with an error; the text is its reason."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is done for one offer or answer."""

    direction: tuple[str, str] | None
    """Interfaces of the sender and of the receiver."""
    source: str
    """Where the sender's signaling comes from; empty when not told."""
    doubted: bool
    """Its SDP is not believed about its address."""
    replace_origin: bool
    transcoding: tuple[Codec, ...]
    """Codecs that the receiver may be offered besides, in lower case."""
    rtcp_attribute: bool
    """Whether a=rtcp may stay."""
    rtcp_mux: bool
    """Whether the two sides may agree on RTCP on RTP's port."""
    warning: str

    def taken(self, sdp: bytes) -> bytes:
        """The description for the engine. It has no ICE: candidates would lead media past us."""
        sdp = _ICE.sub(b"", sdp)
        return sdp if self.rtcp_mux else _MUX.sub(b"", sdp)

    def shown(self, sdp: bytes, given: bytes) -> bytes:
        """The engine's SDP with what else was asked for; `given`: as the sender wrote it."""
        if not self.replace_origin:
            origin = _ORIGIN.search(given)
            if origin is not None:
                sdp = _ORIGIN.sub(lambda _: origin[0], sdp, count=1)
        return sdp if self.rtcp_attribute else _RTCP.sub(b"", sdp)


def read_options(document: Document) -> Options:
    """Raises Refusal, with what cannot be done."""
    flags = {one if one in ALREADY else _name(one) for one in texts(document.get("flags"))}
    replace = {_name(part) for part in texts(document.get("replace"))}
    undone = sorted(flags - ALREADY)
    refused = [f"flag {name!r}" for name in undone if name in REFUSED_FLAGS]
    for key, value in document.items():
        if key in PLAIN:  # most are, as they came
            continue
        name = _name(key)
        if name in PLAIN or name == "codec" or _is_off(value):
            continue
        if name in REFUSED_KEYS:
            refused.append(f"{name!r}")
        else:
            undone.append(name)
    transcoding = _transcoding(document, refused)
    if refused:
        raise Refusal(f"this engine does not do: {', '.join(refused)[:200]}")
    _check_ice(document)
    _check_protocol(document)
    undone += sorted(replace - {"origin", "session-connection"})
    shown = ", ".join(name[:40] for name in undone[:MAX_WARNED])
    return Options(
        direction=_direction(document),
        source=_source(document),
        doubted="sip-source-address" in flags,
        replace_origin="origin" in replace,
        rtcp_mux=not _apart(document),
        transcoding=transcoding,
        rtcp_attribute="no-rtcp-attribute" not in flags,
        warning=f"done without: {shown}" if undone else "",
    )


def _transcoding(document: Document, refused: list[str]) -> tuple[Codec, ...]:
    """The codecs to add (codec: transcode); all other wishes about codecs are `refused`."""
    names: list[Codec] = []
    for wish, value in section(document.get("codec")).items():
        asked = [entry.partition("/")[0].lower() for entry in texts(value)]
        if _name(wish) != "transcode":
            refused += [] if _is_off(value) else [f"'codec-{_name(wish)}'"]
            continue
        refused += [f"codec {one!r}" for one in asked if one not in _CODECS]
        names += [_CODECS[one] for one in asked if one in _CODECS]
    return tuple(dict.fromkeys(names))


def _name(text_: str) -> str:
    """Rtpengine takes blanks and hyphens are the same."""
    return text_.strip().lower().replace(" ", "-").replace("_", "-")


def _is_off(value: Bencoded) -> bool:
    if isinstance(value, dict):
        return all(_is_off(entry) for entry in value.values())
    values = texts(value)
    return not isinstance(value, int) and all(entry.lower() in OFF for entry in values)


def _apart(document: Document) -> bool:
    """Whether RTCP is to have a port of its own on both sides."""
    wishes = texts(document.get("rtcp-mux"))
    return any(wish.lower() in ("demux", "remove", "reject") for wish in wishes)


def _check_ice(document: Document) -> None:
    wish = text(document.get("ICE")).lower()
    if wish not in ("", "remove", "default", "off", "no"):
        raise Refusal(f"this engine has no ICE: ICE={wish[:20]} cannot be done, ICE=remove can")


def _check_protocol(document: Document) -> None:
    """Every m= line that carries RTP must be of the protocol that is asked for."""
    wish = text(document.get("transport protocol") or document.get("transport-protocol")).upper()
    if not wish:
        return
    sdp = document.get("sdp")
    for found in _PROTOCOL.findall(sdp if isinstance(sdp, bytes) else b""):
        protocol = found.decode("latin-1").upper()
        if "RTP/" in protocol and protocol != wish:
            raise Refusal(f"{protocol[:20]} is not turned into {wish[:20]} by this engine")


def _direction(document: Document) -> tuple[str, str] | None:
    names = texts(document.get("direction"))
    if not names:
        names = [text(document.get(key)) for key in ("from-interface", "to-interface")]
        if not all(names):
            return None
    if len(names) != 2:
        raise Refusal("direction has two interfaces: the sender's, then the receiver's")
    return names[0], names[1]


def _source(document: Document) -> str:
    said = texts(document.get("received from") or document.get("received-from"))
    if len(said) != 2:
        return ""
    try:
        return str(ip_address(said[1]))
    except ValueError:
        return ""
