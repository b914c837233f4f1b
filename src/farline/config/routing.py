"""Global Policies > Routing Profile: where requests go next, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from farline.config.base import Form, Name, Port
from farline.config.server import Destination, HostText, ServerTransport, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def _domain(text: str) -> str:
    if text and not is_name(text):
        raise ValueError(f"{text!r} is no domain name")
    return text


DomainText = Annotated[str, AfterValidator(_domain)]
"""A domain name, or nothing."""


class NextHop(Destination):
    """One line of a routing profile: a server and which of its addresses, written alike."""

    form: ClassVar[str] = "Global Policies > Routing Profile"
    priority: int = Field(1, ge=1, le=100, title="Priority / Weight")
    server: Name = Field(title="Server Configuration")
    address: HostText = Field(title="Next Hop Address")
    port: Port | None = Field(None, title="Next Hop Address (port)")


class RoutingRule(Form):
    """For whom and when, and which next hops then."""

    form: ClassVar[str] = "Global Policies > Routing Profile"
    uri_group: Name = Field("*", title="URI Group")
    """The end point's address is one of the group's; or *."""
    time_of_day: Name = Field("default", title="Time of Day")
    """A time of day rule. A phone comes under another rule with its next REGISTER, once it has no
    call."""
    load_balancing: Literal["priority", "round_robin", "weighted", "least_used", "dns_srv"] = Field(
        "priority", title="Load Balancing"
    )
    """How new ways are shared out among the next hops: by Priority / Weight (lowest first), in
    turn, by chance with Priority / Weight as weight, to the one that the fewest phones use, or by
    the priorities and weights of SRV records (RFC 2782)."""
    naptr: bool = Field(False, title="NAPTR")
    """Names without port are looked up with NAPTR first, which chooses transports (RFC 3263)."""
    transport: ServerTransport | None = Field(None, title="Transport")
    """For next hops that leave theirs open: only this one."""
    next_hop_priority: bool = Field(False, title="Next Hop Priority")
    """A phone that was sent to a lesser next hop goes back to the best one when that is up again,
    with its next REGISTER while it has no call. Off: it stays where it is well served."""
    next_hop_in_dialog: bool = Field(False, title="Next Hop In-Dialog")
    """Requests in a dialog go where the phone's other requests go. Off: to the next hop that its
    peer's Record-Route or Contact names, as long as that is one of this profile."""
    ignore_route_header: bool = Field(False, title="Ignore Route Header")
    """Off: a Route of a REGISTER that names one of these next hops puts it first. A Route to
    anywhere else is never followed."""
    enum: bool = Field(False, title="ENUM")
    """Requests to a telephone number (+ and digits) get the SIP URI that the DNS has for it."""
    enum_suffix: DomainText = Field("", title="ENUM Suffix")
    """Empty: e164.arpa."""
    next_hops: tuple[NextHop, ...] = Field(min_length=1, title="Next Hop")

    @property
    def by_priority(self) -> tuple[NextHop, ...]:
        """The next hops in the order in which they are tried."""
        return tuple(sorted(self.next_hops, key=lambda hop: hop.priority))


class RoutingProfile(RoutingRule):
    """Where requests go next: the first rule that fits, of which the form's own fields are one."""

    name: Name = Field(title="Profile Name")
    further_rules: tuple[RoutingRule, ...] = Field((), max_length=50, title="Further Rules")
    """Tried in their order after the profile's own fields."""

    @property
    def rules(self) -> tuple[RoutingProfile, ...]:
        """Every rule in order, each as the profile that has it alone."""
        alone = self.model_copy(update={"further_rules": ()})
        return (
            alone,
            *(
                RoutingProfile.model_construct(
                    name=self.name,
                    further_rules=(),
                    **{key: getattr(rule, key) for key in RoutingRule.model_fields},
                )
                for rule in self.further_rules
            ),
        )

    @property
    def all_hops(self) -> Iterator[tuple[str, RoutingProfile, NextHop]]:
        """Every next hop with the rule that has it, and its place within the profile."""
        for order, rule in enumerate(self.rules):
            place = f"further_rules[{order - 1}]." if order else ""
            for number, hop in enumerate(rule.next_hops):
                yield f"{place}next_hops[{number}]", rule, hop
