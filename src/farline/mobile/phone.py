"""A SIP phone without I/O: registers, places and takes calls (the shape of `farline.sip.effects`).

    phone = PhoneCore(account, ids)
    phone.handle(Register(local), now)      inputs: those of sip.effects, commands of `commands`
    phone.poll()                            Send | Open | Close | Trace, and news of `commands`

It talks to one server: what comes from another host is dropped and traced, so nobody but the
registrar (or the border before it) makes it ring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.mobile.call import Phase
from farline.mobile.commands import (
    CallNews,
    CallState,
    Dial,
    Ponged,
    Register,
    Unregister,
)
from farline.mobile.line import Account, Line
from farline.mobile.outside import outside_dialog, replaced_call, text_of
from farline.mobile.placing import PlacedCall, dialled
from farline.mobile.receiving import ReceivedCall
from farline.mobile.registration import Registration
from farline.mobile.text import printable
from farline.mobile.wishes import Wish, tell
from farline.sip import Message, WireError
from farline.sip.effects import Closed, Expired, Opened, OpenFailed, Received, Send
from farline.sip.headers import tokens
from farline.sip.responses import for_error, make
from farline.sip.transaction import (
    AckArrived,
    CancelArrived,
    ClientTransaction,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    StrayResponse,
)
from farline.trace.events import Refused, Trace

if TYPE_CHECKING:
    from farline.mobile.incall import InCall
    from farline.sip.effects import Deadline
    from farline.sip.ids import Ids
    from farline.sip.transaction import Event, ServerTransaction, Timers
    from farline.sip.transport import Flow

UNDERSTOOD = frozenset({"eventlist", "outbound", "replaces"})
"""Option tags that a peer may require."""


class PhoneCore:
    """See the module's text."""

    def __init__(self, account: Account, ids: Ids, timers: Timers | None = None) -> None:
        self._line = Line(account, ids, timers)
        self._registration = Registration(self._line)
        self._calls: dict[str, InCall] = {}
        self._received = 0
        self._leaving = False

    @property
    def registered(self) -> bool:
        """Whether the binding stands."""
        return self._registration.registered

    # ---- the three calls of a core ----

    def handle(self, event: object, now: float) -> None:
        """Take an input."""
        if isinstance(event, Received):
            self._receive(event.flow, event.data, now)
        elif isinstance(event, Expired):
            self._expire(now)
        elif isinstance(event, Opened):
            if event.ticket is not None:
                self._registration.opened(event.flow, event.ticket, now)
        elif isinstance(event, OpenFailed):
            self._registration.open_failed(event.ticket, event.reason, now)
        elif isinstance(event, Closed):
            self._closed(event.flow, event.reason, now)
        else:
            self._command(event, now)
        self._pump(now)

    def poll(self) -> object | None:
        """The next output."""
        return self._line.out.popleft() if self._line.out else None

    def next_deadline(self) -> Deadline | None:
        """The earliest timer, ours or a transaction's."""
        found = [
            deadline
            for deadline in (self._line.next_timer(), self._line.layer.next_deadline())
            if deadline is not None
        ]
        return min(found, default=None)

    # ---- inputs ----

    def _receive(self, flow: Flow, data: bytes, now: float) -> None:
        if not data.strip(b"\r\n\0 "):
            return  # a keep-alive of the peer
        if flow.remote.host != self._line.account.server.host:
            self._refuse("foreign", f"only {self._line.account.server.host} may speak", flow)
            return
        try:
            message = Message.parse(data)
        except WireError as error:
            self._refuse("malformed", f"{error.where}: {error.reason}", flow)
            return
        try:
            message.validate()
        except WireError as error:
            self._refuse("malformed", f"{error.where}: {error.reason}", flow)
            answer = for_error(message, error, to_tag=self._line.ids.token())
            if answer is not None:
                self._line.layer.send_stateless(answer, flow)
            return
        self._line.layer.receive(message, flow, now)

    def _expire(self, now: float) -> None:
        self._line.layer.expire(now)
        self._pump(now)
        while (timer := self._line.take_due(now)) is not None:
            kind, _, name = timer.partition(" ")
            if not name:
                self._registration.expired(kind, now)
            elif name in self._calls:
                self._calls[name].expired(kind, now)

    def _closed(self, flow: Flow, reason: str, now: float) -> None:
        self._line.layer.flow_lost(flow, now)
        if flow == self._line.flow:
            self._registration.flow_lost(reason, now)

    def _command(self, command: object, now: float) -> None:
        if isinstance(command, Register):
            self._leaving = False
            self._registration.begin(command.local, now)
        elif isinstance(command, Unregister):
            self._unregister(now)
        elif isinstance(command, Ponged):
            self._registration.keep_alive.ponged(command.flow)
        elif isinstance(command, Dial):
            self._dial(command)
        elif isinstance(command, Wish):
            call = self._calls.get(command.call)
            if call is not None:
                tell(call, command, now)

    def _unregister(self, now: float) -> None:
        """Calls first: the binding is removed when the last BYE is answered."""
        self._leaving = True
        for call in list(self._calls.values()):
            call.hang_up(now)
        self._leave(now)

    def _leave(self, now: float) -> None:
        if self._leaving and not self._calls:
            self._leaving = False
            self._registration.end(now)

    def _dial(self, command: Dial) -> None:
        if command.call in self._calls:
            return
        try:
            target = dialled(command.target, self._line.account.domain)
        except ValueError as error:
            detail = f"cannot call {printable(command.target)}: {printable(str(error))}"
            self._line.out.append(CallNews(command.call, CallState.ENDED, detail, 404))
            return
        call = PlacedCall(self._line, command.call, target)
        self._calls[command.call] = call
        if self._line.flow is None or not self._registration.registered:
            call.end("not registered", status=503)
        else:
            call.need_media()

    # ---- what the transactions say ----

    def _pump(self, now: float) -> None:
        """Take the layer's events, in order, among our own outputs."""
        while (event := self._line.layer.poll()) is not None:
            if isinstance(event, Send):
                self._line.out.append(event)
            else:
                self._event(event, now)
        for name in [name for name, call in self._calls.items() if call.phase is Phase.ENDED]:
            del self._calls[name]
        if self._leaving and not self._calls:
            self._leave(now)
            self._pump(now)

    def _event(self, event: Event, now: float) -> None:
        if isinstance(event, RequestArrived):
            self._requested(event.tx, event.message, now)
        elif isinstance(event, ResponseArrived):
            user = event.tx.user
            if user is self._registration:
                self._registration.responded(event.tx, event.message, now)
            elif isinstance(user, PlacedCall | ReceivedCall):
                user.responded(event.tx, event.message, now)
        elif isinstance(event, RequestFailed):
            self._failed(event.tx, event, now)
        elif isinstance(event, AckArrived):
            call = self._find(event.message)
            if call is not None:
                call.acked(event.message, now)
        elif isinstance(event, CancelArrived):
            if isinstance(event.tx.user, ReceivedCall):
                event.tx.user.cancelled(event.message, now)
        elif isinstance(event, StrayResponse):
            self._stray(event.message, now)

    def _failed(self, tx: ClientTransaction, event: RequestFailed, now: float) -> None:
        if tx.user is self._registration:
            self._registration.failed(tx, event.cause, now)
        elif isinstance(tx.user, PlacedCall | ReceivedCall):
            tx.user.failed(tx, event.cause, now)

    def _stray(self, message: Message, now: float) -> None:
        for call in self._calls.values():
            if isinstance(call, PlacedCall) and call.call_id == message.call_id:
                call.repeated(message, now)

    # ---- requests that arrive ----

    def _requested(self, tx: ServerTransaction, message: Message, now: float) -> None:
        unknown = sorted(tokens(message, "Require") - UNDERSTOOD)
        if unknown:
            self._answer(tx, 420, now, [("Unsupported", ", ".join(unknown))])
        elif message.to_tag:
            call = self._find(message)
            if call is not None:
                call.requested(tx, message, now)
            else:
                self._answer(tx, 481, now)
        elif message.method == "INVITE":
            self._invited(tx, message, now)
        else:
            status, headers = outside_dialog(message, busy=self._busy)
            if message.method == "MESSAGE":
                self._line.out.append(text_of(message))
            self._answer(tx, status, now, headers)

    def _invited(self, tx: ServerTransaction, message: Message, now: float) -> None:
        replaces = message.get("Replaces")
        replaced: InCall | None = None
        if replaces is not None:
            replaced = replaced_call(replaces, self._calls.values())
            if replaced is None:
                self._answer(tx, 481, now)
                return
        elif self._busy:
            self._answer(tx, 486, now)
            return
        self._received += 1
        call = ReceivedCall(self._line, f"in-{self._received}", tx, replaced)
        tx.user = call
        self._calls[call.name] = call
        call.need_media()

    @property
    def _busy(self) -> bool:
        return len(self._calls) >= self._line.account.max_calls or self._leaving

    def _find(self, message: Message) -> InCall | None:
        """The call of an in-dialog request."""
        key = (message.call_id, message.to_tag, message.from_tag)
        for call in self._calls.values():
            if call.dialog is not None and call.dialog.key == key:
                return call
        return None

    def _answer(
        self,
        tx: ServerTransaction,
        status: int,
        now: float,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        usual = [] if status == 405 else self._line.common()
        response = make(
            tx.request, status, to_tag=self._line.ids.token(), headers=[*usual, *(headers or [])]
        )
        self._line.answer(tx, response, now)

    def _refuse(self, reason: str, detail: str, flow: Flow) -> None:
        refused = Refused(reason, printable(detail), flow.interface, str(flow.remote))
        self._line.out.append(Trace(refused))
