"""The event stream: every message and every decision, with time, interface and call.

Cores emit these values; `runtime` stamps them (wall-clock seconds, role) and writes them as JSON
lines, which `farline trace` reads back. Pcap files, ladders and explanations are made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """A SIP message passed an interface (TLS: decrypted)."""

    direction: Direction
    interface: str
    transport: str
    local: str
    """address:port"""
    remote: str
    call: str
    """Call-ID, "" when unreadable"""
    data: bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """A stage decided something, and why: what `farline explain` prints."""

    stage: str
    value: str
    because: str
    call: str = ""
    interface: str = ""
    form: str = ""
    """The guide's form and field that decided, where one did."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Input was dropped or rejected; counted by `reason`."""

    reason: str
    """A short fixed word: "malformed", "no-flow", "rate", ..."""
    detail: str
    interface: str
    remote: str
    call: str = ""


@dataclass(frozen=True, slots=True)
class CallChanged:
    """A call reached a state: "started", "ringing", "answered", "ended", "failed"."""

    call: str
    state: str
    detail: str = ""
    other: str = ""
    """Call-ID of the other leg, where a switch made one call of two: readers show both."""


@dataclass(frozen=True, slots=True)
class MediaSeen:
    """Media session news: ports given, latched, counters at the end."""

    call: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Note:
    """Anything else worth a line: listeners opened, a binding made, a relay's connection."""

    what: str
    detail: str
    interface: str = ""
    call: str = ""


Event = MessageSeen | Decision | Refused | CallChanged | MediaSeen | Note


@dataclass(frozen=True, slots=True)
class Trace:
    """A core's output: write this event."""

    event: Event
