"""Transfers that the process before this one left under way: each of the three gets a clear end.

The target that still rings is cancelled, and its late answer hung up on; the one who referred is
told that it came to nothing, and the first call goes on, unless its beginner has left it. Where the
two were just being joined, nobody knows who hears whom: all are hung up on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls.legs import Leg
from farline.border.calls.teardown import hang_up
from farline.border.exchange import Side
from farline.border.plan import Candidate
from farline.border.steps import Connect, Operation
from farline.border.survival import records
from farline.border.transfers.record import TRANSFER, Stage, TransferRecord
from farline.border.transfers.referrer import Referrer
from farline.sip import Address, Flow, Message, Transport, WireError

if TYPE_CHECKING:
    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.steps import Steps

WHY = "the border began anew"
FAILED = 503


def restore(context: Context, key: str, value: bytes) -> None:
    """Take a record; what it asks for is done when the border begins. Raises RecordError."""
    record = records.decode(value, TransferRecord)
    try:
        side = Side(record.referrer)
    except ValueError as error:
        raise records.RecordError(str(error)) from None
    context.upon_start.append(lambda: _end(context, key, record, side))


def _end(context: Context, key: str, record: TransferRecord, side: Side) -> None:
    context.keeper.keep(TRANSFER, key, None)
    session = context.sessions.by_key(record.session)
    if record.invite:
        operation = Operation(record.session[1])
        context.start(operation, _cancel(context, record))
    if session is not None and session.confirmed:
        referrer = Referrer(context, session, side, event=record.event, quiet=record.quiet)
        referrer.left = record.left
        _part(context, record, session, referrer)
    there = context.sessions.by_key(record.there) if record.there is not None else None
    if there is not None and record.stage is Stage.JOINING:
        _leave(context, there, known=record.known)


def _part(context: Context, record: TransferRecord, session: Session, referrer: Referrer) -> None:
    """End what the two of the first call have of it."""
    if record.stage is Stage.DONE:
        referrer.hang_up()
        return
    context.call = session.call_id
    context.decided("transfer", f"failed {FAILED}", WHY)
    referrer.tell(FAILED, "Service Unavailable", last=True)
    if record.stage is Stage.JOINING or record.left:
        hang_up(context, session, f"{WHY} during a transfer", cause=31)


def _leave(context: Context, there: Session, *, known: bool) -> None:
    """Hang up on the target; its call had a second end of its own only where it is `known`."""
    if known:
        hang_up(context, there, f"{WHY} during a transfer", cause=31)
        return
    leg = Leg(context, there, Side.INSIDE)
    leg.tell(leg.request("BYE", headers=(("Reason", 'Q.850;cause=31;text="transfer"'),)))
    context.end_session(there, "ended", f"{WHY} during a transfer")


def _cancel(context: Context, record: TransferRecord) -> Steps:
    """CANCEL the INVITE to the target: who rings is told, and who answers late is hung up on."""
    try:
        invite = Message.parse(record.invite)
        server, kind, host, port = record.hop
        place = Candidate(server, Transport(kind), Address(host, port))
    except (WireError, ValueError):
        return
    if record.interface not in context.plan.interfaces or server not in context.plan.servers:
        return
    context.abandoned.expect(invite.call_id)
    flow = yield Connect(record.interface, place)
    if isinstance(flow, Flow):
        context.abandoned.cancel(invite, flow)
