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
    """"in" or "out", as the role sees it."""
    interface: str
    """The signaling interface: of the border a configured one, of the office LAN1."""
    transport: str
    """UDP, TCP or TLS."""
    local: str
    """address:port of ours"""
    remote: str
    """address:port of the peer"""
    call: str
    """Call-ID, "" when unreadable"""
    data: bytes
    """The whole message, secrets masked."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A stage decided something, and why: what `farline trace --decisions` prints."""

    stage: str
    """Which stage: "flow", "routing", "server-flow", "policy", "topology", "registrar", ..."""
    value: str
    """What it decided: a flow's name, a next hop, a status, ..."""
    because: str
    """Why, for people."""
    call: str = ""
    """Call-ID."""
    interface: str = ""
    """The signaling interface."""
    form: str = ""
    """The guide's form and field that decided, where one did."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Input was dropped or rejected; counted by `reason`."""

    reason: str
    """A short fixed word: "malformed", "no-flow", "shield", ..."""
    detail: str
    """What was wrong, for people."""
    interface: str
    """Where it came in."""
    remote: str
    """Who sent it, address:port."""
    call: str = ""
    """Call-ID."""


@dataclass(frozen=True, slots=True)
class CallChanged:
    """A call reached a state: "started", "ringing", "answered", "ended", "failed"."""

    call: str
    """Call-ID."""
    state: str
    """One of those words."""
    detail: str = ""
    """Who calls whom, or why it ended."""
    other: str = ""
    """Call-ID of the other leg, where a switch made one call of two: readers show both."""


@dataclass(frozen=True, slots=True)
class MediaSeen:
    """Media session news: ports given, latched, counters at the end."""

    call: str
    """Call-ID."""
    what: str
    """What happened, in a word or two."""
    detail: str
    """Ports, addresses, counters."""


@dataclass(frozen=True, slots=True)
class Note:
    """Anything else worth a line: listeners opened, a binding made, a relay's connection."""

    what: str
    """What happened, in a word or two."""
    detail: str
    """The rest of the line."""
    interface: str = ""
    """Where it happened: a signaling interface, a relay, a server."""
    call: str = ""
    """Call-ID."""


Event = MessageSeen | Decision | Refused | CallChanged | MediaSeen | Note


@dataclass(frozen=True, slots=True)
class Trace:
    """A core's output: write this event."""

    event: Event
