"""Sessions: the dialogs that pass through the border, found again for every later request.

The border is transparent to dialogs (Call-ID, tags and CSeq stay), so one record serves both sides:
for each end its Contact and the route set behind it, which the other side never sees.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farline.border.anchor import Anchored
    from farline.border.binding import Binding
    from farline.border.exchange import Side
    from farline.border.siprec import Recorder
    from farline.border.steps import Operation
    from farline.border.transfer import Transfer
    from farline.sip import Message
    from farline.sip.schedule import Alarm
    from farline.sip.transaction import ClientTransaction

MAX_FORKS = 16
"""Answers with different To tags that one request may have."""

SessionKey = tuple[str, str, str]


@dataclass(slots=True)
class End:
    """One end of a dialog, as the border must address it."""

    target: str
    """The Contact URI that it gave (the remote target)."""

    routes: tuple[str, ...] = ()
    """The proxies between it and us, nearest to us first (its route set without us)."""

    cseq: int = 0
    """Highest CSeq number of its requests."""

    inserted: list[int] = field(default_factory=list)
    """Requests of ours in its name, each by what `cseq` was then, ascending: the other end reads
    later numbers of it counted up."""

    def next_cseq(self) -> int:
        """The number of the next request of ours in its name, as the other end reads it."""
        return self.cseq + len(self.inserted) + 1

    def shifted(self, cseq: int) -> int:
        """One of its CSeq numbers as the other end reads it."""
        return cseq + bisect_left(self.inserted, cseq)


@dataclass(slots=True)
class Names:
    """From and To of the session's first request as one side reads them."""

    caller: str
    callee: str
    masked: bool = False
    """The other side reads others: an inside address stands in them."""

    call_id: str = ""
    """The Call-ID that the side knows; the other side's differs where it is hidden."""


@dataclass(slots=True, eq=False)
class Session:
    """A call or a subscription."""

    key: SessionKey
    call_id: str
    binding: Binding
    initiator: Side
    is_call: bool
    group: str
    caller: End
    names: dict[Side, Names]
    started_at: float
    callees: dict[str, End] = field(default_factory=dict)
    confirmed: str = ""
    """To tag of the answer that was accepted (2xx)."""

    state: str = "started"
    """started, ringing, answered, ended"""

    anchored: Anchored | None = None
    pending: Operation | None = None
    """The operation of the first INVITE while it has no final answer."""

    expiry: Alarm | None = None
    expires_at: float | None = None
    """When a subscription's record ends (monotonic seconds)."""

    server_group: str = ""
    """The policy group of the server flow; `group` is that of the subscriber flow."""

    answered_at: float | None = None
    """Seconds of the clock, when the caller was given the answer."""

    has_video: bool = False
    """Video has been offered and let pass."""

    proof: tuple[int, tuple[tuple[str, str], ...]] = (0, ())
    """The border's credentials in the last INVITE of which its sender knows nothing, for the ACK:
    CSeq number as the sender counts, and headers."""

    recorder: Recorder | None = None
    """The session with a recording server."""

    recordings: tuple[str, ...] = ()
    """Files of the media engine, in their order."""

    transfer: Transfer | None = None
    """A REFER that the border carries out just now."""

    joint: Joint | None = None
    """One end has left; the other talks to an end of another call."""

    @property
    def groups(self) -> frozenset[str]:
        """The policy groups that count it."""
        return frozenset((self.group, self.server_group)) - {""}

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state == "ended"

    def is_left_by(self, sender: Side) -> bool:
        """Whether a BYE of a side only means that it leaves a transfer that it began."""
        if self.transfer is None or self.transfer.referrer is not sender:
            return False
        self.transfer.hung_up()
        return True

    def end_on(self, side: Side) -> End:
        """The end on a side of an answered call."""
        return self.caller if side is self.initiator else self.callees[self.confirmed]

    def note_cseq(self, end: End, request: Message) -> None:
        """Remember the highest CSeq of an end."""
        end.cseq = max(end.cseq, request.cseq)

    def learn_callee(self, tag: str, target: str, routes: tuple[str, ...]) -> End | None:
        """Note what an answer says of the called end; None when there are too many forks."""
        known = self.callees.get(tag)
        if known is None:
            if len(self.callees) >= MAX_FORKS:
                return None
            known = self.callees[tag] = End(target, routes)
        elif target:
            known.target = target
        if routes and not known.routes:
            known.routes = routes
        return known


