"""A REGISTER that would bring a registered binding under another flow tries that on a stand-in.

Whoever sends it, the binding serves its phone as before, over its own connection, until the call
server accepts. Then it takes over the stand-in's way; else that is closed, and nothing was changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farline.border.topology.line import make_line

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.registrations.registration import Registration, Wanted
    from farline.config import SubscriberFlow


def begin(registration: Registration) -> None:
    """Let a stand-in go the way of the REGISTER, where its binding is registered otherwise."""
    for want in registration.wanted:
        if not want.binding.registered:
            want.binding.subscriber = want.subscriber
    if registration.wanted and is_moved(want := registration.wanted[-1]):
        registration.held, registration.binding = want.binding, _stand_in(want)


def is_moved(want: Wanted) -> bool:
    """Whether a REGISTER comes under another subscriber flow than its binding."""
    return want.binding.registered and want.binding.subscriber.name != want.subscriber.name


def accepted(context: Context, registration: Registration, want: Wanted) -> None:
    """The call server holds the binding: it goes the way that its REGISTER went."""
    held, trial = registration.held, registration.binding
    if held is None or held is not want.binding:
        return
    if trial.upstream is not held.upstream and held.sessions and held.upstream is not None:
        held.upstream.stale = True  # a call began meanwhile, and stays where it is
        context.upstreams.close(trial)
    else:
        context.upstreams.take_over(held, trial)
        held.line = trial.line
    registration.held, registration.binding = None, held


def end(context: Context, registration: Registration) -> None:
    """The REGISTER is answered: what was only tried is given up."""
    held, trial = registration.held, registration.binding
    if held is None:
        return
    if trial.upstream is not held.upstream:
        context.upstreams.close(trial)
        return
    hop = trial.upstream.candidate if trial.upstream is not None else None
    if trial.line is not None and trial.line is not held.line and hop is not None:
        held.line = make_line(  # their common connection was lost, and another one made
            context.plan,
            subid=held.subid,
            domain=held.domain,
            subscriber=held.subscriber,
            phone=held.seat,
            server=trial.line.server,
            candidate=hop,
        )
        context.keeper.binding(held)


def _stand_in(want: Wanted) -> Binding:
    """The binding as it would be; where both flows lead the same way, with its connection."""
    held = want.binding
    trial = replace(held, subscriber=want.subscriber, watch=None, legs=None)
    if not held.sessions and not _lead_alike(held.subscriber, want.subscriber):
        trial.upstream = trial.line = None
    return trial


def _lead_alike(one: SubscriberFlow, other: SubscriberFlow) -> bool:
    """Whether two flows choose next hop, server flow and connection alike."""
    return (one.routing_profile, one.tls_client_profile, one.signaling_interface) == (
        other.routing_profile,
        other.tls_client_profile,
        other.signaling_interface,
    )
