"""Bindings out of the records of the process before this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.plan import Candidate
from farline.border.registrations.binding import Binding
from farline.border.registrations.expiry import watch_expiry
from farline.border.routing.links import udp_flow
from farline.border.routing.peers import PeerFlow
from farline.border.survival import records
from farline.border.survival.records import BindingRecord, RecordError
from farline.border.topology.line import make_line
from farline.border.trunks.ways import WORD
from farline.sip import Address, Flow, Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.border.context import Context
    from farline.border.survival.records import HopRecord
    from farline.config import ServerFlow, SubscriberFlow


def restore_binding(context: Context, key: str, value: bytes) -> None:
    """Take one binding in, with its way to the office. Raises RecordError."""
    record = records.decode(value, BindingRecord)
    left = record.expires_at - context.wall(context.now)
    if left <= 0:
        raise RecordError("its lease is over")
    if context.bindings.by_key(record.key) is not None or not record.key:
        raise RecordError("a second one of the same contact")
    is_way = record.key[0] == WORD
    full = context.bindings.full(record.user, record.domain, "")
    if full is not None and not is_way:
        raise RecordError(f"there are {full} already")
    subscriber = _beginning(context, record)
    last = _flow(record)
    binding = Binding(
        key,
        record.key,
        record.user,
        record.domain,
        subscriber,
        record.contact,
        last if last.transport is Transport.UDP else None,
        context.now + left,
        registered=True,
        outbound=record.outbound,
        service_routes=record.service_routes,
        last_registered=context.now - (context.wall(context.now) - record.registered_at),
        last_flow=last,
        path=record.path,
        push=record.push,
        answer=record.answer,
        office_lease=record.office_lease,
        phone_until=context.now + record.phone_until - context.wall(context.now),
        peer=subscriber.server if isinstance(subscriber, PeerFlow) else None,
    )
    if record.hop is not None:
        _draw(context, binding, last, record.hop)
    if is_way:
        context.bindings.take_way(binding)
        context.ways.watch(binding)
        return
    context.bindings.restore(binding)
    watch_expiry(context, binding)


def _beginning(context: Context, record: BindingRecord) -> SubscriberFlow:
    """The flow that a binding began by; raises RecordError when there is none any more."""
    plan, name = context.plan, record.subscriber
    flows: Sequence[SubscriberFlow] = plan.subscriber_flows.get(record.interface, ())
    if record.key[0] == WORD:
        flows = list(plan.peers.values())
    for flow in flows:
        if flow.name == name and flow.signaling_interface == record.interface:
            return flow
    kind = "Server Flow" if record.key[0] == WORD else "Subscriber Flow"
    raise RecordError(f"{kind} {name!r} is not on {record.interface!r}")


def _flow(record: BindingRecord) -> Flow:
    try:
        kind = Transport(record.transport)
    except ValueError:
        raise RecordError(f"no transport is called {record.transport!r}") from None
    return Flow(0, record.interface, kind, Address(*record.local), Address(*record.remote))


def _draw(context: Context, binding: Binding, phone: Flow, hop: HopRecord) -> None:
    """The binding's way to the office, where the configuration still has it."""
    server = _server_flow(context, hop)
    if server is None:
        return
    candidate = Candidate(
        hop.server, Transport(hop.transport), Address(*hop.remote), hop.failover, hop.name
    )
    binding.line = make_line(
        context.plan,
        subid=binding.subid,
        domain=binding.domain,
        subscriber=binding.subscriber,
        phone=phone,
        server=server,
        candidate=candidate,
    )
    udp = candidate.transport is Transport.UDP
    interface = server.signaling_interface
    flow = udp_flow(context, interface, candidate) if udp else None
    context.upstreams.restore(binding, candidate, flow)


def _server_flow(context: Context, hop: HopRecord) -> ServerFlow | None:
    if hop.server not in context.plan.servers or hop.transport not in Transport.__members__:
        return None
    flows = context.plan.border.server_flows
    return next((flow for flow in flows if flow.name == hop.server_flow), None)
