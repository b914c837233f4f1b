"""Whether a flow is dead: every request that it would take is taken by flows before it together.

A flow is a box: one criterion a dimension. Whether boxes cover a box can be told from finitely many
points. For addresses these are the first ones of every subnet and those behind its end; for text
the one that fits the flow and as little else as possible. A pattern that cannot be looked into
covers itself only, so no flow is called dead that is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

from farline.config.matching import ANY, agent_fits, is_regex
from farline.config.subnets import in_subnet, literal, network

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farline.config.flows import ServerFlow, SubscriberFlow

MAX_POINTS = 20_000
"""Points that are tried for one flow; with more, nothing is said of it."""

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - the first addresses, nothing listens there
NOWHERE = "elsewhere.invalid"
"""A host that only `*` fits."""


@dataclass(frozen=True, slots=True)
class Covered:
    """A dead flow: a request that it would take, and the flows before it that take all of them."""

    witness: dict[str, str]
    takers: tuple[str, ...]


def subscriber_cover(flow: SubscriberFlow, earlier: Sequence[SubscriberFlow]) -> Covered | None:
    """Why a subscriber flow never matches; None when there is a request for it."""
    rivals = [
        one
        for one in earlier
        if one.signaling_interface == flow.signaling_interface
        and one.uri_group in (ANY, flow.uri_group)
    ]
    agent = _agent(flow.user_agent)
    rivals = [one for one in rivals if _takes_agent(one.user_agent, flow.user_agent, agent)]
    if not rivals:
        return None
    names = ("source_subnet", "via_host", "contact_host")
    others = {name: [str(getattr(one, name)) for one in rivals] for name in names}
    points = product(
        _addresses(flow.source_subnet, others["source_subnet"]),
        _hosts(flow.via_host, others["via_host"]),
        _hosts(flow.contact_host, others["contact_host"]),
    )
    return _covered(flow.user_agent, names, points, rivals)


def server_cover(
    flow: ServerFlow, earlier: Sequence[ServerFlow], transports: Sequence[str]
) -> Covered | None:
    """Why a server flow takes no request to its server; None when there is one for it."""
    rivals = [
        one
        for one in earlier
        if one.server_profile == flow.server_profile
        and one.received_interface == flow.received_interface
        and one.uri_group in (ANY, flow.uri_group)
    ]
    if not rivals:
        return None
    mine = transports if flow.transport == ANY else (str(flow.transport),)
    addresses = _addresses(flow.remote_subnet, [one.remote_subnet for one in rivals])
    points = product(mine, addresses)
    return _covered("", ("transport", "remote_subnet"), points, rivals)


def _covered(
    agent: str,
    names: tuple[str, ...],
    points: Iterable[tuple[str, ...]],
    rivals: Sequence[SubscriberFlow] | Sequence[ServerFlow],
) -> Covered | None:
    takers: dict[str, None] = {}
    witness: dict[str, str] = {}
    for number, point in enumerate(islice(points, MAX_POINTS + 1)):
        if number == MAX_POINTS:
            return None
        taker = next((one for one in rivals if _takes(one, names, point)), None)
        if taker is None:
            return None
        takers[taker.name] = None
        witness = witness or dict(zip(names, point, strict=True))
    if agent not in ("", ANY):
        witness["user_agent"] = agent
    return Covered(witness, tuple(takers))


def _takes(
    flow: SubscriberFlow | ServerFlow, names: tuple[str, ...], point: tuple[str, ...]
) -> bool:
    return all(
        _fits(name, str(getattr(flow, name)), value)
        for name, value in zip(names, point, strict=True)
    )


def _fits(name: str, criterion: str, value: str) -> bool:
    if criterion == ANY:
        return True
    if name == "transport":
        return criterion == value
    if criterion.lower() == value.lower():
        return True
    both = network(criterion) is not None and literal(value) is not None
    return both and in_subnet(criterion, value)


def _hosts(mine: str, others: Iterable[str]) -> tuple[str, ...]:
    """Hosts within a criterion. What only `*` fits is taken by no more flows than any other."""
    if mine == ANY:
        return (NOWHERE,)
    return (mine,) if network(mine) is None else _addresses(mine, others)


def _addresses(mine: str, others: Iterable[str]) -> tuple[str, ...]:
    """Addresses within a criterion, one of each kind that the others tell apart."""
    own = network(mine)
    edges = dict.fromkeys((str(own.network_address),) if own is not None else EVERYWHERE)
    for net in (net for other in others if (net := network(other)) is not None):
        edges[str(net.network_address)] = None
        behind = int(net.broadcast_address) + 1
        if behind < 2**net.max_prefixlen:
            edges[str(type(net.network_address)(behind))] = None
    if own is None:
        return tuple(edges)
    return tuple(edge for edge in edges if in_subnet(mine, edge))


def _agent(criterion: str) -> str:
    """The shortest header that fits a criterion which can be looked into."""
    return "" if criterion == ANY else criterion.replace("*", "")


def _takes_agent(rival: str, mine: str, agent: str) -> bool:
    """Whether a rival takes every User-Agent that fits a criterion."""
    if rival in (ANY, mine):
        return True
    if mine == ANY or is_regex(mine) or is_regex(rival):
        return False
    return agent_fits(rival, agent) and _parts_in_order(rival, mine)


def _parts_in_order(rival: str, mine: str) -> bool:
    """Whether each part of the rival lies within one part of mine, so that no gap can break it."""
    left = mine.split("*")
    for part in filter(None, rival.split("*")):
        while left and part not in left[0]:
            left.pop(0)
        if not left:
            return False
        left[0] = left[0].partition(part)[2]
    return True
