"""Global Policies > Routing Profile: where requests go next, and in which order."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from farline.config.base import Form, Name, Port, only
from farline.config.server import TransportName


class NextHop(Form):
    """One line of a routing profile: a server and which of its addresses."""

    form: ClassVar[str] = "Global Policies > Routing Profile"
    priority: int = Field(1, ge=1, le=100, title="Priority / Weight")
    server: Name = Field(title="Server Configuration")
    address: str = Field(title="Next Hop Address")
    port: Port = Field(title="Next Hop Address (port)")
    transport: TransportName


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
    load_balancing: Literal["priority", "round_robin", "weighted", "least_used"] = Field(
        "priority", title="Load Balancing"
    )
    """How new ways are shared out among the next hops: by Priority / Weight (lowest first), in
    turn, by chance with Priority / Weight as weight, or to the one that the fewest phones use."""
    naptr: Annotated[bool, only(False, "NAPTR is not built yet")] = Field(False, title="NAPTR")
    transport: Annotated[str | None, only(None, "it follows the next hop")] = Field(
        None, title="Transport"
    )
    next_hop_priority: Annotated[bool, only(False, "not built yet")] = Field(
        False, title="Next Hop Priority"
    )
    next_hop_in_dialog: Annotated[bool, only(False, "not built yet")] = Field(
        False, title="Next Hop In-Dialog"
    )
    ignore_route_header: Annotated[bool, only(False, "not built yet")] = Field(
        False, title="Ignore Route Header"
    )
    enum: Annotated[bool, only(False, "ENUM is not built yet")] = Field(False, title="ENUM")
    enum_suffix: Annotated[str, only("", "ENUM is not built yet")] = Field("", title="ENUM Suffix")
    next_hops: tuple[NextHop, ...] = Field(min_length=1, title="Next Hop")

    @property
    def by_priority(self) -> tuple[NextHop, ...]:
        """The next hops in the order in which they are tried."""
        return tuple(sorted(self.next_hops, key=lambda hop: hop.priority))
