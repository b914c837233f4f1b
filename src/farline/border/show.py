"""What a border shows of itself to people: bindings, sessions, counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registration import Binding
    from farline.border.session import Session


def show(context: Context) -> dict[str, object]:
    """Everything that `farline show` prints of a border, as plain values."""
    layer = context.layer.counters
    return {
        "bindings": [_binding(binding, context.now) for binding in context.bindings],
        "sessions": [_session(session, context.now) for session in context.sessions],
        "pending": context.bindings.pending,
        "transactions": len(context.layer),
        "upstream_connections": len(context.upstreams),
        "sources": len(context.sources),
        "counters": {
            **dict(sorted(context.counters.items())),
            "transactions.refused": layer.refused,
            "transactions.stray": layer.stray,
        },
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
    }


def _session(session: Session, now: float) -> dict[str, object]:
    return {
        "call": session.call_id,
        "kind": "call" if session.is_call else "subscription",
        "state": session.state,
        "aor": session.binding.aor,
        "from": session.initiator.value,
        "seconds": round(now - session.started_at, 1),
        "media": session.anchored.media if session.anchored else None,
    }
