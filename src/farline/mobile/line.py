"""What registration and calls of one phone share: account, transactions, the flow, timers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.sip import NameAddr, Uri, WireError
from farline.sip.digest import Challenge
from farline.sip.digest_client import DigestClient
from farline.sip.effects import Deadline
from farline.sip.transaction import TransactionLayer
from farline.sip.transport import Address, Flow, Transport

if TYPE_CHECKING:
    from farline.config import Secret
    from farline.sip import Message
    from farline.sip.ids import Ids
    from farline.sip.transaction import ClientTransaction, ServerTransaction, Timers

ALLOW = "INVITE,ACK,OPTIONS,BYE,CANCEL,NOTIFY,MESSAGE,REFER,INFO,PUBLISH,UPDATE"
SUPPORTED = "eventlist,outbound,replaces"
"""Both as in the guide's traces."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the phone is and where it registers."""

    domain: str
    extension: str
    password: Secret
    server: Address
    """The address that requests go to: the registrar's, or the border's outside."""

    instance: str
    """UUID of this phone, the same after every start (RFC 5626 section 4.1)."""

    transport: Transport = Transport.TCP
    server_name: str | None = None
    """The name in the server's certificate (TLS); None: the domain."""

    display_name: str = ""
    username: str = ""
    """For digest; "": the extension."""

    realm: str = ""
    """The only realm whose challenges are answered (a callee may try its own); "": any."""

    user_agent: str = "Farline Mobile"
    interface: str = "phone"
    expires: int = 3600
    """The lease asked for; the guide's office grants 180."""

    keep_alive: float = 25.0
    """Seconds between keep-alives: 24 to 29 hold a UDP mapping (RFC 5626 section 4.4.2)."""

    answer_after: float | None = None
    """Seconds of ringing before a call is answered by itself; None: never."""

    max_calls: int = 1
    """One more is answered 486."""


class Line:
    """The shared state. Parts of the phone add outputs to `out`; the core hands them on."""

    def __init__(self, account: Account, ids: Ids, timers: Timers | None) -> None:
        self.account = account
        self.ids = ids
        self.layer = TransactionLayer(ids=ids, timers=timers, limit=64, merged=True)
        self.digest = DigestClient(
            account.username or account.extension, account.password.reveal(), ids
        )
        self.out: deque[object] = deque()
        self.flow: Flow | None = None
        self._timers: dict[str, float] = {}

    # ---- timers ----

    def start_timer(self, name: str, at: float) -> None:
        """Let `name` fall due at `at`; a running one of that name is replaced."""
        self._timers[name] = at

    def stop_timer(self, name: str) -> None:
        """Forget `name`."""
        self._timers.pop(name, None)

    def take_due(self, now: float) -> str | None:
        """The earliest timer due at `now`, removed."""
        deadline = self.next_timer()
        if deadline is None or deadline.at > now:
            return None
        del self._timers[deadline.timer]
        return deadline.timer

    def next_timer(self) -> Deadline | None:
        """The earliest of our own timers."""
        if not self._timers:
            return None
        name = min(self._timers, key=lambda timer: self._timers[timer])
        return Deadline(self._timers[name], name)

    # ---- messages ----

    @property
    def aor(self) -> str:
        """Our address of record."""
        return str(Uri.build(self.account.domain, user=self.account.extension))

    @property
    def identity(self) -> NameAddr:
        """Ourselves for From, without tag."""
        return NameAddr.build(Uri.parse(self.aor), display=self.account.display_name)

    def contact(self, flow: Flow, *, registering: int | None = None) -> str:
        """Our Contact on that flow, in the guide's forms: in REGISTER with q, expires, reg-id."""
        uri = Uri.build(
            flow.local.host,
            user=self.account.extension,
            port=flow.local.port,
            params=[("transport", flow.transport.uri_param)],
        )
        text = f"<{uri}>"
        if registering is not None:
            text += f";q=1;expires={registering}"
        text += f';+sip.instance="<urn:uuid:{self.account.instance}>"'
        return text + ";reg-id=1" if registering is not None else text

    def common(self) -> list[tuple[str, str]]:
        """The headers that every request and answer of ours bears."""
        return [
            ("Supported", SUPPORTED),
            ("Allow", ALLOW),
            ("User-Agent", self.account.user_agent),
        ]

    def send(self, message: Message, now: float, user: object) -> ClientTransaction | None:
        """Start a transaction on our flow; None when there is no flow."""
        flow = self.flow
        if flow is None:
            return None
        tx = self.layer.request(message, flow, now, sent_by=flow.local)
        tx.user = user
        return tx

    def retry(self, request: Message, response: Message) -> Message | None:
        """The request again with credentials, see `DigestClient.retry`; only for our realm."""
        realm = self.account.realm
        for header in ("WWW-Authenticate", "Proxy-Authenticate"):
            for value in response.all(header):
                if realm and _realm(value) != realm:
                    return None
        return self.digest.retry(request, response)

    def answer(self, tx: ServerTransaction, response: Message, now: float) -> None:
        """Answer a request."""
        self.layer.respond(tx, response, now)


def _realm(value: str) -> str | None:
    """The realm of a challenge; None for one that cannot be read."""
    try:
        challenge = Challenge.parse(value)
    except WireError:
        return None
    return challenge.realm if challenge is not None else None
