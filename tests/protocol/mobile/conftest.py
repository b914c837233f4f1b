"""A phone, and a server that challenges, registers, takes and places calls, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from farline._core import Message, NameAddr, WireError
from farline.config import Secret
from farline.mobile.commands import (
    CallNews,
    CallState,
    Dial,
    MediaEnded,
    MediaNews,
    MediaReady,
    NeedMedia,
    Register,
    Registered,
    RegistrationNews,
)
from farline.mobile.line import Account
from farline.mobile.offer import Local, make_answer, make_offer
from farline.mobile.phone import PhoneCore
from farline.sip.dialog import Dialog
from farline.sip.digest import Challenge, Credentials, ha1, response
from farline.sip.effects import Closed, Expired, Opened, Received
from farline.sip.responses import make
from farline.sip.transaction import (
    AckArrived,
    CancelArrived,
    RequestArrived,
    ResponseArrived,
    TransactionLayer,
)
from farline.sip.transport import Address, Transport
from farline.testing import Impairment, Link, ManualClock, SeededIds, SeededRandom

SERVER = Address("192.168.64.96", 5060)
PHONE = Address("172.22.33.101", 62657)
PHONE_RTP = Address("172.22.33.101", 5000)
SERVER_RTP = Address("192.168.64.96", 35000)
DOMAIN = "ipo1xp.ipolab.com"


@dataclass
class FakeServer:
    """Scripted by its fields; everything that arrives is kept."""

    password: str = "ruelpwd"
    lease: int = 180
    challenge: bool = True
    register_status: int = 200
    register_headers: list[tuple[str, str]] = field(default_factory=list)
    invite: list[int] = field(default_factory=lambda: [180, 200])
    """Statuses that an INVITE is answered with, one after the other at once; [] for none."""
    swallow_acks: int = 0

    def __post_init__(self) -> None:
        self.ids = SeededIds(99)
        self.layer = TransactionLayer(ids=self.ids)
        self.requests: list[Message] = []
        self.responses: list[Message] = []
        self.acks: list[Message] = []
        self.cancelled: list[Message] = []
        self.flow = None
        self.flows: list[object] = []
        self.dialog: Dialog | None = None
        self.pending = None
        self.nonce = 0
        self.pings = 0
        self.now = 0.0

    # ---- core ----

    def handle(self, event, now):
        self.now = now
        if isinstance(event, Received):
            if not event.data.strip():
                self.pings += 1
                return
            message = Message.parse(event.data)
            try:
                message.validate()
            except WireError:
                assert not message.is_request  # an answer repeats what the test broke
                return
            self.flow = event.flow
            self.layer.receive(message, event.flow, now)
        elif isinstance(event, Opened):
            self.flow = event.flow
            self.flows.append(event.flow)
        elif isinstance(event, Closed):
            self.layer.flow_lost(event.flow, now)
        elif isinstance(event, Expired):
            self.layer.expire(now)

    def poll(self):
        while (event := self.layer.poll()) is not None:
            if isinstance(event, RequestArrived):
                self.requests.append(event.message)
                self._request(event.tx, event.message)
            elif isinstance(event, ResponseArrived):
                self.responses.append(event.message)
                self._response(event.tx, event.message)
            elif isinstance(event, AckArrived):
                self.acks.append(event.message)
            elif isinstance(event, CancelArrived):
                self.cancelled.append(event.message)
                self.reply(event.tx, 487)
            elif type(event).__name__ == "Send":
                return event
        return None

    def next_deadline(self):
        return self.layer.next_deadline()

    # ---- behaviour ----

    def _request(self, tx, message):
        if message.method == "REGISTER":
            self._register(tx, message)
        elif message.method == "INVITE" and not message.to_tag:
            self.pending = tx
            for status in self.invite:
                self.answer_invite(status)
        elif message.method == "INVITE":
            answer, _ = make_answer(self._local(), message.body)
            self.reply(tx, 200, body=answer)
        else:
            self.reply(tx, 200)

    def _register(self, tx, message):
        value = message.get("Authorization")
        if self.challenge and not self._good(message, value):
            self.nonce += 1
            challenge = Challenge("ipoffice", f"nonce-{self.nonce}")
            self.reply(tx, 401, [("WWW-Authenticate", str(challenge))])
            return
        headers = list(self.register_headers)
        if self.register_status == 200:
            contact = NameAddr.parse(message.values("Contact")[0])
            lease = 0 if contact.param("expires") == "0" else self.lease
            headers += [("Contact", f"<{contact.uri}>"), ("Expires", str(lease))]
        self.reply(tx, self.register_status, headers)

    def _good(self, message, value):
        if value is None:
            return False
        given = Credentials.parse(value)
        base = ha1("MD5", "3001", "ipoffice", self.password)
        return (
            given.nonce == f"nonce-{self.nonce}"
            and response(given, base, message.method) == given.response
        )

    def _local(self):
        return Local("server", 1, 1, SERVER_RTP)

    def answer_invite(self, status, headers=()):
        """Answer the INVITE that waits."""
        tx = self.pending
        body = b""
        extra = list(headers)
        if status == 200:
            body, self.plan = make_answer(self._local(), tx.request.body)
        if 100 < status < 300:
            extra.append(("Contact", f'"Dora" <sip:3003@{SERVER};transport=tcp>'))
            extra.append(("P-Asserted-Identity", f'"Dora" <sip:3003@{DOMAIN}>'))
        self.reply(tx, status, extra, body)

    def reply(self, tx, status, headers=(), body=b""):
        tag = "" if tx.request.to_tag or status == 100 else "server"
        message = make(tx.request, status, to_tag=tag, headers=headers, body=body)
        self.layer.respond(tx, message, self.now)
        if status == 200 and tx.method == "INVITE" and not tx.request.to_tag:
            self.dialog = Dialog.as_uas(tx.request, message)

    def call(self, link, *, body=None, headers=(), uri=None):
        """INVITE the phone over the flow that it registered on."""
        message = Message.request("INVITE", uri or f"sip:3001@{PHONE}")
        message.add("From", f'"Dora" <sip:3003@{DOMAIN}>;tag=caller')
        message.add("To", f"<sip:3001@{DOMAIN}>")
        message.add("Call-ID", self.ids.uuid())
        message.add("CSeq", "7 INVITE")
        message.add("Max-Forwards", "70")
        message.add("Contact", f"<sip:3003@{SERVER}>")
        for name, value in headers:
            message.add(name, value)
        offer = make_offer(self._local()) if body is None else body
        if offer:
            message.add("Content-Type", "application/sdp")
        message.body = offer
        return self.send(link, message)

    def send(self, link, message):
        return self.layer.request(message, self.flow, link.clock.now, sent_by=SERVER)

    def _response(self, tx, message):
        if message.method == "INVITE" and 200 <= message.status < 300:
            if self.dialog is None or self.dialog.call_id != message.call_id:
                self.dialog = Dialog.as_uac(tx.request, message)
            else:
                self.dialog.note_response(message)
            if self.swallow_acks:
                self.swallow_acks -= 1
                return
            body = b""
            if not tx.request.body:
                body, _ = make_answer(self._local(), message.body)
            try:
                ack = self.dialog.ack([("Content-Type", "application/sdp")] if body else [])
            except WireError:
                return  # a route that the test broke on the way
            ack.body = body
            self.layer.send_stateless(ack, self.flow, sent_by=SERVER)


class PortsAtOnce(PhoneCore):
    """A phone whose user opens ports as soon as it asks for them."""

    def handle(self, event, now):
        self.now = now
        super().handle(event, now)

    def poll(self):
        output = super().poll()
        if isinstance(output, NeedMedia):
            self.handle(MediaReady(output.call, PHONE_RTP), self.now)
        return output


class Desk:
    """The phone on a link, with its news in order."""

    def __init__(self, server, *, transport=Transport.TCP, seed=1, impairment=None, **account):
        self.server = server
        self.account = Account(
            domain=DOMAIN,
            extension="3001",
            password=Secret(account.pop("password", "ruelpwd")),
            server=SERVER,
            instance="96CD7630-D24F-46C6-9E6E-6AF07A9B45D6",
            transport=transport,
            **account,
        )
        self.phone = PortsAtOnce(self.account, SeededIds(seed))
        self.link = Link(ManualClock(), SeededRandom(seed), impairment or Impairment())
        self.link.bind(self.phone, "phone", transport, PHONE)
        self.link.bind(server, "B1", transport, SERVER)

    def tell(self, command):
        self.phone.handle(command, self.link.clock.now)

    def run(self, seconds):
        self.link.run(seconds)

    def register(self):
        self.tell(Register(PHONE))
        self.run(1.0)
        assert self.registration[-1].state is Registered.REGISTERED, self.registration

    def place(self):
        """Register, call 3003, and let half a second pass."""
        self.register()
        self.tell(Dial("out-1", "3003"))
        self.run(0.5)

    @property
    def said(self):
        return [output for core, output in self.link.outputs if core is self.phone]

    def _of(self, kind):
        return [output for output in self.said if isinstance(output, kind)]

    @property
    def registration(self):
        return self._of(RegistrationNews)

    @property
    def calls(self):
        return self._of(CallNews)

    @property
    def states(self):
        return [news.state for news in self.calls]

    @property
    def media(self):
        return [output for output in self.said if isinstance(output, MediaNews | MediaEnded)]

    @property
    def end(self):
        assert self.states[-1] is CallState.ENDED, self.calls
        return self.calls[-1]

    def sent(self, method):
        """What the phone sent of that method, parsed."""
        found = []
        for seen in self.link.seen:
            if seen.flow.interface == "phone" and seen.data.strip():
                message = Message.parse(seen.data)
                if message.is_request and message.method == method:
                    found.append(message)
        return found


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture(params=[Transport.TCP, Transport.UDP])
def desk(request, server):
    return Desk(server, transport=request.param)


@pytest.fixture
def make_desk(server):
    """Desk(...) with the test's server."""
    return lambda **options: Desk(server, **options)
