"""The transaction layer: finds the transaction of a message and runs its table (RFC 3261 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from farline.sip import responses
from farline.sip.effects import Send
from farline.sip.transaction.actions import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    send_cancel,
)
from farline.sip.transaction.counters import Counters
from farline.sip.transaction.events import AckArrived, CancelArrived, StrayResponse
from farline.sip.transaction.machine import Machine
from farline.sip.transaction.matching import COOKIE, merge_key, note_source, server_key
from farline.sip.transaction.table import Input, State
from farline.sip.transaction.timers import Manner, Timers
from farline.sip.transaction.transaction import ClientTransaction, ServerTransaction
from farline.sip.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farline._core import Message, Via
    from farline.sip.effects import Deadline
    from farline.sip.ids import Ids
    from farline.sip.transaction.events import Event
    from farline.sip.transaction.transaction import Key
    from farline.sip.transport import Address, Flow

_MAX_VIA_HEADS = 256
_UDP = Transport.UDP


class TransactionLayer:
    """All transactions of one core. Call `poll()` until None after every other call."""

    def __init__(
        self,
        *,
        ids: Ids,
        timers: Timers | None = None,
        limit: int = 100_000,
        retry_after: int = 5,
        merged: bool = False,
        rport: bool = False,
    ) -> None:
        """`limit` transactions at once: more requests get 503 with Retry-After `retry_after` (s).

        `merged`: answer 482 to a request that came by two ways (RFC 3261 8.2.2.2); for a UAS.
        `rport`: ask for it over TCP and TLS too, as the guide's office does (RFC 3581).
        """
        self._ids = ids
        self._limit = limit
        self._retry_after = retry_after
        self._merged = merged
        self._rport = rport
        self._machine = Machine(timers or Timers())
        self.out = self._machine.out
        """What `poll` gives, for a user that empties it by itself."""

        self.next_deadline: Callable[[], Deadline | None] = self._machine.heap.next
        """The next timer, by name ("A" to "M", "100", "CANCEL")."""

        self._via_heads: dict[tuple[Transport, Address], str] = {}
        """Our Via up to its branch, by what it depends on."""

        self.counters = Counters()

    def __len__(self) -> int:
        """Transactions now running."""
        return len(self._machine)

    def receive(self, message: Message, flow: Flow, now: float) -> None:
        """Take a parsed and validated message. The top Via of a request gets received and rport."""
        via = message.top_via
        if via is None:
            self.counters.without_via += 1
            return
        self._machine.arrival = flow
        if not message.is_request:
            self._receive_response(message, via, flow, now)
        elif message.method == "ACK":
            self._receive_ack(message, via, flow, now)
        else:
            self._receive_request(message, via, flow, now)

    def request(
        self,
        message: Message,
        flow: Flow,
        now: float,
        *,
        sent_by: Address,
        manner: Manner | None = None,
    ) -> ClientTransaction:
        """Send a request (not ACK, not CANCEL) with a Via of ours prepended.

        The Via is SIP/2.0/<transport> <sent_by>;branch=...; over UDP with rport. `message` is
        the transaction's from here on. `manner`: what this peer wants otherwise; how long a
        transaction lives is the layer's in any case.
        """
        method = message.method
        via, branch = self._push_via(message, flow, sent_by, manner)
        table = INVITE_CLIENT if method == "INVITE" else NON_INVITE_CLIENT
        tx = ClientTransaction(message, flow, (branch, method), table, method, via)
        tx.manner = manner
        self._machine.begin(tx, now)
        return tx

    def respond(self, tx: ServerTransaction, response: Message, now: float) -> None:
        """Send a response: any number of 1xx, one final, and for INVITE the 2xx again and again.

        What no longer fits (a response after the final one, an ended transaction) is not sent.
        """
        if not self._machine.step(tx, _kind(response.status), response, now):
            self.counters.late += 1

    def take_over(
        self, request: Message, flow: Flow, back: Flow, now: float
    ) -> ServerTransaction | None:
        """Go on with an INVITE that another process had taken; no event tells of it.

        Repetitions, CANCEL and ACK find it. `back`: where answers go. None: it is known already.
        """
        via = request.top_via
        if via is None:
            return None
        key = server_key(request, via, "INVITE")
        if key in self._machine.servers or len(self._machine) >= self._limit:
            return None
        tx = ServerTransaction(request, flow, back, key, INVITE_SERVER, "INVITE")
        tx.silent = True
        self._machine.begin(tx, now)
        return tx

    def cancel(
        self, tx: ClientTransaction, now: float, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Cancel an INVITE: at once after a 1xx, else when one comes; nothing after a final one.

        `headers` go into the CANCEL (Reason). The final response arrives as ever, usually 487; the
        answer to the CANCEL is not shown.
        """
        if tx.method != "INVITE":
            return
        tx.cancel_headers = tuple(headers)
        if tx.state is State.PROCEEDING:
            send_cancel(self._machine, tx, tx.cancel_headers, now)

    def send_stateless(
        self,
        message: Message,
        flow: Flow,
        *,
        sent_by: Address | None = None,
        manner: Manner | None = None,
    ) -> None:
        """Send without a transaction (ACK to a 2xx, a 2xx forwarded late).

        With `sent_by` a Via of ours with a fresh branch is prepended first.
        """
        if sent_by is not None:
            self._push_via(message, flow, sent_by, manner)
        self._machine.out.append(Send(flow, message.to_bytes()))

    def reroute(self, tx: ServerTransaction, flow: Flow) -> None:
        """Send the responses of `tx` to another flow from here on, its own one being lost."""
        self._machine.reroute(tx, flow)

    def flow_lost(self, flow: Flow, now: float) -> None:
        """A connection is gone: requests on it fail, servers hear `ResponseLost`."""
        self._machine.lose(flow, now)

    def expire(self, now: float) -> None:
        """Run the timers due at `now`."""
        while (due := self._machine.heap.pop_due(now)) is not None:
            self._machine.step(due[0], due[1], None, now)

    def poll(self) -> Send | Event | None:
        """The next output, None when there is none left."""
        return self.out.popleft() if self.out else None

    def transactions(self) -> Iterable[ClientTransaction | ServerTransaction]:
        """All running transactions, for looking at."""
        yield from self._machine.clients.values()
        yield from self._machine.servers.values()

    # ---- requests that arrive ----

    def _receive_request(self, message: Message, via: Via, flow: Flow, now: float) -> None:
        machine = self._machine
        key = server_key(message, via, message.method)
        known = machine.servers.get(key)
        if known is not None:
            if not machine.step(known, Input.REQUEST, message, now):
                self.counters.absorbed += 1
            return
        back = note_source(message, via, flow)
        if message.method == "CANCEL":
            self._receive_cancel(message, via, key, flow, back, now)
        elif len(machine) >= self._limit:
            self._refuse(message, back)
        else:
            self._begin_server(message, key, flow, back, now)

    def _begin_server(self, message: Message, key: Key, flow: Flow, back: Flow, now: float) -> None:
        method = message.method
        table = INVITE_SERVER if method == "INVITE" else NON_INVITE_SERVER
        tx = ServerTransaction(message, flow, back, key, table, method)
        if self._merged and not message.to_tag:
            copy = merge_key(message)
            if copy in self._machine.merging:
                self._answer(tx, 482, now)
                return
            tx.merge_key = copy
        self._machine.begin(tx, now)

    def _receive_cancel(
        self, message: Message, via: Via, key: Key, flow: Flow, back: Flow, now: float
    ) -> None:
        """Answer a CANCEL (section 9.2): 200 for a known INVITE whatever its state, else 481."""
        invite = self._machine.servers.get(server_key(message, via, "INVITE"))
        if invite is None and len(self._machine) >= self._limit:
            self._refuse(message, back)
            return
        tx = ServerTransaction(message, flow, back, key, NON_INVITE_SERVER, "CANCEL")
        self._answer(tx, 481 if invite is None else 200, now, invite.to_tag if invite else "")
        if invite is not None and invite.state is State.PROCEEDING:
            self._machine.out.append(CancelArrived(invite, message))

    def _receive_ack(self, message: Message, via: Via, flow: Flow, now: float) -> None:
        tx = self._machine.servers.get(server_key(message, via, "INVITE"))
        if tx is None or (not via.branch.startswith(COOKIE) and message.to_tag != tx.to_tag):
            self._machine.out.append(AckArrived(message, flow))
        elif not self._machine.step(tx, Input.ACK, message, now):
            self.counters.absorbed += 1

    def _answer(self, tx: ServerTransaction, status: int, now: float, to_tag: str = "") -> None:
        """Run a server transaction of the layer's own."""
        tx.silent = True
        self._machine.begin(tx, now)
        to_tag = to_tag or self._ids.token()
        self.respond(tx, responses.make(tx.request, status, to_tag=to_tag), now)

    def _refuse(self, message: Message, back: Flow) -> None:
        """503 without a transaction; the tag is the same each time (section 8.2.7)."""
        self.counters.refused += 1
        tag = f"{crc32(message.call_id.encode('utf-8', 'surrogateescape')):08x}"
        retry = (("Retry-After", str(self._retry_after)),)
        response = responses.make(message, 503, to_tag=tag, headers=retry)
        self._machine.out.append(Send(back, response.to_bytes()))

    # ---- responses that arrive ----

    def _receive_response(self, message: Message, via: Via, flow: Flow, now: float) -> None:
        tx = self._machine.clients.get((via.branch, message.method))
        status = message.status
        if tx is None:
            if message.method == "INVITE" and 200 <= status < 300:
                self._machine.out.append(StrayResponse(message, flow))
            else:
                self.counters.stray += 1
        elif not self._machine.step(tx, _kind(status), message, now):
            self.counters.absorbed += 1
        elif tx.cancel_headers is not None and tx.state is State.PROCEEDING:
            send_cancel(self._machine, tx, tx.cancel_headers, now)

    # ---- what we send ----

    def _push_via(
        self, message: Message, flow: Flow, sent_by: Address, manner: Manner | None
    ) -> tuple[str, str]:
        """Prepend our Via; its value and its branch."""
        old = manner is not None and manner.old_via
        branch = self._ids.token() if old else f"{COOKIE}{self._ids.token()}"
        head = self._via_heads.get((flow.transport, sent_by))
        if head is None:
            head = f"SIP/2.0/{flow.transport.value} {sent_by};branch="
            if len(self._via_heads) < _MAX_VIA_HEADS:
                self._via_heads[flow.transport, sent_by] = head
        asks = (self._rport or flow.transport is _UDP) and not old
        via = f"{head}{branch};rport" if asks else head + branch
        message.prepend("Via", via)
        return via, branch


_KINDS = (Input.PROVISIONAL, Input.PROVISIONAL, Input.SUCCESS, *[Input.REJECTION] * 7)


def _kind(status: int) -> Input:
    """The class of a response, 100 to 999."""
    return _KINDS[status // 100]
