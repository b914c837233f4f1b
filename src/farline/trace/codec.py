"""An event as a line of JSON: `{"time": 1764000000.25, "role": "border", "event": "message", ...}`.

The other members are the event's own fields. A message's bytes are text: UTF-8, and bytes that are
not UTF-8 as lone surrogates U+DC80 to U+DCFF (Python's "surrogateescape"), so nothing is lost.
Secrets are masked when a message is written (`masking.mask`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from json.encoder import encode_basestring_ascii as _text
from typing import TYPE_CHECKING, Final, get_args

from farline.trace import events
from farline.trace.masking import mask

if TYPE_CHECKING:
    from farline.trace.events import Event

MAX_LINE = 1_000_000
"""Characters. The largest SIP message is 64 KiB, and JSON writes one byte in at most six."""

_KINDS: Final[dict[str, type[Event]]] = {
    "message": events.MessageSeen,
    "decision": events.Decision,
    "refused": events.Refused,
    "call": events.CallChanged,
    "media": events.MediaSeen,
    "note": events.Note,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_FIELDS: Final = {kind: tuple(f.name for f in fields(kind)) for kind in _NAMES}
_HEADS: Final = {
    kind: tuple((f',"{name}":', name) for name in names) for kind, names in _FIELDS.items()
}
"""What stands before each value in a line: written by hand, as half of a border's trace is this."""
_REQUIRED: Final = {kind: set(names) for kind, names in _FIELDS.items()}
_OPTIONAL: Final[dict[object, set[str]]] = {events.CallChanged: {"other"}}
"""Fields that older files lack."""
_DIRECTIONS: Final = get_args(events.Direction)


class TraceFormatError(ValueError):
    """A line that is no event: what is wrong with it, for people."""


@dataclass(frozen=True, slots=True)
class Record:
    """An event with the wall-clock time (seconds since 1970) and the role that saw it."""

    time: float
    role: str
    event: Event


def encode_event(event: Event, time: float, role: str) -> str:
    """One line without its newline; ASCII only, so no control character of a peer gets out."""
    kind = type(event)
    parts = [f'{{"time":{round(time, 6)},"role":{_text(role)},"event":"{_NAMES[kind]}"']
    for head, name in _HEADS[kind]:
        value = getattr(event, name)
        if type(value) is bytes:
            value = mask(value).decode("utf-8", "surrogateescape")
        parts.append(head + _text(value))
    return "".join(parts) + "}"


def decode(line: str) -> Record:
    """The record of a line. Raises TraceFormatError."""
    if len(line) > MAX_LINE:
        raise TraceFormatError(f"longer than {MAX_LINE} characters")
    try:
        tree = json.loads(line)
    except (ValueError, RecursionError):
        raise TraceFormatError("not JSON") from None
    if not isinstance(tree, dict):
        raise TraceFormatError("not a JSON object")
    time, role, kind = tree.pop("time", None), tree.pop("role", None), tree.pop("event", None)
    if isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time < 1e11:
        raise TraceFormatError("no time")
    if not isinstance(role, str):
        raise TraceFormatError("no role")
    form = _KINDS.get(kind) if isinstance(kind, str) else None
    if form is None:
        raise TraceFormatError(f"unknown event {kind!r:.40}")
    return Record(float(time), role, _event(form, tree))


def _event(form: type[Event], tree: dict[str, object]) -> Event:
    missing = _REQUIRED[form] - set(tree) - _OPTIONAL.get(form, set())
    if missing or set(tree) - _REQUIRED[form]:
        raise TraceFormatError(f"fields of {_NAMES[form]!r} missing or unknown")
    values: dict[str, str | bytes] = {}
    for name, value in tree.items():
        if not isinstance(value, str):
            raise TraceFormatError(f"{name} is not text")
        values[name] = _bytes(value) if name == "data" else value
    if "direction" in values and values["direction"] not in _DIRECTIONS:
        raise TraceFormatError(f"direction {values['direction']!r:.20}")
    return form(**values)  # type: ignore[arg-type]  # names and types were checked above


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise TraceFormatError("data holds a surrogate that stands for no byte") from None
