"""What a border shows of itself to people: bindings, sessions, counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.plan import Candidate
from farline.border.registrations.binding import INSTANCE_KEY

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.shield.bans import Ban
    from farline.config import ServerFlow, SubscriberFlow
    from farline.sip import Transport


def show(context: Context, now: float) -> dict[str, object]:
    """Everything that `farline show` prints of a border, as plain values."""
    layer = context.layer.counters
    return {
        "bindings": [_binding(one, now) for one in context.bindings if not one.is_way],
        "sessions": [_session(session, now) for session in context.sessions],
        "next hops": next_hops(context, now),
        "registrations": context.accounts.show(now),
        "subscriber flows": _flows(context.plan.border.subscriber_flows),
        "server flows": _flows(context.plan.border.server_flows),
        "pending": context.bindings.pending,
        "transactions": len(context.layer),
        "upstream_connections": len(context.upstreams),
        "shield": {
            "mode": context.shield.form.mode,
            **context.shield.floods.states(now),
        },
        "bans": [_ban(ban, now) for ban in context.shield.bans.running(now)],
        "counters": {
            **dict(sorted(context.counters.items())),
            "transactions.refused": layer.refused,
            "transactions.stray": layer.stray,
        },
    }


def calls(context: Context) -> dict[Hashable, frozenset[tuple[str, Transport]]]:
    """Every call, with the signaling interfaces and transports of both its legs."""
    return {session.key: _used(session.binding) for session in context.sessions if session.is_call}


def _used(binding: Binding) -> frozenset[tuple[str, Transport]]:
    used = set()
    first = binding.phone or binding.last_flow
    if first is not None:
        used.add((first.interface, first.transport))
    if binding.line is not None and binding.upstream and binding.upstream.candidate:
        interface = binding.line.server.signaling_interface
        used.add((interface, binding.upstream.candidate.transport))
    return frozenset(used)


def next_hops(context: Context, now: float) -> list[dict[str, object]]:
    """Each address of a server, and each that a name led to: its health and who uses it."""
    plan, health, used = context.plan, context.health, context.upstreams.used
    known = [
        Candidate(server.name, *entry.fixed)
        for server in plan.servers.values()
        for entry in server.addresses
        if entry.fixed is not None
    ]
    rows = dict.fromkeys([*known, *health.known(now), *used])
    return [
        {
            "server": one.server,
            "address": str(one.remote),
            "transport": one.transport.value,
            **health.show(one, now),
            "bindings": used.get(one, 0),
        }
        for one in rows
    ]


def _flows(flows: Sequence[SubscriberFlow | ServerFlow]) -> list[dict[str, object]]:
    """Flows in the order in which they are tried: the first that matches wins."""
    return [
        {
            "order": order,
            "name": flow.name,
            "interface": flow.signaling_interface,
            "uri group": flow.uri_group,
            "policy group": flow.end_point_policy_group,
            "routing profile": flow.routing_profile,
        }
        for order, flow in enumerate(flows, 1)
    ]


def _ban(ban: Ban, now: float) -> dict[str, object]:
    """In preview these are the ones who would be banned."""
    return {
        "who": ban.who,
        "why": ban.why,
        "seconds left": round(ban.until - now),
        "times": ban.times,
    }


def _binding(binding: Binding, now: float) -> dict[str, object]:
    phone = binding.phone
    upstream = binding.upstream.flow if binding.upstream else None
    return {
        "aor": binding.aor,
        "subid": binding.subid,
        "contact": binding.contact,
        "phone": str(phone.remote) if phone else None,
        "transport": phone.transport.value if phone else None,
        "upstream": f"{upstream.remote} ({upstream.transport})" if upstream else None,
        "flow": binding.subscriber.name,
        "registered": binding.registered,
        "expires_in": round(max(0.0, binding.expires_at - now), 1),
        "sessions": binding.sessions,
        **_reached(binding, now),
    }


def _reached(binding: Binding, now: float) -> dict[str, object]:
    """How the phone is reached: its flow of several, its own lease, what its NAT has shown."""
    instance = binding.key[2] if len(binding.key) == INSTANCE_KEY else ""
    return {
        "instance": instance,
        "reg_id": binding.key[3] if instance else "",
        "phone_lease_left": round(max(0.0, min(binding.phone_until, binding.expires_at) - now), 1),
        "push": dict(binding.push).get("pn-provider", ""),
        **binding.nat.show(),
    }


def _beginner(session: Session) -> str:
    """The side that began; between servers, which server called which."""
    peer, line = session.binding.peer, session.binding.line
    if peer is None or line is None:
        return session.initiator.value
    return f"{peer.server_profile} to {line.server.server_profile}"


def _session(session: Session, now: float) -> dict[str, object]:
    return {
        "call": session.call_id,
        "kind": "call" if session.is_call else "subscription",
        "state": session.state,
        "aor": session.binding.aor,
        "from": _beginner(session),
        "seconds": round(now - session.started_at, 1),
        "media": session.anchored.media if session.anchored else None,
        "recordings": list(session.recordings),
        "recording_server": session.recorder.state if session.recorder else None,
    }
