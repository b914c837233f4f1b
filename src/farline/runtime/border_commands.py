"""What a running border is told over its control socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border import Banned, Lifted, Reconfigured
from farline.border.policy.marking import first_classes
from farline.runtime.border_listeners import border_listeners
from farline.sip.transport import Address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farline.config import Border
    from farline.runtime.acme.keeper import AcmeKeeper
    from farline.runtime.countries import Countries
    from farline.runtime.dns.resolver import Resolver
    from farline.runtime.quarantine import Quarantine
    from farline.runtime.relays.set import RelaySet
    from farline.runtime.role import RoleContext
    from farline.runtime.scripts.runner import Scripts
    from farline.runtime.sip import SipDriver
    from farline.runtime.sip_ports import Calls
    from farline.runtime.tls.keeper import TlsKeeper


@dataclass(frozen=True, slots=True)
class BorderCommands:
    """The commands that change something, on the parts that they change."""

    context: RoleContext
    driver: SipDriver
    keeper: TlsKeeper
    countries: Countries
    quarantine: Quarantine
    relays: RelaySet
    calls: Calls
    resolver: Resolver
    scripts: Scripts
    acme: AcmeKeeper

    def table(self) -> dict[str, Callable[..., object]]:
        """The commands by name."""
        return {
            "apply": self.apply,
            "ban": self.ban,
            "lift": self.lift,
            "release": self.release,
            "tls-reload": self.reload,
            "tls-renew": self.acme.renew,
        }

    async def apply(self) -> str:
        """Go by the deployment file as it is now, without touching calls.

        Raises OSError and TlsError for what cannot be; part of it may be done then, and the file of
        before brings that back.
        """
        if self.context.reload is None:
            raise RuntimeError("this border was not started from a file")
        deployment = self.context.reload()
        if deployment.border is None:
            raise RuntimeError("the file has no border any more")
        self.countries.change(beside(self.context, deployment.border.shield.country_database))
        self.keeper.adopt(deployment)
        await self.scripts.adopt(deployment.border.signaling_scripts, self.context.base)
        self.resolver.change(name_servers(deployment.border))
        await self.relays.adopt(deployment)
        await self.driver.relisten(border_listeners(deployment.border, self.keeper), self.calls)
        self.quarantine.active = deployment.border.shield.quarantine
        self.driver.remark(first_classes(deployment.border))
        self.driver.handle(Reconfigured(deployment.border))
        return "applied"

    def reload(self) -> dict[str, str]:
        """Read certificates, keys and authorities again."""
        return self.keeper.reload()

    def ban(self, host: str, port: int | None, seconds: float, reason: str) -> str:
        """Ban a device or an address by hand."""
        self.driver.handle(Banned(host, port, seconds, reason))
        return "banned"

    def lift(self, host: str, port: int | None) -> str:
        """End bans."""
        self.driver.handle(Lifted(host, port))
        return "lifted"

    def release(self, mark: str) -> str:
        """Let a kind of message in again. Raises LookupError for an unknown mark."""
        self.quarantine.release(mark)
        return "released"


def name_servers(border: Border) -> list[Address]:
    """Whom the border asks for names; empty: whom the system asks."""
    return [Address(one.ip, one.port) for one in border.dns.servers]


def beside(context: RoleContext, path: Path | None) -> Path | None:
    """A file named in the deployment; relative paths start at the deployment file."""
    return None if path is None else context.base / path
