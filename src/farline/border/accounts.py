"""The border's own registrations with servers (Server Configuration > Registration; RFC 3261 10.2).

One a server (priority: the first address that answers) or one an address (all). A registration goes
on with the same Call-ID after a restart, and ends when the form says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border import records
from farline.border.exchange import Side
from farline.border.heartbeat import interface_to, places_of
from farline.border.records import VERSION, AccountRecord
from farline.border.steps import NEXT, Connect, NoAnswer, Operation
from farline.config.server import Registration
from farline.sip import Flow, Message, NameAddr, Uri, WireError, headers
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.steps import Step, Steps
    from farline.config import ServerProfile
    from farline.config.server import ServerAddress
    from farline.sip.schedule import Alarm

ANSWER_SECONDS = 8.0
"""How long an address may say nothing until the next one is tried."""

FIRST_RETRY, LAST_RETRY = 15.0, 600.0
"""Seconds until a failed registration is tried again; doubled each time."""

MAX_TRIES = 5
"""REGISTERs to one address in a row: challenges, and leases that are too short for it."""

LEASE = 1.5
"""Lease that is asked for, in frequencies."""


class Accounts:
    """Every registration of the border's own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._accounts: dict[str, Account] = {}
        self._restored: dict[str, AccountRecord] = {}

    def restore(self, key: str, record: AccountRecord) -> None:
        """A registration of the process before this one, which `start` goes on with."""
        self._restored[key] = record

    def start(self) -> None:
        """Begin what the configuration wants and has not begun, and end what it does not."""
        wanted = dict(self._wanted())
        for key, account in list(self._accounts.items()):
            if key not in wanted or not account.is_for(wanted[key]):
                self._accounts.pop(key).leave()
        for key, (server, entries) in wanted.items():
            if key not in self._accounts:
                account = Account(self._context, key, server, entries)
                self._accounts[key] = account
                account.begin(self._restored.pop(key, None))
        for key in self._restored:
            self._context.keeper.account(key, None)
        self._restored.clear()

    def show(self, now: float) -> list[dict[str, object]]:
        """Each registration and how it stands."""
        return [account.show(now) for account in self._accounts.values()]

    def _wanted(self) -> Generator[tuple[str, tuple[ServerProfile, tuple[ServerAddress, ...]]]]:
        for server in self._context.plan.border.server_profiles:
            if not server.registration.enabled:
                continue
            if server.registration.register_with == "priority":
                yield server.name, (server, server.addresses)
            else:
                for entry in server.addresses:
                    key = f"{server.name} {entry.address}:{entry.port} {entry.transport}"
                    yield key, (server, (entry,))


