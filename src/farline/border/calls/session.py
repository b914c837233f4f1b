"""A session: a call or subscription that passes through the border, and its ends.

The border is transparent to dialogs (Call-ID, tags and CSeq stay), so one record serves both sides:
for each end its Contact and the route set behind it, which the other side never sees.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from farline.border.calls.anchor import Anchored
    from farline.border.exchange import Side
    from farline.border.interworking.reliable import ReliableAnswers
    from farline.border.recording.recorder import Recorder
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Operation
    from farline.border.transfers.transfer import Transfer
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

    asserted: str = ""
    """Who it is since the call began, as a server has said (P-Asserted-Identity, RFC 3325)."""

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
class SessionTimer:
    """How long a call lives without a refresh (RFC 4028)."""

    interval: int
    """Seconds."""

    asks: Side
    """The end that expects refreshes, or is to send them: it knows timers."""

    refresher: Side | None
    """Who refreshes; None: the border, in the name of the other end."""

    updating: frozenset[Side]
    """The ends that have UPDATE."""

    end_to_end: bool = False
    """Both ends know timers: the border only remembers it."""

    expires_at: float = 0.0
    """When the call ends without a refresh (monotonic seconds), where the border looks after it."""

    due: Alarm | None = None


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

    conversation: str = ""
    """What its recordings at servers have in common with those of the call that it came from by a
    transfer (the group of RFC 7865); "" while there is none."""

    recordings: tuple[str, ...] = ()
    """Files of the media engine, in their order."""

    transfer: Transfer | None = None
    """A REFER that the border carries out just now."""

    joint: Joint | None = None
    """One end has left; the other talks to an end of another call."""

    reliable: ReliableAnswers | None = None
    """The last INVITE's answers, where the border makes them reliable."""

    timer: SessionTimer | None = None
    """The session timer that the last INVITE or UPDATE agreed on."""

    @property
    def groups(self) -> frozenset[str]:
        """The policy groups that count it."""
        return frozenset((self.group, self.server_group)) - {""}

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state == "ended"

    @property
    def media(self) -> Anchored | None:
        """Its media session: its own, or that of the call with which it is joined."""
        if self.anchored is None and self.joint is not None:
            return self.joint.other.anchored
        return self.anchored

    def ends(self, voice: Side) -> tuple[Place, Place]:
        """The end that is called `voice` in the media session, and the one that it talks to.

        Each as a call and a side of it: joined calls have one end each.
        """
        joint = self.joint
        if joint is None:
            return (self, voice), (self, voice.other)
        mine, theirs = (self, joint.side), (joint.other, joint.other_side)
        return (mine, theirs) if voice is joint.voice else (theirs, mine)

    def voice_of(self, side: Side) -> Side:
        """What the end on a side is called in the media session."""
        return side if self.joint is None else self.joint.voice

    def is_left_by(self, sender: Side) -> bool:
        """Whether a BYE of a side only means that it leaves a transfer that it began."""
        if self.transfer is None or self.transfer.referrer.side is not sender:
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


Place = tuple[Session, "Side"]
"""An end: a call, and the side of it."""


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
