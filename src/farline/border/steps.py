"""How the border waits: an operation is a generator that yields what it waits for.

    flow = yield Reach(binding)             the connection to the next hop, or None
    reply = yield Ask(Offer(...))           the media engine's answer
    found = yield Question(name, "SRV")     what the DNS says
    event = yield NEXT                      the next event of the operation's transactions

It reads as a straight line, does no I/O, and a test can step through it. Events that come while an
operation waits for something else are kept for its next `yield NEXT`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from farline.sip.dns import Question

if TYPE_CHECKING:
    from collections import deque

    from farline.border.plan import Candidate
    from farline.border.registrations.binding import Binding
    from farline.media.engine import MediaRequest
    from farline.sip.transaction import ClientTransaction

MAX_INBOX = 64
"""Events kept for an operation that waits for something else; more are dropped."""


class Next:
    """Wait for the next event."""


NEXT: Final = Next()


@dataclass(frozen=True, slots=True)
class Ask:
    """Wait for the media engine. The reply is a `MediaReply`."""

    request: MediaRequest


@dataclass(slots=True)
class Reach:
    """Wait for the binding's upstream connection: a `Flow`, or None when no next hop is there.

    `avoid`: next hops that this operation has tried in vain.
    """

    binding: Binding
    avoid: frozenset[Candidate] = frozenset()
    routes: tuple[str, ...] = ()
    """Route values of the request: where they name a next hop of the profile, it comes first."""

    registers: bool = False
    """It is for a REGISTER: goes back to the best next hop if the way leads to a lesser one (Next
    Hop Priority), and only to servers that register phones."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Wait for a new connection to a next hop: a `Flow`, or `Unreachable`."""

    interface: str
    candidate: Candidate
    tls_profile: str | None = None
    """The TLS client profile; None: that of the server profile."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Wait for the connection to a next hop that is shared: a `Flow`, or `Unreachable`."""

    interface: str
    candidate: Candidate
    tls_profile: str | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """Wait for a phone that sleeps: its new `Flow`, or None when it does not register in time."""

    binding: Binding
    method: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection could be made; `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class RunScript:
    """Wait for a signaling manipulation script. The reply is a `Manipulated`."""

    script: str
    data: bytes
    direction: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Event: a next hop has said nothing for so long that another one is tried."""

    tx: ClientTransaction


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Event: the caller sent CANCEL. `reasons` are its Reason headers."""

    reasons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Aborted:
    """Event: the border itself ends this; the caller gets `status`."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class TimerC:
    """Event: an INVITE rang for too long (RFC 3261 section 16.8)."""


Step: TypeAlias = Next | Ask | Reach | Dial | Connect | Wake | Question | RunScript
Steps: TypeAlias = Generator[Step, Any, None]


class Operation:
    """One request on its way, and the generator that looks after it."""

    __slots__ = ("call", "inbox", "steps", "waiting")

    def __init__(self, call: str) -> None:
        self.steps: Steps | None = None
        """None once it is over."""

        self.call = call
        """Call-ID, for the trace."""

        self.waiting: Step | None = None
        self.inbox: deque[object] | None = None
        """Events for the next `yield NEXT`; most operations never have one."""