class Account:
    """One registration, and the operation that keeps it."""

    def __init__(
        self,
        context: Context,
        key: str,
        server: ServerProfile,
        entries: tuple[ServerAddress, ...],
    ) -> None:
        self._context, self._key = context, key
        self._server, self._entries = server, entries
        self._call_id = f"account-{context.ids.token()}"
        self._cseq = 0
        self._state, self._why = "begins", ""
        self._place: Candidate | None = None
        self._address = ""
        self._until = 0.0
        self._refresh_at = 0.0
        self._retry = FIRST_RETRY
        self._alarm: Alarm | None = None
        self._left = False

    def is_for(self, wanted: tuple[ServerProfile, tuple[ServerAddress, ...]]) -> bool:
        """Whether the configuration still wants it just so."""
        server, entries = wanted
        mine = self._server
        return (mine.registration, mine.authentication, mine.sip_domain, self._entries) == (
            server.registration, server.authentication, server.sip_domain, entries,
        )  # fmt: skip

    def begin(self, record: AccountRecord | None) -> None:
        """Register, or go on with the registration of the process before this one."""
        context = self._context
        at = context.now
        if record is not None and record.aor == self._aor(None):
            self._call_id, self._cseq = record.call_id, record.cseq
            ahead = record.until - context.wall(context.now)
            if ahead > 0:
                self._state, self._address = "registered", record.address
                self._until = context.now + ahead
                at = max(at, context.now + record.refresh_at - context.wall(context.now))
        self._wake(at)

    def leave(self) -> None:
        """The configuration wants it no longer: the server is told, and nothing waits for it."""
        self._left = True
        self._context.keeper.account(self._key, None)
        if self._alarm is not None:
            self._alarm.stop()
        if self._place is not None and self._until > self._context.now:
            operation = Operation(self._call_id)
            self._context.start(operation, self._say_goodbye(operation, self._place))

    def show(self, now: float) -> dict[str, object]:
        """How it stands, for people."""
        return {
            "server": self._server.name,
            "aor": self._aor(self._place),
            "state": self._state,
            "address": self._address,
            "expires_in": round(max(0.0, self._until - now)),
            "next": round(max(0.0, self._refresh_at - now)),
            "why": self._why,
        }

    # ---- what it does ----

    def _wake(self, at: float) -> None:
        self._refresh_at = at
        self._alarm = self._context.schedule.start(at, "registration", self._fire)

    def _fire(self, _now: float) -> None:
        operation = Operation(self._call_id)
        self._context.start(operation, self._round(operation))

    def _round(self, operation: Operation) -> Steps:
        """Address by address until one takes the REGISTER."""
        why = "no address"
        for entry in self._entries:
            for place in (yield from places_of(self._context, self._server, entry)):
                granted, why = yield from self._register(operation, place, self._asked)
                if self._left:
                    return
                if granted:
                    self._accepted(place, granted)
                    return
                if why.startswith("403 "):  # the password is as wrong elsewhere
                    self._failed(why)
                    return
        self._failed(why)

    @property
    def _asked(self) -> int:
        return round(self._server.registration.frequency * LEASE)

    def _accepted(self, place: Candidate, granted: float) -> None:
        context = self._context
        if self._state != "registered" or self._address != str(place.remote):
            text = f"{self._aor(place)} at {place} for {granted:.0f} s"
            context.decided("registration", "registered", text, Registration.form)
        self._state, self._why, self._retry = "registered", "", FIRST_RETRY
        self._place, self._address = place, str(place.remote)
        self._until = context.now + granted
        self._wake(context.now + min(self._server.registration.frequency, granted * 0.8))
        self._keep()

    def _failed(self, why: str) -> None:
        context = self._context
        self._state, self._why = "failed", why
        wait, self._retry = self._retry, min(2 * self._retry, LAST_RETRY)
        spread = wait * context.chance(1000) / 5000
        context.decided("registration", "failed", f"{self._key}: {why}", Registration.form)
        context.counters["registrations.own-failed"] += 1
        self._wake(context.now + wait + spread)
        self._keep()

    def _keep(self) -> None:
        context = self._context
        record = AccountRecord(
            version=VERSION,
            aor=self._aor(None),
            call_id=self._call_id,
            cseq=self._cseq,
            address=self._address,
            until=context.wall(self._until) if self._until > context.now else 0.0,
            refresh_at=context.wall(self._refresh_at),
        )
        context.keeper.account(self._key, records.encode(record))

    # ---- on the wire ----

    def _register(
        self, operation: Operation, place: Candidate, asked: int
    ) -> Generator[Step, object, tuple[float, str]]:
        """(seconds of lease, "") or (0, why not)."""
        context, interface = self._context, interface_to(self._context, place)
        if interface is None:
            return 0.0, f"no server flow leads to {place}"
        flow = yield Connect(interface, place)
        if not isinstance(flow, Flow):
            return 0.0, f"{place}: {getattr(flow, 'reason', 'not reachable')}"
        request, why = self._message(interface, place, asked), ""
        for _ in range(MAX_TRIES):
            answer = yield from self._ask(operation, request, flow)
            if isinstance(answer, str):
                context.links.drop_unused(flow)
                return 0.0, f"{place}: {answer}"
            if 200 <= answer.status < 300:
                return _granted(answer, request, asked), ""
            why = f"{answer.status} {answer.reason} of {place}"
            told = context.credentials.answer(self._server, request, answer)
            if told is None and answer.status == 423:
                asked = _longer(answer, asked)
                told = self._message(interface, place, asked)
            if told is None:
                break
            request, self._cseq = told, told.cseq
        return 0.0, why

    def _ask(
        self, operation: Operation, request: Message, flow: Flow
    ) -> Generator[Step, object, Message | str]:
        """The final answer, or why there is none."""
        context = self._context
        client = context.request(operation, request, flow, Side.INSIDE)
        alarm = context.schedule.start(
            context.now + ANSWER_SECONDS, "registration answer",
            lambda _: context.deliver(operation, NoAnswer(client)),
        )  # fmt: skip
        try:
            while True:
                event = yield NEXT
                if isinstance(event, ResponseArrived) and event.tx is client:
                    if event.message.status >= 200:
                        return event.message
                elif isinstance(event, RequestFailed) and event.tx is client:
                    return str(event.cause)
                elif isinstance(event, NoAnswer) and event.tx is client:
                    return f"no answer in {ANSWER_SECONDS:.0f} s"
        finally:
            alarm.stop()

    def _say_goodbye(self, operation: Operation, place: Candidate) -> Steps:
        yield from self._register(operation, place, 0)

    def _message(self, interface: str, place: Candidate, asked: int) -> Message:
        own = self._context.plan.own.shown(interface, place.transport)
        form, aor = self._server.registration, self._aor(place)
        to = form.to_uri or aor
        named = Uri.parse(to)
        self._cseq += 1
        message = Message.request("REGISTER", f"{named.scheme}:{named.host}")
        message.add("Max-Forwards", "70")
        message.add("From", f"<{aor}>;tag={self._context.ids.token()}")
        message.add("To", f"<{to}>")
        message.add("Call-ID", self._call_id)
        message.add("CSeq", f"{self._cseq} REGISTER")
        params: list[tuple[str, str | None]] = [("transport", place.transport.uri_param)]
        contact = Uri.build(own.host, user=named.user, port=own.port, params=params)
        message.add("Contact", f"<{contact}>")
        message.add("Expires", str(asked))
        message.body = b""
        return message

    def _aor(self, place: Candidate | None) -> str:
        """Who registers: the From URI, else the User Name at the SIP Domain or the address."""
        server = self._server
        if server.registration.from_uri:
            return server.registration.from_uri
        host = server.sip_domain or (place.name or place.remote.host if place else "")
        host = host or self._entries[0].address
        return str(Uri.build(host, user=server.authentication.user_name))


def _granted(answer: Message, request: Message, asked: int) -> float:
    """Seconds of lease that a 2xx gives our Contact (RFC 3261 section 10.2.4)."""
    try:
        mine = NameAddr.parse(request.get("Contact") or "").uri
        for value in answer.values("Contact"):
            contact = NameAddr.parse(value)
            same = (contact.uri.user, contact.uri.host) == (mine.user, mine.host)
            given = contact.param("expires") or ""
            if same and given.isascii() and given.isdigit():
                return float(given[:9])
        whole = headers.expires(answer)
    except WireError:
        whole = None
    return float(asked if whole is None else whole)


def _longer(answer: Message, asked: int) -> int:
    """The lease that a 423 wants, within a day."""
    try:
        least = headers.min_expires(answer)
    except WireError:
        least = None
    return min(max(asked, least or 2 * asked), 86_400)
