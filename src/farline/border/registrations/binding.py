"""A binding: which phone is behind which address of ours, over which connection (RFC 5626).

A binding begins pending, when a REGISTER is forwarded, and is registered when the office's 200 says
so; only then do requests of the phone pass. A REGISTER that is not accepted changes nothing of the
binding that it names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from farline.border.exchange import Side
from farline.border.registrations.nat import NatTime
from farline.sip import Address, Flow, Transport

if TYPE_CHECKING:
    from farline.border.policy.leg_rules import Legs
    from farline.border.routing.upstream import Upstream
    from farline.border.topology.line import Line
    from farline.config import ServerFlow, SubscriberFlow
    from farline.sip import NameAddr
    from farline.sip.schedule import Alarm

BindingKey = tuple[str, ...]
"""What makes two REGISTERs mean the same binding (`contact_key`)."""

INSTANCE_KEY = 4
"""Parts of the key of a phone with instance: user, domain, instance, reg-id."""

CONTACT_KEY = 3
"""Parts of the key of a phone without instance: user, domain, Contact URI."""


@dataclass(slots=True, eq=False)
class Binding:
    """One contact of one phone."""

    subid: str
    key: BindingKey
    user: str
    domain: str
    subscriber: SubscriberFlow
    contact: str
    """The phone's Contact URI, as registered."""

    phone: Flow | None
    """The flow that the phone registered on; None while its connection is lost."""

    expires_at: float
    registered: bool = False
    outbound: bool = False
    """The phone speaks RFC 5626 (it sent reg-id): a lost flow is then told with 430."""

    service_routes: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    """The Path that came with the REGISTER: the way back to the phone behind an edge proxy."""

    push: tuple[tuple[str, str], ...] = ()
    """Push parameters of the Contact (RFC 8599), complete or none."""

    answer: tuple[tuple[str, str], ...] = ()
    """Headers of the office's 200, for refreshes that are answered here."""

    office_lease: float = 0.0
    """Seconds that the office granted last, at `last_registered`."""

    phone_until: float = inf
    """End of the phone's own lease; after it the phone counts as lost, and the binding stays."""

    nat: NatTime = field(default_factory=NatTime)
    watch: Alarm | None = None
    """Looks after both leases."""

    watch_at: float = 0.0
    """When it looks next; what is later then it sees by itself."""

    upstream: Upstream | None = None
    line: Line | None = None
    legs: Legs | None = None
    """What was worked out of the configuration for its line (`leg_rules`)."""

    sessions: int = 0
    """Calls and subscriptions."""

    calls: int = 0
    last_registered: float = field(default=0.0)
    last_flow: Flow | None = None
    """The flow of the last registration, also when it is lost."""

    peer: ServerFlow | None = None
    """The server flow that a way between servers begins at; None: this is a phone's."""

    @property
    def aor(self) -> str:
        """user@domain."""
        return f"{self.user}@{self.domain}"

    @property
    def is_way(self) -> bool:
        """Whether it joins two servers."""
        return self.peer is not None

    @property
    def seat(self) -> Flow:
        """The phone's flow; of one whose connection is lost the interface only."""
        nowhere, interface = Address("", 0), self.subscriber.signaling_interface
        return self.phone or Flow(0, interface, Transport.TCP, nowhere, nowhere)

    def configured(self, side: Side) -> SubscriberFlow | ServerFlow | None:
        """The flow (of the forms) of a side's leg; None where no server was reached yet."""
        if side is Side.OUTSIDE:
            return self.subscriber
        return self.line.server if self.line is not None else None


def contact_key(user: str, domain: str, contact: NameAddr) -> BindingKey:
    """What makes two REGISTERs mean the same binding: instance and reg-id, else the contact URI."""
    instance = contact.param("+sip.instance")
    if instance:
        return user, domain.lower(), instance, contact.param("reg-id") or ""
    return user, domain.lower(), str(contact.uri)


def are_one_device(one: Binding, other: Binding) -> bool:
    """Whether two bindings are flows of one device, or the same."""
    if one is other:
        return True
    return len(one.key) == INSTANCE_KEY == len(other.key) and one.key[:3] == other.key[:3]
