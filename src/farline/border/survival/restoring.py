"""A border that begins with what the one before it wrote down, and the media sessions it finds.

A UDP flow is only addresses and is there again; a connection is gone. Towards the office the next
request opens another to the same server; a phone is unreachable (480, 430) until it registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.calls import dialogs, refreshing
from farline.border.calls.anchor import Anchored
from farline.border.calls.session import Joint, Session
from farline.border.calls.teardown import hang_up
from farline.border.exchange import Side
from farline.border.recording import siprec
from farline.border.recording.record import RECORDING
from farline.border.survival import records, ringing
from farline.border.survival.bindings import restore_binding
from farline.border.survival.keeper import session_key
from farline.border.survival.records import (
    ACCOUNT,
    BINDING,
    SESSION,
    AccountRecord,
    RecordError,
    SessionRecord,
)
from farline.border.transfers import restored as transfer_restored
from farline.border.transfers.record import TRANSFER
from farline.media.engine import Delete, Media
from farline.media.reports import MediaSessions
from farline.store.state import Persist
from farline.trace.events import MediaSeen, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.border.context import Context
    from farline.border.survival.records import MediaRecord

ORPHAN_SECONDS = 32.0
"""How long a media session of no call is kept: 64*T1, a transaction's life."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A core's input, before all others: the records of the process before this one."""

    records: Sequence[Persist]


@dataclass(frozen=True, slots=True)
class Dropped:
    """An output: a record that could not be used, and why; it is forgotten."""

    noun: str
    key: str
    why: str


def handle(context: Context, event: object) -> None:
    """Take `Restored` or `MediaSessions`."""
    if isinstance(event, Restored):
        restore(context, event)
    elif isinstance(event, MediaSessions):
        compare(context, event)


def restore(context: Context, event: Restored) -> None:
    """Take the records: bindings first, since sessions are theirs."""
    readers = {
        BINDING: restore_binding,
        SESSION: _session,
        ACCOUNT: _account,
        RECORDING: siprec.restore,
        TRANSFER: transfer_restored.restore,
        ringing.RINGING: ringing.restore,
    }
    for noun, read in readers.items():
        for record in event.records:
            if record.noun != noun or record.value is None:
                continue
            try:
                read(context, record.key, record.value)
                context.keeper.kept.add((noun, record.key))
            except RecordError as error:
                _drop(context, record, str(error))
    _join_again(context, event)
    for record in event.records:
        if record.noun not in readers:
            _drop(context, record, "of a kind that is not known here")
    calls = sum(session.is_call for session in context.sessions)
    context.note("restored", f"{len(context.bindings)} bindings, {calls} calls")


def _join_again(context: Context, event: Restored) -> None:
    """Calls that a transfer left joined find one another; one that is alone is hung up on."""
    for record in event.records:
        if record.noun != SESSION or b'"joint":{' not in (record.value or b""):
            continue
        try:
            known = records.decode(record.value or b"", SessionRecord)
            joint = known.joint
            mine = context.sessions.by_key(known.key)
            other = context.sessions.by_key(joint.other) if joint is not None else None
            if mine is not None and joint is not None and other is not None:
                sides = Side(joint.side), Side(joint.other_side), Side(joint.voice)
                mine.joint = Joint(sides[0], other, sides[1], sides[2])
            elif mine is not None:
                context.end_session(mine, "ended", "the call that it was joined with is gone")
        except (RecordError, ValueError) as error:
            context.note("record dropped", f"joint of {record.key!r}: {error}")


def _drop(context: Context, record: Persist, why: str) -> None:
    context.counters["records.dropped"] += 1
    context.put(Dropped(record.noun, record.key, why))
    context.note("record dropped", f"{record.noun} {record.key!r}: {why}")
    context.put(Persist(record.noun, record.key, None))


# ---- accounts ----


def _account(context: Context, key: str, value: bytes) -> None:
    context.accounts.restore(key, records.decode(value, AccountRecord))


# ---- sessions ----


def _session(context: Context, key: str, value: bytes) -> None:
    record = records.decode(value, SessionRecord)
    binding = context.bindings.by_subid(record.key[0])
    if binding is None:
        raise RecordError("its binding is gone")
    if key != session_key(record.key) or context.sessions.full:
        raise RecordError("not its own key, or no further session fits")
    try:
        names = {Side(side): names for side, names in record.names.items()}
        initiator = Side(record.initiator)
        anchored = None if record.media is None else _anchored(context, record.media)
    except ValueError as error:
        raise RecordError(str(error)) from None
    if set(names) != set(Side) or (record.confirmed and record.confirmed not in record.callees):
        raise RecordError("an end of it is missing")
    groups = context.plan.groups
    now, wall = context.now, context.wall(context.now)
    session = Session(
        key=record.key,
        call_id=record.key[1],
        binding=binding,
        initiator=initiator,
        is_call=record.is_call,
        group=record.group if record.group in groups else binding.subscriber.end_point_policy_group,
        caller=record.caller,
        names=names,
        started_at=now - (wall - record.started_at),
        callees=record.callees,
        confirmed=record.confirmed,
        state="answered" if record.is_call else "started",
        anchored=anchored,
        server_group=record.server_group if record.server_group in groups else "",
        has_video=record.has_video,
        recordings=record.recordings,
    )
    context.sessions.add(session)
    if anchored is not None:
        context.sessions.note_media(anchored.media, session)
    if record.timer is not None:
        refreshing.restore(context, session, record.timer)
    if record.expires_at is not None:
        dialogs.expire_at(context, session, now + record.expires_at - wall)


def _anchored(context: Context, record: MediaRecord) -> Anchored:
    known = {item.name for item in context.plan.border.media_interfaces}
    for side in (record.outside, record.inside):
        if side.interface not in known:
            raise ValueError(f"no Media Interface is called {side.interface!r}")
    return Anchored(
        record.name,
        record.outside,
        record.inside,
        {Side(side): shown for side, shown in record.origins.items()},
        open=True,
        late_offer=None if record.late_offer is None else Side(record.late_offer),
        hold=record.hold,
        outer_hold=record.outer_hold,
        fax=record.fax,
    )


# ---- media ----


def compare(context: Context, event: MediaSessions) -> None:
    """The engine's sessions against our calls: no call without media, no media without a call."""
    held = set(event.names)
    for session in context.sessions:
        anchored = session.anchored
        lost = anchored is not None and anchored.open and anchored.media not in held
        if lost and session.state == "answered":
            context.call = session.call_id
            hang_up(context, session, "its media session is lost", cause=41)
        elif session.recorder is not None:
            session.recorder.changed()  # an engine that began anew sends no copies any more
    orphans = [name for name in event.names if context.sessions.by_media(name) is None]
    if orphans:
        at = context.now + ORPHAN_SECONDS
        context.schedule.start(at, "orphans", lambda _: _release(context, orphans))


def _release(context: Context, orphans: list[str]) -> None:
    for name in orphans:
        if context.sessions.by_media(name) is None:
            why = "of no call that is known here"
            context.put(Media(0, Delete(name, why)))
            context.put(Trace(MediaSeen("", "released", f"{name}: {why}")))
