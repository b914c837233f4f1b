"""Other formats in an m= section of RTP than it came with; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farline.sdp.description import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.sdp.description import Description
    from farline.sdp.formats import Format

_OF_FORMAT = (b"rtpmap:", b"fmtp:", b"rtcp-fb:")
_OF_PACKETS = (b"ptime:", b"maxptime:")


class OtherFormats(NamedTuple):
    """What one m= section is to carry."""

    kept: frozenset[int]
    """Payload types that stay, with what is said of them."""
    added: tuple[Format, ...] = ()
    """Written behind them."""
    packets: bool = True
    """Whether a=ptime and a=maxptime stay."""


def with_formats(description: Description, changes: Sequence[OtherFormats | None]) -> bytes:
    """The description with other formats; `changes` has an entry for each m= line, None: as it is.

    Raises ValueError when `changes` has another length.
    """
    if len(changes) != len(description.media):
        raise ValueError(f"{len(description.media)} m= lines and {len(changes)} changes")
    end = description.lines[0].end or b"\r\n"
    out: list[bytes] = []
    open_change: OtherFormats | None = None
    for section, line in description.numbered():
        if line.kind == b"m":
            out += _written(open_change, end)
            open_change = changes[section]
        changed = line if section < 0 else _changed(line, changes[section])
        if changed is not None:
            out.append(changed._replace(end=changed.end or end).to_bytes())
    return b"".join([*out, *_written(open_change, end)])


def _written(change: OtherFormats | None, end: bytes) -> list[bytes]:
    lines: list[bytes] = []
    for one in change.added if change is not None else ():
        channels = f"/{one.channels}" if one.channels != 1 else ""
        value = f"rtpmap:{one.payload_type} {one.name}/{one.clock}{channels}"
        lines.append(Line(b"a", value.encode("ascii"), end).to_bytes())
        if one.parameters:
            value = f"fmtp:{one.payload_type} {one.parameters}"
            lines.append(Line(b"a", value.encode("latin-1"), end).to_bytes())
    return lines


def _changed(line: Line, change: OtherFormats | None) -> Line | None:
    """One line of an m= section; None: it goes."""
    if change is None:
        return line
    if line.kind == b"m":
        words = line.value.split()
        kept = [one for one in words[3:] if _number(one) in change.kept]
        added = [b"%d" % one.payload_type for one in change.added]
        return line._replace(value=b" ".join([*words[:3], *kept, *added]))
    if line.kind != b"a":
        return line
    if line.value.startswith(_OF_PACKETS):
        return line if change.packets else None
    if not line.value.startswith(_OF_FORMAT):
        return line
    form = line.value.partition(b":")[2].split(maxsplit=1)[0:1]
    known = not form or form[0] == b"*" or _number(form[0]) in change.kept
    return line if known else None


def _number(word: bytes) -> int | None:
    return int(word) if word.isdigit() and len(word) <= 3 else None
