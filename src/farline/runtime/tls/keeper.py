"""Certificates that change while we run: read again, put to use, and looked at before they run out.

A file that changed is read again within `WATCH_SECONDS`, or at once by `farline tls reload`. What
cannot be used is said and changes nothing. Connections keep what they were made with.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from cryptography import x509

from farline.config import TlsServerProfile
from farline.runtime.acme.files import stand_in
from farline.runtime.named_files import about, reason
from farline.runtime.tls.contexts import RenewableContext
from farline.runtime.tls.names import borne
from farline.runtime.tls.profiles import TlsError, client_context, server_context
from farline.trace.events import Note
from farline.trace.summary import printable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from farline.config import Deployment, TlsClientProfile
    from farline.runtime.tls.contexts import Context
    from farline.trace.events import Event

    Profile = TlsServerProfile | TlsClientProfile
    State = tuple[tuple[str, int, int, int], ...]

log = logging.getLogger(__name__)
WATCH_SECONDS = 10.0
WARN_DAYS = (30, 7, 1, 0)
"""At how many days before its end a certificate is spoken of; 0: it has ended."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """The certificate of a profile that ends first."""

    profile: str
    names: str
    until: datetime

    def days(self, now: datetime) -> int:
        """Whole days left; negative when it has ended."""
        return (self.until - now) // timedelta(days=1)


class Use(NamedTuple):
    """What a profile is used for."""

    kind: Literal["server", "client", "SIP client"]
    name: str


class TlsKeeper:
    """The TLS contexts of one role, by profile: each is made when it is first asked for.

    What `server` and `client` give is held for good; a renewed profile acts on the connections
    that are made from then on.
    """

    def __init__(
        self,
        deployment: Deployment,
        base: Path,
        note: Callable[[Event], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deployment = deployment
        self._base = base
        self._note = note
        self._clock = clock
        self._warned: dict[str, tuple[datetime, int]] = {}
        self._contexts: dict[Use, RenewableContext] = {}
        self._seen: dict[Use, State] = {}
        """Of the files of every profile that is used, as a server's or a client's."""

        self.renewed: list[Callable[[str], None]] = []
        """Told the name of each profile that was read again."""

    def server(self, name: str) -> ssl.SSLContext:
        """What we show to clients of a server profile. Raises TlsError when it cannot be used."""
        return self._held(Use("server", name))

    def client(self, name: str, *, sip: bool = False) -> ssl.SSLContext:
        """How servers are judged that we connect to by a client profile. Raises TlsError.

        `sip`: they are SIP servers (RFC 5922).
        """
        return self._held(Use("SIP client" if sip else "client", name))

    def of_sip_server(self, name: str | None) -> ssl.SSLContext | None:
        """`client` of a SIP server; None where it is not among those of `prepare`."""
        return self._contexts.get(Use("SIP client", name)) if name is not None else None

    def prepare(self) -> TlsKeeper:
        """Make what the border needs to connect to SIP servers. Raises TlsError."""
        border = self._deployment.border
        named = [one.tls_client_profile for one in (border.server_profiles if border else ())]
        named += [one.tls_client_profile for one in (border.subscriber_flows if border else ())]
        for name in named:
            if name is not None:
                self.client(name, sip=True)
        return self

    def adopt(self, deployment: Deployment) -> None:
        """Go by another configuration. Raises TlsError, and then nothing has changed."""
        fresh = TlsKeeper(deployment, self._base, self._note, self._clock).prepare()
        for use in self._contexts:
            if use.name in fresh._profiles(use.kind):
                fresh._held(use)
        self._deployment = deployment
        for use, made in fresh._contexts.items():
            if use in self._contexts:
                self._contexts[use].renew(made.current)
        self._contexts = fresh._contexts | {
            use: held for use, held in self._contexts.items() if use in fresh._contexts
        }
        self._seen = fresh._seen

    def _stand_in(self, use: Use) -> None:
        """Where ACME has issued nothing yet, the ports open with a certificate of our own."""
        for one in self._files(use):
            profile = self._profiles("server")[one.name]
            if not isinstance(profile, TlsServerProfile):
                continue
            try:
                made = stand_in(profile, self._base, self._clock())
            except OSError as error:
                why = f"what stands in for it cannot be written: {reason(error)}"
                path = self._base / profile.certificate
                remedy = "give the user of this process the right to write there"
                raise TlsError(about(profile, "certificate", path, why, remedy)) from error
            if made:
                text = f"{one.name}: until ACME has issued one; nobody believes it"
                self._note(Note("certificate stands in", text, one.name))

    async def watch(self) -> None:
        """Look at the files and at the calendar until cancelled."""
        while True:
            changed = {use.name for use, seen in self._seen.items() if self._state(use) != seen}
            if changed:
                self.reload(sorted(changed))
            self.warn()
            await asyncio.sleep(WATCH_SECONDS)

    def reload(self, names: list[str] | None = None) -> dict[str, str]:
        """Read profiles again, all by default, and use them; what became of each, by name."""
        told: dict[str, str] = {}
        for name in names or sorted({use.name for use in self._seen}):
            self._seen |= {use: self._state(use) for use in self._seen if use.name == name}
            try:
                self._renew(name)
            except TlsError as error:
                told[name] = f"not used: {error}"
                log.warning("TLS profile %s", told[name])
            else:
                told[name] = "in use for new connections"
            self._note(Note("TLS profile read again", f"{name}: {told[name]}", name))
        return told

    def _renew(self, name: str) -> None:
        touched = [use for use in self._contexts if name in (one.name for one in self._files(use))]
        made = {use: self._make(use) for use in touched}  # all of them, or none
        for use, context in made.items():
            self._contexts[use].renew(context)
        for tell in self.renewed:
            tell(name)

    def _held(self, use: Use) -> RenewableContext:
        held = self._contexts.get(use)
        if held is None:
            held = RenewableContext.of(self._make(use), server=use.kind == "server")
            self._contexts[use] = held
            self._seen |= {one: self._state(one) for one in self._files(use)}
        return held

    def _make(self, use: Use) -> Context:
        if use.kind == "server":
            self._stand_in(use)
            return server_context(self._deployment, use.name, self._base)
        sip = use.kind == "SIP client"
        return client_context(self._deployment, use.name, self._base, sip=sip)

    def warn(self) -> None:
        """Say once at each of `WARN_DAYS` that a certificate runs out."""
        now = self._clock()
        for expiry in self.expiries():
            left = expiry.days(now)
            step = next((days for days in reversed(WARN_DAYS) if left < max(days, 0)), None)
            if step is None or self._warned.get(expiry.profile) == (expiry.until, step):
                continue
            self._warned[expiry.profile] = (expiry.until, step)
            when = f"ran out on {expiry.until:%Y-%m-%d}" if left < 0 else f"{left} days left"
            text = f"{expiry.profile}: {expiry.names}: {when}"
            log.warning("certificate expires: %s", printable(text))
            self._note(Note("certificate expires", text))

    def show(self) -> list[dict[str, object]]:
        """Each profile's certificate: names, end, days left."""
        now = self._clock()
        return [
            {
                "profile": one.profile,
                "names": one.names,
                "until": one.until.isoformat(),
                "days left": one.days(now),
            }
            for one in self.expiries()
        ]

    def expiries(self) -> Iterator[Expiry]:
        """Of every profile with a certificate of ours, the one of its chain that ends first."""
        for use in self._seen:
            profile = self._profiles(use.kind)[use.name]
            if profile.certificate is None:
                continue
            try:
                chain = self._chain(profile, profile.certificate)
            except (OSError, ValueError):
                continue  # it was read when it came into use; what is there now is told at reload
            until = min(one.not_valid_after_utc for one in chain)
            yield Expiry(use.name, str(borne(chain[0])), until)

    def _chain(self, profile: Profile, certificate: Path) -> list[x509.Certificate]:
        """Our certificate and its issuers. Raises OSError and ValueError."""
        more = profile.certificate_chain if isinstance(profile, TlsServerProfile) else None
        return [
            one
            for path in (certificate, more)
            if path is not None
            for one in x509.load_pem_x509_certificates((self._base / path).read_bytes())
        ]

    def _profiles(self, kind: str) -> Mapping[str, Profile]:
        if kind == "server":
            return {one.name: one for one in self._deployment.tls_server_profiles}
        return {one.name: one for one in self._deployment.tls_client_profiles}

    def _files(self, use: Use) -> tuple[Use, ...]:
        """The profiles whose files a use reads, as a server's or a client's."""
        if use.kind != "server":
            return (Use("client", use.name),)
        profile = self._profiles("server")[use.name]
        others = profile.sni_profiles if isinstance(profile, TlsServerProfile) else ()
        return tuple(Use("server", name) for name in (use.name, *others))

    def _state(self, use: Use) -> State:
        """What tells that a file of a profile is another one."""
        profile = self._profiles(use.kind)[use.name]
        found = []
        for field in sorted(_FILES & set(type(profile).model_fields)):
            path = getattr(profile, field)
            if path is None:
                continue
            try:
                stat = (self._base / path).stat()
            except OSError:
                found.append((field, 0, 0, 0))
            else:
                found.append((field, stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return tuple(found)


_FILES = frozenset(
    {
        "certificate", "key", "certificate_chain", "peer_certificate_authorities",
        "peer_certificate_revocation_lists",
    }
)  # fmt: skip
