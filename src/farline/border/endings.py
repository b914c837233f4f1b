"""Endings: of sessions with their media, and of bindings with their connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.policy.charging import charges
from farline.media.engine import Delete, Media
from farline.trace.events import CallChanged, MediaSeen, Trace

if TYPE_CHECKING:
    from farline.border.calls.anchor import Anchored
    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding

CLICK_LINGER = 32.0
"""Seconds that a click-to-call binding outlives its calls: the last transactions end in them."""


class Endings:
    """Ends what a border holds."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def end_session(self, session: Session, state: str, why: str) -> None:
        """Forget a session and free its media. `state`: "ended" or "failed"."""
        context = self._context
        if not context.sessions.remove(session):
            return
        if session.expiry is not None:
            session.expiry.stop()
        if session.is_call:
            context.counters[f"calls.{state}"] += 1
            context.out.append(Trace(CallChanged(session.call_id, state, why)))
            context.out.extend(charges(context, session, state, why))
        session.state = "ended"
        if session.recorder is not None:
            session.recorder.over()
        session.pending = None
        context.keeper.session(session)
        if session.anchored is not None:
            self.release(session.anchored, session, why)
        if session.transfer is not None:
            session.transfer.abort(why)
        binding = session.binding
        passing = binding.is_way or binding.subscriber.source == "click_to_call"
        if passing and not binding.sessions:
            context.schedule.start(
                context.now + CLICK_LINGER, "click", lambda _: self._leave(binding)
            )

    def release(self, anchored: Anchored, session: Session, why: str) -> None:
        """Give back the ports of a media session."""
        context = self._context
        if anchored.open:
            ticket = context.ticket()
            context.operations.ending[ticket] = session.call_id
            context.out.append(Media(ticket, Delete(anchored.media, why)))
            context.out.append(Trace(MediaSeen(session.call_id, "released", why)))

    def _leave(self, binding: Binding) -> None:
        """Somebody who called by click to call, or a way between servers, without a call now."""
        context = self._context
        if not binding.sessions and context.bindings.by_subid(binding.subid) is binding:
            self.forget_binding(binding, "the call is over")

    def forget_binding(self, binding: Binding, why: str) -> None:
        """Remove a binding and close its connection."""
        context = self._context
        context.bindings.remove(binding)
        context.rates.forget(binding.subid)
        context.keeper.binding(binding)
        context.upstreams.close(binding)
        context.ways.forget(binding)
        if binding.registered and not binding.is_way:
            context.note("binding removed", f"{binding.aor}: {why}")
