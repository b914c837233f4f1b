"""The ladder of a call for the terminal: a column an address, an arrow a message.

192.168.67.61      192.168.64.96        10.10.10.7        10.10.10.13
0.000     │── INVITE (SDP) ──▶│                  │                  │
0.002     │◀── 100 Trying ────│                  │                  │
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.trace.events import MessageSeen
from farline.trace.reader import endpoints
from farline.trace.summary import cells, fit, printable, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farline.trace.codec import Record

TIME_WIDTH = 10
MIN_COLUMN = 17
"""Terminal columns between two lines of the ladder: an IPv4 address, and most arrows, fit."""
MAX_COLUMN = 30
MAX_ROWS = 2000


@dataclass(frozen=True, slots=True)
class _Arrow:
    time: float
    source: str
    target: str
    label: str


def ladder(records: Iterable[Record], *, width: int = 100) -> Iterator[str]:
    """Lines of at most `width` columns, printable characters only.

    An address is an IP address; where a message stays on one (loopback), address and port. When the
    addresses do not fit beside one another each message is a line "source > target: message".
    """
    arrows = _arrows(records)
    if not arrows:
        return
    places = list(
        dict.fromkeys(place for arrow in arrows for place in (arrow.source, arrow.target))
    )
    room = (width - TIME_WIDTH) // len(places)
    if room < max(MIN_COLUMN, *(cells(place) + 2 for place in places)):
        for arrow in arrows:
            yield fit(f"{_offset(arrow, arrows)} {_in_words(arrow)}", width)
        return
    room = min(room, max(MAX_COLUMN, *(cells(place) + 2 for place in places)))
    yield " " * TIME_WIDTH + "".join(_centred(place, room, " ") for place in places).rstrip()
    for arrow in arrows:
        yield _row(arrow, _offset(arrow, arrows), places, room)


def _arrows(records: Iterable[Record]) -> list[_Arrow]:
    seen: list[tuple[float, str, str, str]] = []
    for record in records:
        if isinstance(record.event, MessageSeen) and len(seen) < MAX_ROWS:
            source, target = (printable(place) for place in endpoints(record.event))
            seen.append((record.time, source, target, str(summarise(record.event.data))))
    if any(_host(source) == _host(target) for _, source, target, _ in seen):
        return [_Arrow(*entry) for entry in seen]
    return [_Arrow(time, _host(a), _host(b), label) for time, a, b, label in seen]


def _host(place: str) -> str:
    return place.rpartition(":")[0].strip("[]")


def _offset(arrow: _Arrow, arrows: Sequence[_Arrow]) -> str:
    return f"{arrow.time - arrows[0].time:9.3f}"


def _in_words(arrow: _Arrow) -> str:
    return f"{arrow.source} > {arrow.target}: {arrow.label}"


def _row(arrow: _Arrow, offset: str, places: Sequence[str], room: int) -> str:
    start, end = places.index(arrow.source), places.index(arrow.target)
    left, right = min(start, end), max(start, end)
    before = room // 2
    line = offset + " " * (TIME_WIDTH - len(offset)) + " " * before
    line += ("│" + " " * (room - 1)) * left
    span = (right - left) * room - 1
    if span < 0:  # to itself: nothing to span
        return line + f"│ {fit(arrow.label, room - 3)}"
    label = f" {fit(arrow.label, span - 4)} "
    shaft = _centred(label, span - 1, "─")
    line += f"│{shaft}▶│" if start < end else f"│◀{shaft}│"
    return line + (" " * (room - 1) + "│") * (len(places) - right - 1)


def _centred(text: str, width: int, filler: str) -> str:
    spare = max(0, width - cells(text))
    return filler * (spare // 2) + text + filler * (spare - spare // 2)
