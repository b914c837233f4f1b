"""The shield at work: asks it, traces what it says, and tells it what became of a message.

In preview nobody is refused: what would be is traced and counted as such. A message that is too
long or no SIP at all is refused in either mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.shield.bans import Ban, Banned, Lifted
from farline.sip import WireError
from farline.sip.digest import Challenge

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.exchange import Verdict
    from farline.border.registrations.binding import Binding
    from farline.sip import Flow, Message

REFUND = 3.0
"""Credit that a successful registration gives its source: more than its two requests cost."""


def look(context: Context, flow: Flow, data: bytes, *, registered: bool) -> bool:
    """Whether bytes from outside are parsed."""
    shield, now = context.shield, context.now
    verdict = shield.sane(data)
    if not verdict.value:
        return _refused(context, verdict, flow, always=True)
    if registered:
        return True
    verdict = shield.look(flow, registered=registered, now=now)
    if not verdict.value:
        return _refused(context, verdict, flow)
    if shield.is_allowed(flow.remote.host):
        return True
    verdict, state = shield.flooded(flow, now)
    if state is not None:
        context.counters[f"shield.{state}"] += 1
        context.note("flood state", f"{flow.interface}: {state}")
    return verdict.value or _refused(context, verdict, flow)


def judge(context: Context, message: Message, flow: Flow, *, registered: bool) -> bool:
    """Whether a parsed message from outside goes on."""
    shield = context.shield
    verdict = shield.judge(message, flow, registered=registered, now=context.now)
    if verdict.value:
        if not registered and message.is_request:
            context.decided("shield", "passed", verdict.because, verdict.form)
        return True
    if shield.is_scanner(verdict) and not registered:
        _banned(context, shield.scanned(flow, verdict.because, context.now))
    return _refused(context, verdict, flow)


def offence(context: Context, flow: Flow, why: str) -> None:
    """A stranger's message was refused or unreadable."""
    if not context.bindings.registered_on(flow):
        _banned(context, context.shield.offence(flow, why, context.now))


def may_register(context: Context, flow: Flow, user: str, domain: str) -> bool:
    """Whether a REGISTER may be tried: strangers not while passwords are being guessed."""
    if user in context.bindings.registered_on(flow):
        return True
    verdict = context.shield.may_try(user, domain.lower(), context.now)
    return verdict.value or _refused(context, verdict, flow)


def registered(context: Context, flow: Flow, user: str, domain: str) -> None:
    """The office accepted a REGISTER."""
    context.shield.reward(flow, REFUND, context.now)
    context.shield.right_password(user, domain.lower(), context.now)


def not_registered(context: Context, flow: Flow, way: Binding, response: Message) -> None:
    """The office did not take the credentials of a REGISTER; an old nonce is no wrong password."""
    context.refused("credentials", f"{way.aor}: {response.status}", flow)
    if _is_stale(response):
        return
    context.shield.wrong_password(way.user, way.domain.lower(), context.now)
    offence(context, flow, f"wrong credentials for {way.aor}")


def _is_stale(response: Message) -> bool:
    """Whether a challenge says that only the nonce was old."""
    for name in ("WWW-Authenticate", "Proxy-Authenticate"):
        for value in response.all(name):
            try:
                challenge = Challenge.parse(value)
            except WireError:
                continue
            if challenge is not None and challenge.stale:
                return True
    return False


def by_hand(context: Context, order: Banned | Lifted) -> None:
    """Somebody bans, or ends bans."""
    bans = context.shield.bans
    if isinstance(order, Lifted):
        count = bans.lift(order.host, order.port)
        context.note("bans lifted", f"{count} at {order.host}")
        return
    ban = bans.add(order.host, order.port, order.seconds, order.why, context.now)
    context.note("banned", f"{ban.who} for {ban.until - ban.since:.0f} s: {order.why}")


def _refused(context: Context, verdict: Verdict[bool], flow: Flow, *, always: bool = False) -> bool:
    """Trace and count; True where the mode lets it pass all the same."""
    if context.shield.form.mode == "preview" and not always:
        context.counters["shield.would-refuse"] += 1
        context.decided("shield", "would be refused", verdict.because, verdict.form)
        return True
    context.decided("shield", "refused", verdict.because, verdict.form)
    context.refused("shield", verdict.because, flow)
    return False


def _banned(context: Context, ban: Ban | None) -> None:
    if ban is not None:
        preview = context.shield.form.mode == "preview"
        context.counters["shield.would-ban" if preview else "shield.bans"] += 1
        what = "would be banned" if preview else "banned"
        context.note(what, f"{ban.who} for {ban.until - ban.since:.0f} s: {ban.why}")
