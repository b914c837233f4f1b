"""The audit: what still told an outsider something of the inside is counted and traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config import TopologyAudit

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.sip import Message
    from farline.sip.effects import Send

PLACES = frozenset(
    {"From", "To", "Via", "Call-ID", "Record-Route", "Route", "Contact", "Warning", "body",
     "WWW-Authenticate", "Proxy-Authenticate", "Refer-To", "Replaces"}
)  # fmt: skip
"""Places that are counted by name; what a peer calls its headers is no counter of ours."""


def removed(context: Context, before: Message, out: Message) -> None:
    """Say that the body of a message was taken out, for nobody could look into it."""
    if before.body and not out.body:
        context.counters["audit.bodies-removed"] += 1
        kind = before.get("Content-Type") or "no type"
        text = f"a body of {kind[:80]!r} cannot be read, and may name anything"
        context.decided("topology", "body removed", text, f"{TopologyAudit.form}: Action")


def report(context: Context, leaving: Send) -> None:
    """Say what a message that leaves tells of the inside, if its reader is a stranger."""
    flow, hider = leaving.flow, context.hider
    if flow.interface not in context.plan.outsiders and not context.is_outside(flow):
        return
    for where, what in hider.findings(leaving.data):
        context.counters["audit.leaks"] += 1
        context.counters[f"audit.{where}" if where in PLACES else "audit.other"] += 1
        action = "reported only" if hider.report_only else "it cannot be replaced"
        text = f"{what} in {where} of a message to {flow.remote}: {action}"
        context.decided("audit", f"leak in {where}", text, TopologyAudit.form)
