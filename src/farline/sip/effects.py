"""What goes into a SIP core and what comes out of it.

A core (border, office, phone) has three calls and no I/O:

    core.handle(input, now)     one of the inputs below; `now` is monotonic seconds
    core.poll()                 the next output, or None; call until None after every handle
    core.next_deadline()        when it wants `Expired`, with the timer's name; None for never

`runtime.sip` performs outputs and delivers inputs; tests do the same by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from farline.sip.dns import Found, Question
    from farline.sip.transport import Address, Flow, Transport


class Deadline(NamedTuple):
    """When a core wants to be woken (monotonic seconds) and which timer that is."""

    at: float
    timer: str


# ---- inputs ----
#
# Nobody changes one. `Received` and `Send` are not frozen all the same: that would triple what the
# making of them costs, and they are made for every message.


@dataclass(frozen=True, slots=True)
class Started:
    """The ports are open: what the core does of its own accord may begin."""


@dataclass(slots=True)
class Received:
    """One whole SIP message arrived (the driver did the framing)."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class KeptAlive:
    """A keep-alive came (RFC 5626 section 4.4); only cores that ask for it are told."""

    flow: Flow
    data: bytes = b""
    """A STUN message; empty for CRLF, which the driver answers where that is due."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection was accepted (`ticket` None), or the one asked for by `Open` is there."""

    flow: Flow
    ticket: int | None = None


@dataclass(frozen=True, slots=True)
class OpenFailed:
    """The connection asked for by `Open` could not be made; `reason` is for people."""

    ticket: int
    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection is gone, whoever closed it."""

    flow: Flow
    reason: str


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the DNS says to a `Lookup`; always comes."""

    ticket: int
    found: Found


@dataclass(frozen=True, slots=True)
class Expired:
    """The time that `next_deadline` asked for has come."""


# ---- outputs ----


@dataclass(slots=True)
class Send:
    """Write these bytes to the flow; on a lost flow the driver answers with `Closed`."""

    flow: Flow
    data: bytes
    ds_byte: int | None = None
    """The DS byte of its packets (RFC 2474); None: that of the socket."""


@dataclass(frozen=True, slots=True)
class Open:
    """Connect from the address of the signaling interface, any port, to `remote` (TCP or TLS)."""

    ticket: int
    interface: str
    transport: Transport
    remote: Address
    server_name: str | None = None
    """The name that the peer's certificate must bear (TLS); None: the remote address."""

    tls_profile: str | None = None
    """The TLS client profile to judge the peer by; None: the driver's own."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask the DNS; the answer is `LookedUp`."""

    ticket: int
    question: Question


@dataclass(frozen=True, slots=True)
class Close:
    """Close this connection after what was sent has left."""

    flow: Flow


class Core(Protocol):
    """The shape shared by every SIP core; other packages add their own inputs and outputs."""

    def handle(self, event: object, now: float) -> None:
        """Take one input."""

    def poll(self) -> object | None:
        """Give the next output, None when there is none left."""

    def next_deadline(self) -> Deadline | None:
        """Say when `Expired` is wanted."""
