"""How long a binding lasts: its own end, the phone's shorter lease, and older bindings it leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls.teardown import drop_binding, lose_phone
from farline.border.registrations import lease

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding


def watch_expiry(context: Context, binding: Binding) -> None:
    """Remove the binding when its time is over, and lose the phone when its own lease is."""

    def look(now: float) -> None:
        binding.watch = None
        if context.bindings.by_subid(binding.subid) is not binding:
            return
        if binding.expires_at <= now:
            drop_binding(context, binding, "expired" if binding.registered else "not accepted")
            return
        if binding.registered and binding.phone is not None and binding.phone_until <= now:
            lose_phone(context, binding)
        watch_expiry(context, binding)

    short = binding.registered and binding.phone is not None
    at = min(binding.phone_until, binding.expires_at) if short else binding.expires_at
    if binding.watch is not None:
        if binding.watch_at <= at:
            return
        binding.watch.stop()
    binding.watch, binding.watch_at = context.schedule.start(at, "binding", look), at


def wait_for(context: Context, binding: Binding, seconds: float) -> None:
    """A phone that was told to refresh later is not lost before."""
    binding.phone_until = max(binding.phone_until, context.now + seconds + lease.SLACK)
    binding.phone_until = min(binding.phone_until, binding.expires_at)
    lead(context, binding)
    watch_expiry(context, binding)


def prolong(context: Context, binding: Binding, seconds: float) -> None:
    """The phone refreshed its own lease, and the office knows nothing of it."""
    binding.phone_until = context.now + seconds + lease.SLACK
    binding.expires_at = max(binding.expires_at, binding.phone_until)
    context.keeper.binding(binding)
    lead(context, binding)
    context.counters["registrations.answered-here"] += 1
    watch_expiry(context, binding)


def lead(context: Context, binding: Binding) -> None:
    """Older bindings of the same phone, which have its calls, go where it is."""
    flow = binding.phone
    for old in context.bindings.followers(binding, flow) if flow is not None else ():
        old.phone = old.last_flow = flow
        old.expires_at = max(old.expires_at, binding.expires_at)
        old.phone_until = max(old.phone_until, binding.phone_until)
        context.keeper.binding(old)
