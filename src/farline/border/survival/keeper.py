"""What the border writes down: each binding and session that changed in a turn, as a record.

A binding is kept from the office's 200, a session from the answer that confirms it, of a call that
rings as much as ends it (`ringing`). Other requests under way when the process dies are lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.survival import records
from farline.border.survival.records import (
    BINDING,
    MAX_VALUE,
    SESSION,
    VERSION,
    BindingRecord,
    HopRecord,
    JointRecord,
    MediaRecord,
    SessionRecord,
    TimerRecord,
)
from farline.store.state import Persist

if TYPE_CHECKING:
    from farline.border.calls.session import Session, SessionKey, SessionTimer
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding


class Keeper:
    """Collects what changed, and puts it out at the end of a turn."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._bindings: set[str] = set()
        self._sessions: dict[SessionKey, Session] = {}
        self._others: dict[tuple[str, str], bytes | None] = {}
        self.kept: set[tuple[str, str]] = set()
        """Noun and key of every record that the store has."""

    def binding(self, binding: Binding) -> None:
        """Something of a binding changed that must outlive the process."""
        self._bindings.add(binding.subid)

    def session(self, session: Session) -> None:
        """The same of a session."""
        self._sessions[session.key] = session

    def keep(self, noun: str, key: str, value: bytes | None) -> None:
        """A record of another kind, ready made; None: it is no more."""
        self._others[noun, key] = value

    def flush(self) -> None:
        """Put out the changes of this turn, before everything else that it put out."""
        if self._bindings:
            for subid in self._bindings:
                self._change(BINDING, subid, self._binding_value(subid))
            self._bindings.clear()
        if self._sessions:
            for session in self._sessions.values():
                self._change(SESSION, session_key(session.key), self._session_value(session))
            self._sessions.clear()
        if self._others:
            for (noun, key), value in self._others.items():
                self._change(noun, key, value)
            self._others.clear()

    def _change(self, noun: str, key: str, value: bytes | None) -> None:
        if value is not None and len(value) > MAX_VALUE:
            self._context.note("not kept", f"a {noun} whose record would have {len(value)} bytes")
            value = None
        if value is not None:
            self.kept.add((noun, key))
        elif (noun, key) in self.kept:
            self.kept.remove((noun, key))
        else:
            return
        self._context.out.appendleft(Persist(noun, key, value))

    def _binding_value(self, subid: str) -> bytes | None:
        """A binding's record; None when it is to be forgotten."""
        context = self._context
        binding = context.bindings.by_subid(subid)
        if binding is None or not binding.registered:
            return None
        where = binding.last_flow
        if where is None:
            return None
        return records.encode(
            BindingRecord(
                version=VERSION,
                key=binding.key,
                user=binding.user,
                domain=binding.domain,
                subscriber=binding.subscriber.name,
                contact=binding.contact,
                interface=where.interface,
                transport=where.transport.value,
                remote=(where.remote.host, where.remote.port),
                local=(where.local.host, where.local.port),
                expires_at=context.wall(binding.expires_at),
                registered_at=context.wall(binding.last_registered),
                outbound=binding.outbound,
                service_routes=binding.service_routes,
                hop=_hop(binding),
                path=binding.path,
                push=binding.push,
                answer=binding.answer,
                office_lease=binding.office_lease,
                phone_until=context.wall(binding.phone_until),
            )
        )

    def _session_value(self, session: Session) -> bytes | None:
        """A session's record; None when it is over, or not confirmed yet."""
        context = self._context
        if session.joint is not None and session.joint.over:
            return None
        lasts = session.confirmed or (session.callees and not session.is_call)
        if session.ended or not lasts:
            return None
        callees = session.callees
        if session.confirmed:
            callees = {session.confirmed: callees[session.confirmed]}
        expires_at = session.expires_at
        return records.encode(
            SessionRecord(
                version=VERSION,
                key=session.key,
                initiator=session.initiator.value,
                is_call=session.is_call,
                group=session.group,
                caller=session.caller,
                names={side.value: names for side, names in session.names.items()},
                callees=callees,
                confirmed=session.confirmed,
                state=session.state,
                started_at=context.wall(session.started_at),
                expires_at=None if expires_at is None else context.wall(expires_at),
                media=_media(session),
                server_group=session.server_group,
                has_video=session.has_video,
                recordings=session.recordings,
                joint=_joint(session),
                timer=self._timer(session),
            )
        )

    def _timer(self, session: Session) -> TimerRecord | None:
        timer = session.timer
        if timer is None:
            return None
        return TimerRecord(
            timer.interval,
            timer.asks.value,
            None if timer.refresher is None else timer.refresher.value,
            tuple(sorted(side.value for side in timer.updating)),
            timer.end_to_end,
            self._context.wall(timer.expires_at),
            _repeated(session, timer),
        )


def _repeated(session: Session, timer: SessionTimer) -> tuple[str, bytes] | None:
    """What a refresh by re-INVITE says again; None: it is not for us, or goes by UPDATE."""
    if timer.end_to_end or timer.refresher is not None or timer.asks in timer.updating:
        return None
    media = session.media
    known = media.last.get(session.voice_of(timer.asks).other) if media is not None else None
    return None if known is None else known[:2]


def session_key(key: SessionKey) -> str:
    """A session's key as one text; none of its parts has a line break."""
    return "\n".join(key)


def _hop(binding: Binding) -> HopRecord | None:
    candidate = binding.upstream.candidate if binding.upstream is not None else None
    if candidate is None or binding.line is None:
        return None
    remote = (candidate.remote.host, candidate.remote.port)
    server_flow = binding.line.server.name
    transport = candidate.transport.value
    return HopRecord(
        candidate.server, transport, remote, candidate.failover, server_flow, candidate.name
    )


def _joint(session: Session) -> JointRecord | None:
    joint = session.joint
    if joint is None:
        return None
    return JointRecord(joint.side.value, joint.other.key, joint.other_side.value, joint.voice.value)


def _media(session: Session) -> MediaRecord | None:
    anchored = session.anchored
    if anchored is None or not anchored.open:
        return None
    return MediaRecord(
        name=anchored.media,
        outside=anchored.outside,
        inside=anchored.inside,
        origins={side.value: shown for side, shown in anchored.origins.items()},
        late_offer=None if anchored.late_offer is None else anchored.late_offer.value,
        hold=anchored.hold,
        outer_hold=anchored.outer_hold,
        fax=anchored.fax,
    )
