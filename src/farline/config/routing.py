"""Global Policies > Routing Profile: where requests go next, and in which order."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from farline.config.base import Form, Name, Port, only
from farline.config.server import Destination, ServerTransport, is_name


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
    address: str = Field(title="Next Hop Address", min_length=1, max_length=255)
    port: Port | None = Field(None, title="Next Hop Address (port)")


class RoutingProfile(Form):
    """Where requests go next."""

    form: ClassVar[str] = "Global Policies > Routing Profile"
    name: Name = Field(title="Profile Name")
    uri_group: Annotated[str, only("*", "URI groups are not built yet")] = Field(
        "*", title="URI Group"
    )
    time_of_day: Annotated[str, only("default", "times of day are not built yet")] = Field(
        "default", title="Time of Day"
    )
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