@dataclass(slots=True, eq=False)
class Joint:
    """Where a call goes on of which one end has left (a transfer)."""

    side: Side
    """The end of this call that is still there."""

    other: Session
    other_side: Side
    """The end of the other call that is still there: its peer now."""

    voice: Side
    """What this end is called in the media session."""

    over: bool = False
    """The peer has gone on to somebody else (another transfer): this end may only hang up."""

    unacked: tuple[ClientTransaction, Message] | None = None
    """The other end's 2xx to the last re-INVITE of this one."""


class Found(NamedTuple):
    """A session, and who in it sent the request that was looked up."""

    session: Session
    sender: End | None
    """None: a called end not met before (a NOTIFY that comes before the 200)."""

    other: End | None
    """The end that the request is for; None: not known yet."""


class SessionTable:
    """All sessions, by (subid, Call-ID, the initiator's tag)."""

    def __init__(self, limit: int, canonical: Callable[[str], str] = str) -> None:
        """`canonical`: gives the Call-ID that a dialog began with for a hidden one."""
        self._limit = limit
        self._canonical = canonical
        self._by_key: dict[SessionKey, Session] = {}
        self._of_media: dict[str, Session] = {}
        self._of_call: dict[str, list[Session]] = {}
        self._of_binding: dict[str, dict[SessionKey, Session]] = {}
        self._in_group: Counter[str] = Counter()
        self._videos: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_key.values()))

    @property
    def full(self) -> bool:
        """Whether no further session fits."""
        return len(self._by_key) >= self._limit

    def holds(self, binding: Binding, request: Message) -> bool:
        """Whether a first request belongs to a session that there is already (it came twice)."""
        call_id = self._canonical(request.call_id)
        return (binding.subid, call_id, request.from_tag) in self._by_key

    def calls_in(self, group: str) -> int:
        """Calls now held to a policy group."""
        return self._in_group[group]

    def videos_in(self, group: str) -> int:
        """Those of them that have video."""
        return self._videos[group]

    def note_video(self, session: Session) -> None:
        """A call has video from now on."""
        if not session.has_video:
            session.has_video = True
            self._videos.update(session.groups)

    def of_binding(self, binding: Binding) -> list[Session]:
        """Every session of a binding."""
        return list(self._of_binding.get(binding.subid, {}).values())

    def by_key(self, key: SessionKey) -> Session | None:
        """The session of a key."""
        return self._by_key.get(key)

    def of_call(self, call_id: str) -> tuple[Session, ...]:
        """The sessions that share a Call-ID (two, when a proxy inside calls phone from phone)."""
        return tuple(self._of_call.get(self._canonical(call_id), ()))

    def by_media(self, media: str) -> Session | None:
        """The session of a media session's name."""
        return self._of_media.get(media)

    def find(self, binding: Binding, request: Message, sender: Side) -> Found | None:
        """The dialog of a request; None when there is none such of that binding."""
        call_id, from_tag = self._canonical(request.call_id), request.from_tag
        to_tag = request.to_tag
        session = self._by_key.get((binding.subid, call_id, from_tag))
        if session is not None and session.initiator is sender:
            return Found(session, session.caller, session.callees.get(to_tag))
        session = self._by_key.get((binding.subid, call_id, to_tag))
        if session is not None and session.initiator is not sender:
            return Found(session, session.callees.get(from_tag), session.caller)
        return None

    def add(self, session: Session) -> None:
        """Take a session in."""
        self._by_key[session.key] = session
        self._of_call.setdefault(session.call_id, []).append(session)
        self._of_binding.setdefault(session.binding.subid, {})[session.key] = session
        session.binding.sessions += 1
        if session.is_call:
            session.binding.calls += 1
            self._in_group.update(session.groups)

    def forget_media(self, media: str) -> None:
        """A media session is over, and its call goes on."""
        self._of_media.pop(media, None)

    def note_media(self, media: str, session: Session) -> None:
        """Let `by_media` find a session."""
        self._of_media[media] = session

    def remove(self, session: Session) -> bool:
        """Forget a session; False when it was forgotten before."""
        if self._by_key.get(session.key) is not session:
            return False
        del self._by_key[session.key]
        alike = self._of_call[session.call_id]
        alike.remove(session)
        if not alike:
            del self._of_call[session.call_id]
        mine = self._of_binding[session.binding.subid]
        del mine[session.key]
        if not mine:
            del self._of_binding[session.binding.subid]
        session.binding.sessions -= 1
        if session.is_call:
            session.binding.calls -= 1
            self._in_group.subtract(session.groups)
            if session.has_video:
                self._videos.subtract(session.groups)
        if session.anchored is not None:
            self._of_media.pop(session.anchored.media, None)
        return True
