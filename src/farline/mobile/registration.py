"""The phone's flow and binding: connect, REGISTER, refresh, keep alive, come back.

RFC 3261 section 10.2 and RFC 5626. The form of REGISTER is that of the guide's traces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.mobile.commands import Registered, RegistrationNews
from farline.mobile.keepalive import PONG_SECONDS, KeepAlive
from farline.mobile.lease import granted, pause_after
from farline.mobile.text import printable
from farline.sip import Flow, Message, Transport, WireError
from farline.sip.effects import Close, Open
from farline.sip.headers import min_expires, retry_after
from farline.sip.responses import reason_phrase

if TYPE_CHECKING:
    from farline.mobile.line import Line
    from farline.sip import Address
    from farline.sip.transaction import Cause, ClientTransaction

FINAL = frozenset({401, 403, 404, 405, 407, 416, 420, 603, 604})
"""Answers after which the same REGISTER would fail again."""


class Registration:
    """One binding over one flow."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._local: Address | None = None
        self._wanted = False
        self._ticket = 0
        """Number of the last `Open`; an older one's answer no longer counts."""
        self._call_id = line.ids.uuid()
        self._tag = line.ids.token()
        self._cseq = 0
        self._asked = line.account.expires
        self._tx: ClientTransaction | None = None
        self._failures = 0
        self.keep_alive = KeepAlive(line)
        self.registered = False

    # ---- commands ----

    def begin(self, local: Address, now: float) -> None:
        """Connect and register; from another address: leave the old flow first."""
        self._wanted = True
        self._local = local
        self._asked = self._line.account.expires
        self._drop_flow()
        self._connect(now)

    def end(self, now: float) -> None:
        """Remove the binding, then close the flow."""
        self._wanted = False
        self._stop_timers()
        self._asked = 0
        if self._line.flow is None or not self.registered:
            self._finish("not registered")
        else:
            self._send_register(now)

    # ---- the flow ----

    def opened(self, flow: Flow, ticket: int, now: float) -> None:
        """The connection is there."""
        if ticket != self._ticket or not self._wanted:
            self._line.out.append(Close(flow))
            return
        self._use(flow, now)

    def open_failed(self, ticket: int, reason: str, now: float) -> None:
        """The connection could not be made."""
        if ticket == self._ticket and self._wanted:
            self._try_later(f"cannot connect to {self._line.account.server}: {reason}", 0, now)

    def flow_lost(self, reason: str, now: float) -> None:
        """The flow is gone: connect again at once, then with growing pauses."""
        self._line.flow = None
        self.registered = False
        self._tx = None
        self._stop_timers()
        if not self._wanted:
            self._finish(reason)
        elif self._failures == 0:
            self._news(Registered.LOST, f"connection lost: {reason}", retry_in=0.0)
            self._failures = 1
            self._connect(now)
        else:
            self._try_later(f"connection lost: {reason}", 0, now)

    # ---- timers ----

    def expired(self, timer: str, now: float) -> None:
        """One of ours: refresh, retry, keep-alive, pong."""
        if timer == "refresh":
            self._send_register(now)
        elif timer == "retry":
            if self._line.flow is None:
                self._connect(now)
            else:
                self._send_register(now)
        elif timer == "keep-alive":
            self.keep_alive.ping(now)
        elif timer == "pong" and self._line.flow is not None:
            self._lose_flow(f"no answer to a keep-alive in {PONG_SECONDS:.0f} s", now)

    # ---- answers to REGISTER ----

    def responded(self, tx: ClientTransaction, response: Message, now: float) -> None:
        """A response to our REGISTER."""
        status = response.status
        if tx is not self._tx or status < 200:
            return
        self._tx = None
        if status in (401, 407):
            self._challenged(tx, response, now)
        elif status < 300:
            self._granted(response, now)
        elif status == 423:
            self._too_brief(response, now)
        else:
            self._refused(response, now)

    def failed(self, tx: ClientTransaction, cause: Cause, now: float) -> None:
        """No final response."""
        if tx is not self._tx:
            return
        self._tx = None
        if not self._wanted:
            self._finish(f"no answer to REGISTER ({cause})")
        elif self._line.flow is not None and self._line.flow.transport.reliable:
            self._lose_flow(f"no answer to REGISTER ({cause})", now)
        else:
            self._try_later(f"no answer to REGISTER ({cause})", 408, now)

    # ---- inside ----

    def _connect(self, now: float) -> None:
        account, local = self._line.account, self._local
        if local is None:
            return
        self._news(Registered.CONNECTING, f"{account.transport} {account.server}")
        if account.transport is Transport.UDP:
            self._use(Flow(0, account.interface, Transport.UDP, local, account.server), now)
            return
        self._ticket += 1
        name = account.server_name or account.domain
        self._line.out.append(
            Open(
                self._ticket,
                account.interface,
                account.transport,
                account.server,
                name if account.transport is Transport.TLS else None,
            )
        )

    def _use(self, flow: Flow, now: float) -> None:
        self._line.flow = flow
        self.keep_alive.begin(now)
        self._send_register(now)

    def _send_register(self, now: float) -> None:
        """REGISTER without credentials, as the guide's client: its office's nonces live 10 s."""
        line, flow = self._line, self._line.flow
        if flow is None or self._tx is not None:
            return
        self._cseq += 1
        message = Message.request("REGISTER", f"sip:{line.account.domain}")
        message.add("From", str(line.identity.with_param("tag", self._tag)))
        message.add("To", str(line.identity))
        message.add("CSeq", f"{self._cseq} REGISTER")
        message.add("Call-ID", self._call_id)
        message.add("Max-Forwards", "70")
        for name, value in line.common():
            message.add(name, value)
        message.add("Contact", line.contact(flow, registering=self._asked))
        message.body = b""
        self._tx = line.send(message, now, self)
        if not self.registered:
            self._news(Registered.STARTED, f"REGISTER {self._cseq} from {flow.local}")

    def _challenged(self, tx: ClientTransaction, response: Message, now: float) -> None:
        again = self._line.retry(tx.request, response)
        if again is None:
            user = self._line.digest.username
            tried = tx.request.get("Authorization") or tx.request.get("Proxy-Authorization")
            self._give_up(
                f"wrong password for {user}: the server challenges again"
                if tried
                else "the server's challenge cannot be met",
                response.status,
            )
            return
        self._cseq = again.cseq
        self._tx = self._line.send(again, now, self)

    def _granted(self, response: Message, now: float) -> None:
        if not self._wanted:
            self._finish("binding removed")
            return
        lease = granted(response, self._line.flow, self._asked)
        if lease <= 0:
            self._give_up("the server answered 200 but holds no binding of ours", response.status)
            return
        first, self.registered, self._failures = not self.registered, True, 0
        self._line.start_timer("refresh", now + max(1.0, lease / 2))
        detail = f"lease {lease} s" if first else f"refreshed, lease {lease} s"
        self._news(Registered.REGISTERED, detail, lease=lease, status=response.status)

    def _too_brief(self, response: Message, now: float) -> None:
        try:
            least = min_expires(response) or 0
        except WireError:
            least = 0
        if least <= self._asked or not self._wanted:
            self._give_up("the server wants a longer lease and does not say how long", 423)
            return
        self._asked = least
        self._send_register(now)

    def _refused(self, response: Message, now: float) -> None:
        status = response.status
        text = f"{status} {printable(response.reason) or reason_phrase(status)}"
        if not self._wanted:
            self._finish(text)
        elif status in FINAL:
            self._give_up(text, status)
        else:
            try:
                wait = retry_after(response)
            except WireError:
                wait = None
            self._try_later(text, status, now, wait)

    def _try_later(self, why: str, status: int, now: float, wait: int | None = None) -> None:
        pause = pause_after(self._failures, self._line.ids, wait)
        self._failures += 1
        self.registered = False
        self._line.stop_timer("refresh")
        self._line.start_timer("retry", now + pause)
        self._news(Registered.LOST, why, status=status, retry_in=pause)

    def _give_up(self, why: str, status: int) -> None:
        self._wanted = False
        self.registered = False
        self._drop_flow()
        self._news(Registered.REFUSED, why, status=status)

    def _finish(self, why: str) -> None:
        self._drop_flow()
        self.registered = False
        self._news(Registered.UNREGISTERED, why)

    def _lose_flow(self, why: str, now: float) -> None:
        """Give a connection up ourselves; its transactions fail with it."""
        flow = self._line.flow
        self._drop_flow()
        if flow is not None:
            self._line.layer.flow_lost(flow, now)
        self.flow_lost(why, now)

    def _drop_flow(self) -> None:
        self._stop_timers()
        self._tx = None
        flow = self._line.flow
        if flow is not None and flow.transport.reliable:
            self._line.out.append(Close(flow))
        self._line.flow = None

    def _stop_timers(self) -> None:
        self._line.stop_timer("refresh")
        self._line.stop_timer("retry")
        self.keep_alive.stop()

    def _news(
        self,
        state: Registered,
        detail: str,
        *,
        lease: int = 0,
        status: int = 0,
        retry_in: float | None = None,
    ) -> None:
        self._line.out.append(RegistrationNews(state, detail, lease, status, retry_in))
