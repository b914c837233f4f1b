"""The switch: who may call, whom, and what is said when that cannot be.

not registered here and no password   401      unknown extension   404  cause 1
From is somebody else                  403      not registered      480  cause 20
Max-Forwards used up                   483      no free appearance  486  cause 17
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.office.body import description
from farline.office.call import Call
from farline.office.causes import Cause
from farline.office.forms import Party
from farline.office.leg import Leg
from farline.office.registrar import contact_uri
from farline.office.session_timer import MIN_SE, IntervalTooSmall, wish
from farline.office.transfer import Transfer, target
from farline.sip import NameAddr, Uri, headers
from farline.store.call_records import CallRecord
from farline.store.sqlite import StoreError
from farline.trace.events import Decision, Note

if TYPE_CHECKING:
    from farline.config import User
    from farline.config.office import Telephony
    from farline.office.bindings import Binding
    from farline.office.doorkeeper import Doorkeeper
    from farline.office.registrar import Registrar
    from farline.office.stack import Headers, Stack
    from farline.office.users import Users
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction
    from farline.store.call_records import CallRecordStore


class Switch:
    """Takes new calls and knows the running ones."""

    def __init__(
        self,
        stack: Stack,
        telephony: Telephony,
        users: Users,
        registrar: Registrar,
        doorkeeper: Doorkeeper,
        records: CallRecordStore,
    ) -> None:
        self._stack = stack
        self._telephony = telephony
        self._users = users
        self._registrar = registrar
        self._doorkeeper = doorkeeper
        self._records = records
        self.calls: list[Call] = []

    # ---- a new call ----

    def invite(self, tx: ServerTransaction, message: Message, flow: Flow, now: float) -> None:
        """An INVITE outside a dialog. Raises WireError for what cannot be read."""
        caller = self.admit(tx, message, flow, now)
        if caller is None:
            return
        hops = headers.max_forwards(message)
        if hops == 0:
            self.refuse(tx, 483, "Max-Forwards is used up", now)
            return
        offer = description(message)
        try:
            wish(message)
        except IntervalTooSmall:
            self._stack.reply(tx, 422, now, headers=[("Min-SE", str(MIN_SE))])
            return
        if self._is_busy(caller):
            self._fail(tx, caller, Uri.parse(message.uri).user or "", 486, Cause.BUSY, now)
            return
        uri = Uri.parse(message.uri)
        dialled = uri.user or ""
        called = self._users.find(dialled) if self._is_ours(uri) else None
        if called is None:
            self._fail(tx, caller, dialled, 404, Cause.UNALLOCATED, now)
            return
        phones = self._phones(called, contact_uri(message), now)
        if isinstance(phones, tuple):
            self._fail(tx, caller, called.extension, *phones, now)
            return
        self._begin(tx, caller, called, phones, offer, 70 if hops is None else hops - 1, now)

    def _begin(
        self,
        tx: ServerTransaction,
        caller: User,
        called: User,
        phones: list[Binding],
        offer: bytes | None,
        hops: int,
        now: float,
    ) -> None:
        call = Call(self._stack, self, caller, called, now)
        leg = Leg(self._stack, call, caller, Party(called.extension, called.display_name))
        leg.arrived(tx, offer, now)
        self.calls.append(call)
        self._decide(tx.request, "switched", f"{caller.extension} calls {called.extension}")
        seconds = self._telephony.no_answer_seconds
        call.start(leg, offer, phones, hops=hops, seconds=seconds, now=now)

    def _is_ours(self, uri: Uri) -> bool:
        return uri.host.lower() in (self._stack.domain.lower(), self._stack.ip)

    def _phones(
        self, called: User, own: Uri | None, now: float
    ) -> list[Binding] | tuple[int, Cause]:
        """The phones to ring, without the caller's `own`, or why none can."""
        bindings = self._registrar.contacts(called.extension, now)
        if not bindings:
            return 480, Cause.ABSENT
        phones = [one for one in bindings if own is None or not one.uri.equivalent(own)]
        if not phones or self._is_busy(called):
            return 486, Cause.BUSY
        return phones

    def _is_busy(self, user: User) -> bool:
        """Whether a user is in as many calls as one may be in."""
        calls = sum(user in (call.caller, call.called) for call in self.calls)
        return calls >= self._telephony.max_calls_per_user

    def admit(self, tx: ServerTransaction, message: Message, flow: Flow, now: float) -> User | None:
        """Who sends a request outside a dialog; None: it has been answered with 401 or 403."""
        if message.get("Authorization") is None:
            user = self._registrar.sender(message, flow, now)
            if user is not None:
                return user
        identity = self._doorkeeper.identify(message, now)
        if identity.user is None:
            fields = self._doorkeeper.challenge(now, stale=identity.stale)
            self._stack.reply(tx, 401, now, headers=fields)
            self._decide(message, "401", identity.because)
            return None
        claimed = NameAddr.parse(message.get("From") or "").uri.user or ""
        if self._users.find(claimed) is not identity.user:
            self.refuse(tx, 403, f"{identity.user.name} calls as somebody else", now)
            return None
        return identity.user

    def refuse(self, tx: ServerTransaction, status: int, because: str, now: float) -> None:
        """Answer a request that makes no call."""
        self._stack.reply(tx, status, now)
        self._decide(tx.request, str(status), because)

    def _fail(
        self,
        tx: ServerTransaction,
        caller: User,
        dialled: str,
        status: int,
        cause: Cause,
        now: float,
    ) -> None:
        """A call that ends before anything rings."""
        fields: Headers = [("Reason", cause.reason)]
        self._stack.reply(tx, 100, now)
        self._stack.reply(tx, status, now, headers=fields)
        self._decide(tx.request, str(status), f"{dialled[:64]}: {cause.text}")
        wall = self._stack.wall(now)
        self._keep(
            CallRecord(
                call=_text(tx.request.call_id),
                caller=caller.extension,
                called=_text(dialled),
                started=wall,
                answered=None,
                ended=wall,
                cause=cause.value,
                text=cause.text,
            )
        )

    # ---- running calls (Switchboard) ----

    def ended(self, call: Call, cause: Cause, now: float) -> None:
        """A call is over: its record."""
        self.calls.remove(call)
        wall = self._stack.wall
        self._keep(
            CallRecord(
                call=_text(call.name),
                caller=call.caller.extension,
                called=call.called.extension,
                started=wall(call.started),
                answered=None if call.answered is None else wall(call.answered),
                ended=wall(now),
                cause=cause.value,
                text=cause.text,
            )
        )

    def _keep(self, record: CallRecord) -> None:
        self._stack.out.append(record)
        try:
            self._records.add(record)
        except StoreError as error:
            self._stack.trace(Note("call record cannot be stored", str(error), call=record.call))

    def joined(self, call: Call) -> None:
        """A transfer made a new call."""
        self.calls.append(call)

    def transfer(
        self, call: Call, leg: Leg, tx: ServerTransaction, message: Message, now: float
    ) -> None:
        """`leg` sent REFER: its partner shall talk to somebody else. Raises WireError."""
        partner = call.partner(leg)
        uri = target(message)
        if partner is None or call.answered is None or call.transfer is not None:
            leg.reply(tx, 491, now)
            return
        if uri is None:
            leg.reply(tx, 501, now)  # attended transfer (Replaces) and other methods than INVITE
            return
        leg.reply(tx, 202, now)
        transfer = Transfer(self._stack, self, call, leg, partner)
        transfer.begin(now)
        user = self._users.find(uri.user or "") if self._is_ours(uri) else None
        if user is None:
            transfer.lost(404, Cause.UNALLOCATED, now)
            return
        own = Uri.parse(partner.dialog.remote_target) if partner.dialog is not None else None
        phones = self._phones(user, own, now)
        if isinstance(phones, tuple):
            transfer.lost(*phones, now)
        else:
            transfer.ring(user, phones, self._telephony.no_answer_seconds, now)

    def _decide(self, message: Message, value: str, because: str) -> None:
        self._stack.trace(Decision("switch", value, because, message.call_id))


def _text(text: str) -> str:
    """Text from the wire that a record can keep."""
    return text[:256].encode("utf-8", "backslashreplace").decode()
