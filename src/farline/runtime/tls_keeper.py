"""Certificates that change while we run: read again, put to use, and looked at before they run out.

A file that changed is read again within `WATCH_SECONDS`, or at once by `farline tls reload`. What
cannot be used is said and changes nothing. Connections keep what they were made with.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from farline.runtime.certificate_names import borne
from farline.runtime.tls import Context, TlsError, client_context, server_context
from farline.trace.events import Note
from farline.trace.summary import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farline.config import Deployment, TlsClientProfile, TlsServerProfile
    from farline.runtime.sip import SipDriver
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


class TlsKeeper:
    """The TLS contexts of one border.

    `interfaces` names the server profile of each signaling interface that uses one, `servers` the
    client profile by the address of each server.
    """

    def __init__(
        self,
        deployment: Deployment,
        base: Path,
        note: Callable[[Event], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base = base
        self._note = note
        self._clock = clock
        self._warned: dict[str, tuple[datetime, int]] = {}
        self._take(deployment)

    def adopt(self, deployment: Deployment, driver: SipDriver) -> None:
        """Go by another configuration. Raises TlsError, and then nothing has changed."""
        TlsKeeper(deployment, self._base, self._note, self._clock)
        self._take(deployment)
        for interface, profile in self.interfaces.items():
            driver.renew_tls(interface, self._server[profile])

    def _take(self, deployment: Deployment) -> None:
        self._deployment = deployment
        border = deployment.border
        self.interfaces: dict[str, str] = {
            one.name: one.tls_profile
            for one in (border.signaling_interfaces if border else ())
            if one.tls_profile is not None and one.uses_tls
        }
        named = [one.tls_client_profile for one in (border.server_profiles if border else ())]
        named += [one.tls_client_profile for one in (border.subscriber_flows if border else ())]
        self.clients = frozenset(name for name in named if name is not None)
        self._profiles: dict[str, Profile] = self._used()
        self._server: dict[str, Context] = {
            name: server_context(deployment, name, self._base)
            for name in set(self.interfaces.values())
        }
        self._client: dict[str, Context] = {
            name: client_context(deployment, name, self._base, sip=True) for name in self.clients
        }
        self._seen = {name: self._state(name) for name in self._profiles}

    def of_interface(self, interface: str) -> Context | None:
        """What a signaling interface shows to phones now."""
        name = self.interfaces.get(interface)
        return self._server[name] if name is not None else None

    def of_client(self, name: str | None) -> Context | None:
        """How a server that we connect to by a client profile is judged now."""
        return self._client.get(name) if name is not None else None

    async def watch(self, driver: SipDriver) -> None:
        """Look at the files and at the calendar until cancelled."""
        while True:
            changed = [name for name in self._profiles if self._state(name) != self._seen[name]]
            if changed:
                self.reload(driver, changed)
            self.warn()
            await asyncio.sleep(WATCH_SECONDS)

    def reload(self, driver: SipDriver, names: list[str] | None = None) -> dict[str, str]:
        """Read profiles again, all by default, and use them; what became of each, by name."""
        told: dict[str, str] = {}
        for name in names or list(self._profiles):
            self._seen[name] = self._state(name)
            try:
                self._renew(driver, name)
            except TlsError as error:
                told[name] = f"not used: {error}"
                log.warning("TLS profile %s", told[name])
            else:
                told[name] = "in use for new connections"
            self._note(Note("TLS profile read again", f"{name}: {told[name]}", name))
        return told

    def _renew(self, driver: SipDriver, name: str) -> None:
        if name in self._client:
            self._client[name] = client_context(self._deployment, name, self._base, sip=True)
            return
        users = [one for one in self.interfaces.values() if name in self._with_sni(one)]
        server = {one: server_context(self._deployment, one, self._base) for one in set(users)}
        self._server |= server
        for interface, profile in self.interfaces.items():
            if profile in server:
                driver.renew_tls(interface, server[profile])

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
        """Of every profile with a certificate of ours, the one that ends first."""
        for name, profile in self._profiles.items():
            if profile.certificate is None:
                continue
            try:
                data = (self._base / profile.certificate).read_bytes()
                chain = x509.load_pem_x509_certificates(data)
            except (OSError, ValueError):
                continue  # it was read when it came into use; what is there now is told at reload
            until = min(one.not_valid_after_utc for one in chain)
            yield Expiry(name, str(borne(chain[0])), until)

    def _used(self) -> dict[str, Profile]:
        servers = {one.name: one for one in self._deployment.tls_server_profiles}
        clients = {one.name: one for one in self._deployment.tls_client_profiles}
        wanted = {name for one in self.interfaces.values() for name in self._with_sni(one)}
        found: dict[str, Profile] = {name: servers[name] for name in sorted(wanted)}
        return found | {name: clients[name] for name in sorted(self.clients)}

    def _with_sni(self, name: str) -> tuple[str, ...]:
        servers = {one.name: one for one in self._deployment.tls_server_profiles}
        return (name, *servers[name].sni_profiles)

    def _state(self, name: str) -> State:
        """What tells that a file of a profile is another one."""
        profile = self._profiles[name]
        found = []
        for field in type(profile).model_fields:
            path = getattr(profile, field)
            if field in _FILES and path is not None:
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
