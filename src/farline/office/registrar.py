"""The registrar: RFC 3261 section 10.3 in the guide's forms.

Without credentials 401; with them the contact of the request for `lease_seconds`, whatever longer
time was asked. A phone may register its own extension only. Bindings are stored before the 200
leaves.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

from farline.office.bindings import MAX_CONTACTS, Binding
from farline.sip import NameAddr, Uri, WireError, headers
from farline.store.registrations import Registration
from farline.store.sqlite import StoreError
from farline.trace.events import Decision, Note

if TYPE_CHECKING:
    from farline.config import User
    from farline.config.office import SipRegistrar
    from farline.office.bindings import Bindings
    from farline.office.doorkeeper import Doorkeeper
    from farline.office.stack import Headers, Stack
    from farline.office.users import Users
    from farline.sip import Flow, Message
    from farline.sip.headers import Contact
    from farline.sip.transaction import ServerTransaction

MIN_LEASE = 60
"""Seconds; less is refused with 423, so that nobody refreshes without pause."""

MAX_TEXT = 1024
"""Characters of a contact, a Call-ID, an instance."""

SWEEP_SECONDS = 30.0


class Refusal(Exception):
    """The REGISTER is answered with `status` and changes nothing."""

    def __init__(self, status: int, because: str, fields: Headers = ()) -> None:
        super().__init__(because)
        self.status = status
        self.because = because
        self.fields = tuple(fields)


class Registrar:
    """Answers REGISTER and knows where extensions are."""

    def __init__(
        self,
        stack: Stack,
        config: SipRegistrar,
        users: Users,
        doorkeeper: Doorkeeper,
        bindings: Bindings,
    ) -> None:
        self._stack = stack
        self._config = config
        self._users = users
        self._doorkeeper = doorkeeper
        self._bindings = bindings

    def handle(self, tx: ServerTransaction, message: Message, flow: Flow, now: float) -> None:
        """Answer one REGISTER."""
        try:
            user = self._admit(message, now)
            bindings = self._register(user, message, flow, now)
            self._bindings.put(user.extension, bindings)
        except Refusal as refusal:
            self._stack.reply(tx, refusal.status, now, headers=refusal.fields)
            self._decide(message, str(refusal.status), refusal.because)
        except WireError as error:
            self._stack.reply(tx, error.status or 400, now)
            self._decide(message, str(error.status or 400), f"{error.where}: {error.reason}")
        except StoreError as error:
            self._stack.reply(tx, 500, now)
            self._decide(message, "500", f"registrations cannot be stored: {error}")
        else:
            self._stack.reply(tx, 200, now, headers=self._accepted(bindings, now))
            self._decide(message, "200", f"{user.extension} has {len(bindings)} contact(s)")

    def contacts(self, extension: str, now: float) -> list[Binding]:
        """Where an extension can be reached now."""
        return self._bindings.of(extension, self._stack.wall(now))

    def sender(self, message: Message, flow: Flow, now: float) -> User | None:
        """The user in From, when the request comes from where that user registered.

        That is: over the same flow, or with a registered Contact from the same address (the guide's
        INVITE bears no credentials, and a border may bring it over another connection).
        """
        uri = NameAddr.parse(message.get("From") or "").uri
        user = self._users.find(uri.user or "")
        if user is None:
            return None
        contact = contact_uri(message)
        for one in self.contacts(user.extension, now):
            if one.flow == flow:
                return user
            same_host = one.kept.source_host == flow.remote.host
            if same_host and contact is not None and one.uri.equivalent(contact):
                return user
        return None

    def sweep(self, now: float) -> None:
        """Drop what has expired."""
        try:
            for gone in self._bindings.purge(self._stack.wall(now)):
                note = f"{gone.kept.extension} {gone.kept.contact}"
                self._stack.trace(Note("registration expired", note, call=gone.kept.call_id))
        except StoreError as error:
            self._stack.trace(Note("registrations cannot be stored", str(error)))

    # ---- the steps of section 10.3 ----

    def _admit(self, message: Message, now: float) -> User:
        """Steps 1 to 5: the domain, required extensions, who it is, and for whom."""
        if not self._config.enabled:
            raise Refusal(403, "the registrar is not enabled")
        to = NameAddr.parse(message.get("To") or "").uri
        for host in (Uri.parse(message.uri).host, to.host):
            if host.lower() not in (self._config.domain.lower(), self._stack.ip):
                raise Refusal(404, f"not our domain: {host}")
        identity = self._doorkeeper.identify(message, now)
        if identity.user is None:
            fields = self._doorkeeper.challenge(now, stale=identity.stale)
            raise Refusal(401, identity.because, fields)
        if to.user != identity.user.extension:
            raise Refusal(403, f"{identity.user.name} may register {identity.user.extension} only")
        return identity.user

    def _register(self, user: User, message: Message, flow: Flow, now: float) -> list[Binding]:
        """Steps 6 and 7: what the bindings of the extension become."""
        current = self.contacts(user.extension, now)
        if message.get("Contact") is None:
            return current
        if headers.is_star(message):
            if headers.expires(message) != 0:
                raise Refusal(400, "Contact * wants Expires: 0")
            for binding in current:
                _in_order(binding, message)
            return []
        for contact in headers.contacts(message):
            current = self._apply(current, user, contact, message, flow, now)
        if len(current) > MAX_CONTACTS:
            raise Refusal(403, f"more than {MAX_CONTACTS} contacts")
        return current

    def _apply(
        self,
        current: list[Binding],
        user: User,
        contact: Contact,
        message: Message,
        flow: Flow,
        now: float,
    ) -> list[Binding]:
        """One Contact: add, refresh or remove its binding."""
        uri = contact.address.uri
        self._check_uri(uri)
        instance = (contact.address.param("+sip.instance") or "").strip('"').lower()
        reg_id = contact.address.param("reg-id") or ""
        others = []
        for binding in current:
            if binding.same_contact(uri, instance, reg_id):
                _in_order(binding, message)
            else:
                others.append(binding)
        lease = self._lease(contact, message)
        if lease == 0:
            return others
        kept = Registration(
            extension=user.extension,
            contact=_text(str(uri)),
            call_id=_text(message.call_id),
            cseq=message.cseq,
            expires_at=self._stack.wall(now) + lease,
            q=1.0 if contact.q is None else contact.q,
            instance=_text(instance),
            reg_id=_text(reg_id),
            user_agent=(message.get("User-Agent") or "")[:256].encode("ascii", "replace").decode(),
            interface=flow.interface,
            transport=flow.transport.value,
            source_host=flow.remote.host,
            source_port=flow.remote.port,
        )
        return [*others, Binding(kept, uri, flow)]

    def _check_uri(self, uri: Uri) -> None:
        if uri.scheme not in ("sip", "sips") or not uri.host:
            raise Refusal(400, f"cannot call a {uri.scheme} contact")
        ports = {address.port for address in self._stack.local.values()}
        if uri.host == self._stack.ip and (uri.port or 5060) in ports:
            raise Refusal(403, "a contact at the office itself would loop")

    def _lease(self, contact: Contact, message: Message) -> int:
        asked = headers.contact_expires(contact, message, self._config.lease_seconds)
        if 0 < asked < MIN_LEASE:
            raise Refusal(423, f"asked for {asked} s", [("Min-Expires", str(MIN_LEASE))])
        return min(asked, self._config.lease_seconds)

    # ---- answers ----

    def _accepted(self, bindings: list[Binding], now: float) -> Headers:
        """Contact, Date and Expires; several contacts each say their own remaining time."""
        wall = self._stack.wall(now)
        date = ("Date", formatdate(wall, usegmt=True))
        left = [round(one.kept.expires_at - wall) for one in bindings]
        if len(bindings) == 1:
            contact = f"<{bindings[0].kept.contact}>"
            return [("Contact", contact), date, ("Expires", str(left[0]))]
        contacts = [
            ("Contact", f"<{one.kept.contact}>;expires={seconds}")
            for one, seconds in zip(bindings, left, strict=True)
        ]
        return [*contacts, date, ("Expires", str(max(left, default=0)))]

    def _decide(self, message: Message, value: str, because: str) -> None:
        self._stack.trace(Decision("registrar", value, because, message.call_id))


def contact_uri(message: Message) -> Uri | None:
    """The URI of the first Contact."""
    values = message.values("Contact")
    return NameAddr.parse(values[0]).uri if values and values[0] != "*" else None


def _in_order(binding: Binding, message: Message) -> None:
    """A request of the same Call-ID must have a higher CSeq (10.3 step 7), else it is late."""
    if binding.kept.call_id == message.call_id and message.cseq <= binding.kept.cseq:
        raise Refusal(500, "CSeq is not higher than the last one of this Call-ID")


def _text(text: str) -> str:
    """Text that can be kept."""
    if len(text) > MAX_TEXT:
        raise Refusal(400, "Contact or Call-ID is too long")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(400, "Contact or Call-ID is not UTF-8") from None
    return text
