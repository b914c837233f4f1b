"""REGISTER of the border's own to one address of a server, and what its answers mean."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from farline.border.exchange import Side
from farline.border.routing.heartbeat import interface_to
from farline.border.steps import NEXT, Connect, NoAnswer
from farline.sip import Flow, Message, NameAddr, Uri, WireError, headers
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.steps import Operation, Step, Steps
    from farline.config import ServerProfile
    from farline.config.server import ServerAddress

ANSWER_SECONDS = 8.0
"""How long an address may say nothing until the next one is tried."""

MAX_TRIES = 5
"""REGISTERs to one address in a row: challenges, and leases that are too short for it."""


class Enrolment:
    """Who registers, with its Call-ID and numbers."""

    def __init__(
        self,
        context: Context,
        server: ServerProfile,
        entries: tuple[ServerAddress, ...],
        call_id: str,
    ) -> None:
        self._context = context
        self._server, self._entries = server, entries
        self.call_id = call_id
        self.cseq = 0

    @property
    def fingerprint(self) -> str:
        """Two bytes of a hash of what the forms say, password too, as text.

        They show a change; they are too few to find a password by.
        """
        server = self._server
        password = server.authentication.password
        said = (
            server.registration, server.authentication.user_name, server.authentication.realm,
            password.reveal() if password is not None else "", server.sip_domain, self._entries,
        )  # fmt: skip
        return hashlib.sha256(repr(said).encode("utf-8", "replace")).hexdigest()[:4]

    def register(
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
            request, self.cseq = told, told.cseq
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

    def end(self, operation: Operation, place: Candidate) -> Steps:
        """Tell the server that it is over."""
        yield from self.register(operation, place, 0)

    def _message(self, interface: str, place: Candidate, asked: int) -> Message:
        own = self._context.plan.own.shown(interface, place.transport)
        form, aor = self._server.registration, self.aor(place)
        to = form.to_uri or aor
        named = Uri.parse(to)
        self.cseq += 1
        message = Message.request("REGISTER", f"{named.scheme}:{named.host}")
        message.add("Max-Forwards", "70")
        message.add("From", f"<{aor}>;tag={self._context.ids.token()}")
        message.add("To", f"<{to}>")
        message.add("Call-ID", self.call_id)
        message.add("CSeq", f"{self.cseq} REGISTER")
        params: list[tuple[str, str | None]] = [("transport", place.transport.uri_param)]
        contact = Uri.build(own.host, user=named.user, port=own.port, params=params)
        message.add("Contact", f"<{contact}>")
        message.add("Expires", str(asked))
        message.body = b""
        return message

    def aor(self, place: Candidate | None) -> str:
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
