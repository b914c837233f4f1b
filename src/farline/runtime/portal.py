"""The portal role: puts directory, REST, instant messaging and mybuddy together and serves."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import farline.portal.im
from farline.portal.im.keys import BuddyLogin, KeyServer
from farline.portal.im.mybuddy import MyBuddy
from farline.portal.im.prosody import Prosody
from farline.portal.im.prosody_files import ProsodyFiles, ProsodySettings
from farline.portal.login import Doorman
from farline.portal.providers.directory import Directory
from farline.portal.rest import RestServer
from farline.portal.status import Component, ComponentStatus
from farline.portal.throttle import Throttle
from farline.runtime import clock
from farline.runtime.acme.keeper import AcmeKeeper
from farline.runtime.ids import RealIds
from farline.runtime.tls.keeper import TlsKeeper
from farline.runtime.tls.messaging import pinned, prosody_tls
from farline.trace.events import Event, Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.config import Portal
    from farline.portal.accounts import Accounts
    from farline.runtime.role import RoleContext

MODULES = Path(farline.portal.im.__file__).parent / "lua"
DECOY_BYTES = 32
READY_SECONDS = 5.0


async def run_portal(context: RoleContext) -> None:
    """Serve until cancelled.

    Raises OSError for an address that cannot be listened on, TlsError for an unusable certificate,
    ImServerError when Prosody is missing or does not start.
    """
    async with AsyncExitStack() as stack:
        trace = await stack.enter_async_context(context.trace())
        role = PortalRole(context, trace)
        await role.start(stack)
        await role.serve()


class PortalRole:
    """The parts of a running portal."""

    def __init__(self, context: RoleContext, trace: Callable[[Event], None]) -> None:
        portal = context.deployment.portal
        if portal is None:
            raise ValueError("this deployment has no portal")
        self.portal: Portal = portal
        self._context = context
        self._trace = trace
        self._ids = RealIds()
        self._keeper = TlsKeeper(context.deployment, context.base, trace)
        self._acme = AcmeKeeper(context, self._keeper, trace)
        self._decoy_secret = _kept_secret(context.run_dir / "state" / "portal-decoy.key")
        self.status = ComponentStatus(clock.wall, self._component_changed)
        self.throttle = Throttle(portal.max_failed_logins)
        self.directory = self._directory()
        self._doorman = Doorman(
            self._accounts,
            self.throttle,
            realm=portal.sip_info.realm,
            decoy_secret=self._decoy_secret,
            ids=self._ids,
            clock=clock.monotonic,
        )
        self.rest = RestServer(portal, self._doorman, trace)
        buddy = BuddyLogin(portal.im_presence.mybuddy, self._ids)
        self.keys = self._key_server(buddy)
        self.mybuddy = self._mybuddy(buddy)
        self.messaging: Prosody | None = None

    async def start(self, stack: AsyncExitStack) -> None:
        """Open everything; `stack` closes it again in the opposite order."""
        portal = self.portal
        self.directory.load_copy()
        stack.callback(self._doorman.close)
        tls = self._keeper.server(portal.tls_profile)
        ports = [port for port in (portal.rest_port, portal.communicator_port) if port is not None]
        stack.push_async_callback(self.rest.stop)
        await self.rest.start(ports, tls)
        stack.push_async_callback(self.keys.stop)
        await self.keys.start()
        self.messaging = self._prosody()
        stack.push_async_callback(self.messaging.stop)
        await self.messaging.start(self._accounts())
        stack.push_async_callback(self._acme.stop)
        self._acme.start()

    async def serve(self) -> None:
        """Run the lasting tasks, and the control socket, until cancelled.

        The control socket opens, and so says that the portal is ready, when the office and mybuddy
        have been tried once, or READY_SECONDS later: without the office the portal serves too.
        """
        commands: dict[str, Callable[..., object]] = {
            "show": self.show,
            "components": self.status.show,
            "synchronise": self.synchronise,
            "tls-reload": self._keeper.reload,
            "tls-renew": self._acme.renew,
        }
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.directory.run(), name="directory")
            tasks.create_task(self.mybuddy.run(), name="mybuddy")
            tasks.create_task(self._keeper.watch(), name="certificates")
            with suppress(TimeoutError):
                async with asyncio.timeout(READY_SECONDS):
                    await self.directory.attempted.wait()
                    await self.mybuddy.attempted.wait()
            async with self._context.control(commands):
                await asyncio.Event().wait()

    def show(self) -> dict[str, object]:
        """The state of every part, as data."""
        accounts = self._accounts()
        return {
            "components": self.status.show(),
            "users": len(accounts),
            "messaging_users": sum(account.messaging for account in accounts),
            "rest": self.rest.show(),
            "im": self.messaging.show() if self.messaging is not None else None,
            "im_logins": {"keys_served": self.keys.served, "failed": self.keys.failed},
            "throttled": self.throttle.refused,
            "certificates": self._keeper.show(),
            "acme": self._acme.show(),
            "mybuddy": {"jid": self.mybuddy.jid, "answered": self.mybuddy.answered},
        }

    def synchronise(self) -> str:
        """Ask the office for its users now."""
        self.directory.synchronise()
        return "asked"

    def _directory(self) -> Directory:
        portal, context = self.portal, self._context
        provider = portal.dsml_provider
        return Directory(
            provider,
            tls=self._keeper.client(provider.tls_client_profile),
            source_ip=portal.ip,
            copy=context.run_dir / "state" / "portal-directory.json",
            reserved={portal.im_presence.mybuddy: "the name is that of mybuddy"},
            status=self.status,
            wall=clock.wall,
            trace=self._trace,
            on_change=self._accounts_changed,
        )

    def _key_server(self, buddy: BuddyLogin) -> KeyServer:
        return KeyServer(
            self._accounts,
            buddy,
            self.throttle,
            decoy_secret=self._decoy_secret,
            ids=self._ids,
            clock=clock.monotonic,
            trace=self._trace,
        )

    def _mybuddy(self, buddy: BuddyLogin) -> MyBuddy:
        messaging, context = self.portal.im_presence, self._context
        return MyBuddy(
            buddy,
            messaging.domain,
            address=(self.portal.ip, messaging.port),
            tls=partial(pinned, context.deployment, messaging.tls_profile, context.base),
            status=self.status,
        )

    def _accounts(self) -> Accounts:
        return self.directory.accounts

    async def _accounts_changed(self, accounts: Accounts) -> None:
        if self.messaging is not None:
            await self.messaging.change_accounts(accounts)

    def _component_changed(self, component: Component) -> None:
        detail = f"{component.name}: {component.status}: {component.additional_info}"
        self._trace(Note("component", detail))

    def _renewed(self, profile: str) -> None:
        if profile == self.portal.im_presence.tls_profile and self.messaging is not None:
            self.messaging.renew_tls()

    def _prosody(self) -> Prosody:
        portal, context = self.portal, self._context
        run_dir, profile = context.run_dir.resolve(), portal.im_presence.tls_profile
        self._keeper.server(profile)  # it is usable, and watched
        self._keeper.renewed.append(self._renewed)
        settings = ProsodySettings(
            ip=portal.ip,
            port=portal.im_presence.port,
            domain=portal.im_presence.domain,
            mybuddy=portal.im_presence.mybuddy,
            tls=prosody_tls(context.deployment, profile, context.base),
            portal_url=self.keys.url,
            modules=MODULES,
        )
        files = ProsodyFiles(run_dir / "prosody", run_dir / "log" / "prosody.log")
        return Prosody(settings, files, status=self.status, trace=self._trace)


def _kept_secret(path: Path) -> bytes:
    """Random bytes that stay the same over restarts: decoy keys must not change with them."""
    try:
        kept = path.read_bytes()
    except FileNotFoundError:
        kept = b""
    if len(kept) == DECOY_BYTES:
        return kept
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = secrets.token_bytes(DECOY_BYTES)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(fresh)
    return fresh
