"""What `farline show` tells about a running office."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.office.call import Call
    from farline.office.core import OfficeCore

LATEST = 20
"""Call records shown."""


def show(core: OfficeCore) -> dict[str, object]:
    """Users, registrations, calls, the latest call records and counters; no secrets."""
    return {
        "users": [
            {"name": user.name, "extension": user.extension, "full_name": user.full_name}
            for user in core.users
        ],
        "registrations": [asdict(binding.kept) for binding in core.bindings],
        "calls": [_call(call) for call in core.switch.calls],
        "records": [asdict(record) for record in core.records.latest(LATEST)],
        "counters": {
            **core.counters,
            "connections": len(core.stack.connections),
            "transactions": len(core.stack.layer),
            "dialogs": len(core.stack.dialogs),
        },
    }


def _call(call: Call) -> dict[str, object]:
    return {
        "call": call.name,
        "caller": call.caller.extension,
        "called": call.called.extension,
        "state": "ringing" if call.answered is None else "answered",
    }
