"""Charging rules: a record of each call that they ask for, when it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.calls.session import End, Names, Session
from farline.border.exchange import Refusal, Side
from farline.sip import NameAddr, WireError
from farline.store.charge_records import ChargeRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.config import Rules, ServerFlow, SubscriberFlow
    from farline.sip import Message
    from farline.sip.transaction import ServerTransaction


@dataclass(frozen=True, slots=True)
class Charged:
    """A core's output: write this record down."""

    record: ChargeRecord
    format: str
    """"jsonl" or "sqlite"."""


def charges(context: Context, session: Session, end: str, why: str) -> Iterator[Charged]:
    """The records that the groups of both flows ask for; one a format."""
    written: set[str] = set()
    for rules in _rules(context, session):
        charging = rules.charging
        asked = charging.records == "all" or (
            charging.records == "answered" and session.answered_at is not None
        )
        if asked and charging.format not in written:
            written.add(charging.format)
            record = _record(context, session, rules.group, end, why)
            yield Charged(record, charging.format)


def never_began(
    context: Context, binding: Binding, sender: Side, request: Message, why: str
) -> None:
    """Put out the records of a call that ended before anything was sent on."""
    if request.method == "INVITE" and not request.to_tag:
        call = _never_begun(context, binding, sender, request)
        context.out.extend(charges(context, call, "failed", why))


def refused_server(context: Context, tx: ServerTransaction, flow: ServerFlow, why: str) -> None:
    """The same of a server's call for which there is not even a binding, by its own flow's rule."""
    request, rules = tx.request, context.rules_of(flow, in_dialog=True).value
    if request.method != "INVITE" or request.to_tag or isinstance(rules, Refusal):
        return
    if rules.charging.records != "all":
        return
    now = context.wall(context.now)
    record = ChargeRecord(
        call=request.call_id,
        beginner=Side.INSIDE.value,
        aor="",
        caller=_uri(request.get("From") or ""),
        called=_uri(request.get("To") or ""),
        started=now,
        answered=None,
        ended=now,
        seconds=0.0,
        end="failed",
        reason=why,
        subscriber_flow="",
        server_flow=flow.name,
        policy_group=rules.group,
        source=str(tx.flow.remote),
        server="",
        recordings="",
        video=False,
    )
    context.out.append(Charged(record, rules.charging.format))


def _never_begun(context: Context, binding: Binding, sender: Side, request: Message) -> Session:
    """A call as `charges` reads it; nobody else sees it."""
    names = Names(request.get("From") or "", request.get("To") or "")
    key = (binding.subid, request.call_id, request.from_tag)
    group = binding.subscriber.end_point_policy_group
    end, now = End(""), context.now
    return Session(key, key[1], binding, sender, True, group, end, {sender: names}, now)


def _rules(context: Context, session: Session) -> Iterator[Rules]:
    binding = session.binding
    flows: list[SubscriberFlow | ServerFlow] = [binding.subscriber]
    if binding.line is not None:
        flows.append(binding.line.server)
    for flow in flows:
        rules = context.rules_of(flow, in_dialog=True).value
        if not isinstance(rules, Refusal):
            yield rules


def _record(context: Context, session: Session, group: str, end: str, why: str) -> ChargeRecord:
    binding, names = session.binding, session.names[session.initiator]
    line, phone = binding.line, binding.phone
    answered = session.answered_at
    return ChargeRecord(
        call=session.call_id,
        beginner=session.initiator.value,
        aor=binding.aor,
        caller=_uri(names.caller),
        called=_uri(names.callee),
        started=context.wall(session.started_at),
        answered=None if answered is None else context.wall(answered),
        ended=context.wall(context.now),
        seconds=0.0 if answered is None else context.now - answered,
        end=end,
        reason=why,
        subscriber_flow=binding.subscriber.name,
        server_flow=line.server.name if line is not None else "",
        policy_group=group,
        source=str(phone.remote) if phone is not None else "",
        server=str(line.hop) if line is not None else "",
        recordings=" ".join(session.recordings),
        video=session.has_video,
    )


def _uri(header: str) -> str:
    try:
        return str(NameAddr.parse(header).uri)
    except WireError:
        return ""
