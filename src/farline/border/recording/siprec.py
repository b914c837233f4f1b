"""The border as a session recording client (SIPREC, RFC 7866): copies of a call go to a server.

A recording rule names the server's profile. When the call is answered the border calls the server,
with a description of the two copies and metadata (RFC 7865) as a multipart body (`recorder`); each
change of the call is told by a re-INVITE, its end by BYE. A border that is started again goes on
with the recordings of calls that go on, and hangs up where the call is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Refusal
from farline.border.recording.dialog import RecordingDialog
from farline.border.recording.record import RECORDING, RecordingRecord, say
from farline.border.recording.recorder import Recorder
from farline.border.steps import Operation
from farline.border.survival import records

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.steps import Steps
    from farline.config import Rules, ServerFlow, SubscriberFlow
    from farline.sip import Message
    from farline.sip.transaction import ServerTransaction


def begin(context: Context, session: Session) -> None:
    """A call was answered: where a rule of one of its flows names a server, record it there."""
    if session.recorder is not None or session.anchored is None:
        return
    profile = next((one for one in _profiles(context, session) if one), None)
    if profile is None:
        return
    recorder = session.recorder = Recorder(context, session, profile)
    context.start(recorder.operation, recorder.run())


def _profiles(context: Context, session: Session) -> Generator[str | None]:
    binding = session.binding
    flows: list[SubscriberFlow | ServerFlow] = [binding.subscriber]
    if binding.line is not None:
        flows.append(binding.line.server)
    for flow in flows:
        rules: Rules | Refusal = context.rules_of(flow, in_dialog=True).value
        if not isinstance(rules, Refusal):
            yield rules.recording.recording_profile


def request(context: Context, tx: ServerTransaction) -> bool:
    """Take a request of a recording server's in a dialog of ours; False: it is none."""
    recorder = context.recorders.get(tx.request.call_id)
    if recorder is None:
        return False
    recorder.requests.take(tx)
    return True


def ack(context: Context, message: Message) -> bool:
    """Take an ACK of a recording server's in a dialog of ours; False: it is none."""
    recorder = context.recorders.get(message.call_id)
    if recorder is None:
        return False
    recorder.requests.ack(message)
    return True


# ---- after a restart ----


def restore(context: Context, key: str, value: bytes) -> None:
    """Take the record of a recording; what it asks for is done when the border begins.

    Raises RecordError.
    """
    record = records.decode(value, RecordingRecord)
    try:
        _ = record.dialog.place
    except ValueError as error:
        raise records.RecordError(str(error)) from None
    context.upon_start.append(lambda: _resume(context, key, record))


def _resume(context: Context, key: str, record: RecordingRecord) -> None:
    """Go on with a recording, begin it anew where the server had not answered yet, or end it."""
    session = context.sessions.by_key(record.session)
    anchored = session.anchored if session is not None else None
    goes_on = anchored is not None and anchored.media == record.media
    if record.dialog.interface not in context.plan.interfaces:
        context.keeper.keep(RECORDING, key, None)
        return
    if not record.began:
        context.abandoned.expect(record.dialog.call_id)
        context.keeper.keep(RECORDING, key, None)
        if session is not None and goes_on:
            session.conversation = record.metadata.group
            begin(context, session)
    elif session is not None and goes_on:
        recorder = session.recorder = Recorder.again(context, session, record)
        context.start(recorder.operation, recorder.go_on())
    else:
        operation = Operation(record.call)
        context.start(operation, _end(context, operation, key, record))


def _end(context: Context, operation: Operation, key: str, record: RecordingRecord) -> Steps:
    """Hang up on a server whose call went on in no process."""
    why = yield from RecordingDialog(context, operation, record.dialog).bye()
    context.keeper.keep(RECORDING, key, None)
    say(context, record.call, "ended", "its call is gone" + (f": {why}" if why else ""))
