"""Taking out of a description what a rule does not allow: codecs, streams, ICE; pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farline.sdp.description import Description, Line, Media

STATIC = {
    "0": "pcmu", "3": "gsm", "4": "g723", "5": "dvi4", "6": "dvi4", "7": "lpc", "8": "pcma",
    "9": "g722", "10": "l16", "11": "l16", "12": "qcelp", "13": "cn", "14": "mpa", "15": "g728",
    "16": "dvi4", "17": "dvi4", "18": "g729", "25": "celb", "26": "jpeg", "28": "nv", "31": "h261",
    "32": "mpv", "33": "mp2t", "34": "h263",
}  # fmt: skip
"""Payload types that need no a=rtpmap (RFC 3551 section 6), in lower case."""

HELPERS = frozenset({"telephone-event", "cn", "red", "ulpfec", "flexfec-03", "rtx"})
"""Formats that go with a codec and are none themselves."""

_OF_FORMAT = (b"rtpmap:", b"fmtp:", b"rtcp-fb:")
_ICE = frozenset(
    {b"candidate", b"ice-ufrag", b"ice-pwd", b"ice-options", b"ice-lite", b"ice-pacing",
     b"ice-mismatch", b"remote-candidates", b"end-of-candidates"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What may stay. Codec names are in lower case; a kind that is not named keeps everything."""

    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    preferred: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By kind of media: what comes first, in this order."""
    refused: frozenset[str] = frozenset()
    """Kinds of streams that are refused: "video", "bfcp", "fecc", ..."""

    @property
    def everything(self) -> bool:
        """Whether nothing has to be looked at."""
        return not (self.allowed or self.preferred or self.refused)


def kinds_of(media: Media) -> tuple[str, ...]:
    """What `Wanted.refused` may call a stream."""
    if media.kind != "application":
        return (media.kind,)
    if "BFCP" in media.line.protocol.split("/"):
        return ("application", "bfcp")
    codecs = {_codec(media, form) for form in media.line.formats}
    return ("application", "fecc") if "h224" in codecs else ("application",)


def narrowed(description: Description, wanted: Wanted) -> tuple[bytes, list[str]]:
    """The description with only what is wanted, and what was taken out, for people.

    A stream that is refused, or has no codec left, gets port 0 and stays (RFC 3264 section 6).
    """
    out: list[Line] = []
    said: list[str] = []
    keeps: list[tuple[str, ...] | None] = []
    for media in description.media:
        keep = _kept(media, wanted)
        keeps.append(keep)
        if keep is None and not media.rejected:
            said.append(f"{'/'.join(kinds_of(media))} refused")
        elif keep is not None and set(keep) != set(media.line.formats):
            gone = [_codec(media, one) for one in media.line.formats if one not in keep]
            said.append(f"{media.kind} without {', '.join(gone)}")
    for section, line in description.numbered():
        changed = line if section < 0 else _changed(line, keeps[section])
        if changed is not None:
            out.append(changed)
    return b"".join(line.to_bytes() for line in out), said


def without_ice(description: Description) -> bytes:
    """The description without candidates and the other attributes of ICE (RFC 8839)."""
    kept = (
        line
        for line in description.lines
        if line.kind != b"a" or line.value.split(b":", 1)[0].strip().lower() not in _ICE
    )
    return b"".join(line.to_bytes() for line in kept)


def _kept(media: Media, wanted: Wanted) -> tuple[str, ...] | None:
    """The formats that stay, best first; None: the stream is refused."""
    formats = media.line.formats
    if not wanted.refused.isdisjoint(kinds_of(media)):
        return None
    if not media.is_rtp:
        return formats
    names = {one: _codec(media, one) for one in formats}
    allowed = wanted.allowed.get(media.kind)
    if allowed is not None:
        kept = [one for one in formats if names[one] in allowed or names[one] in HELPERS]
        if not any(names[one] not in HELPERS for one in kept):
            return None
        formats = tuple(one for one in kept if _has_its_codec(media, one, kept))
    order = {name: rank for rank, name in enumerate(wanted.preferred.get(media.kind, ()))}
    return tuple(sorted(formats, key=lambda one: order.get(names[one], len(order))))


def _has_its_codec(media: Media, form: str, kept: list[str]) -> bool:
    """A retransmission format (RFC 4588) goes with the codec that it repeats."""
    if _codec(media, form) != "rtx":
        return True
    prefix = f"fmtp:{form} ".encode()
    apt = next((one for one in media.attributes if one.startswith(prefix)), b"")
    return apt.partition(b"apt=")[2].partition(b";")[0].strip().decode("latin-1") in kept


def _codec(media: Media, form: str) -> str:
    """The name of a payload type, in lower case."""
    prefix = f"rtpmap:{form} ".encode("ascii", "replace")
    for one in media.attributes:
        if one.startswith(prefix):
            return one[len(prefix) :].partition(b"/")[0].strip().decode("latin-1").lower()
    return STATIC.get(form, form.lower())


def _changed(line: Line, keep: tuple[str, ...] | None) -> Line | None:
    """One line of an m= section; None: it goes."""
    if line.kind == b"m":
        words = line.value.split()
        if keep is None:
            words[1] = b"0"
        elif len(words) > 3:
            words[3:] = [one.encode("latin-1") for one in keep]
        changed = b" ".join(words)
        return line if changed.split() == line.value.split() else line._replace(value=changed)
    if keep is None and line.kind == b"a" and line.value.strip() == b"bundle-only":
        return None  # with it port 0 would not refuse
    if keep is None or line.kind != b"a" or not line.value.startswith(_OF_FORMAT):
        return line
    form = line.value.partition(b":")[2].split(maxsplit=1)[0:1]
    known = not form or form[0] == b"*" or form[0].decode("latin-1") in keep
    return line if known else None
