"""The mobile client with sockets: performs the steps of `farline.mobile.login`, then is a phone.

client = MobileClient(settings, options, on_event=..., log=...)
await client.login()          raises StepError; every step is an event as it ends
call = client.phone.dial("3003")
await client.network_changed("172.22.33.102")
await client.close()
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farline.mobile import asks
from farline.mobile import login as steps
from farline.mobile.im import ImClient
from farline.mobile.line import Account
from farline.mobile.resolve import resolve
from farline.mobile.rest import RestClient
from farline.mobile.steps import Door, Step, StepError
from farline.runtime import clock
from farline.runtime.ids import RealIds
from farline.runtime.phones.phone import Phone, PhoneOptions
from farline.runtime.phones.reaching import client_tls, local_address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from farline.mobile.clientlog import ClientLog
    from farline.sip.transport import Address
    from farline.trace.events import Event

RELOGIN_BASE, RELOGIN_MAX = 1.0, 60.0
"""Seconds between attempts to come back to instant messaging, doubled each time."""

WATCH_SECONDS = 2.0
"""How often the machine's own address is looked at."""


@dataclass(frozen=True)
class MobileOptions:
    """How this machine reaches the world, and what it does in calls."""

    speech: NDArray[np.int16]
    dns: Address | None = None
    """The resolver to ask; None: the system's."""
    local_ip: str | None = None
    """Source address of everything; None: what the machine would use, and its changes followed."""
    ca: Path | None = None
    """The authority that certificates must come from; None: the system's."""
    insecure: bool = False
    """Verify no certificate (the guide's client did not)."""
    record: Path | None = None
    answer_after: float | None = None
    instance: str = ""
    """UUID of this phone; "" for a new one."""
    user_agent: str = "Farline Mobile"
    trace: Callable[[Event], None] | None = field(default=None)


class MobileClient:
    """See the module's text."""

    def __init__(
        self,
        settings: steps.Settings,
        options: MobileOptions,
        *,
        on_event: Callable[[dict[str, Any]], None],
        log: ClientLog,
    ) -> None:
        self.settings = settings
        self.options = options
        self._on_event = on_event
        self._log = log
        self._ids = RealIds()
        self._instance = options.instance or self._ids.uuid().upper()
        self._resource = steps.im_resource(self._ids)
        self._tls = client_tls(options.ca, insecure=options.insecure)
        self._local_ip = options.local_ip
        self._im: ImClient | None = None
        self._im_ask: asks.ConnectIm | None = None
        self._phone: Phone | None = None
        self._server_address = ""
        self._known_ip = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def phone(self) -> Phone:
        """The phone, once `login` is through."""
        if self._phone is None:
            raise StepError(Door.SIP, "not logged in")
        return self._phone

    async def login(self) -> steps.Login:
        """All steps in the guide's order. Raises StepError; the failed step is an event too."""
        run = steps.login(self.settings, self._resource, self._log)
        try:
            return await steps.run(run, self._perform, clock.monotonic, self._report)
        except StepError as error:
            self._log.failed(error.door, error.why)
            raise

    async def network_changed(self, local_ip: str | None) -> steps.Login:
        """The machine has another address: leave everything and log in again, whole."""
        self._log(f"Network changed: {local_ip or 'another address'}; logging in again")
        self._on_event({"event": "network", "local_ip": local_ip})
        await self._drop()
        self._local_ip = local_ip
        return await self.login()

    async def watch_network(self) -> None:
        """Follow the machine's own address for ever; nothing to do where one was given."""
        if self.options.local_ip is not None:
            return
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                address = local_address(self._server_address)
            except OSError:
                continue  # no network at all: wait for the next one
            if address != self._known_ip:
                try:
                    await self.network_changed(None)
                except StepError:
                    self._known_ip = ""  # reported; try again with the next look

    async def close(self) -> None:
        """Unregister, leave instant messaging."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        phone, self._phone = self._phone, None
        if phone is not None:
            await phone.stop()
        await self._drop()

    async def _drop(self) -> None:
        phone, self._phone = self._phone, None
        if phone is not None:
            await phone.abandon()
        im, self._im = self._im, None
        if im is not None:
            await im.close()

    # ---- performing asks ----

    async def _perform(self, ask: asks.Ask) -> object:
        if isinstance(ask, asks.Resolve):
            return await self._resolve(ask)
        if isinstance(ask, asks.Fetch):
            client = RestClient(
                self.settings.username,
                self.settings.password,
                self._ids,
                self._tls,
                self._local_ip,
            )
            return await client.fetch(ask)
        if isinstance(ask, asks.ConnectIm):
            self._im_ask = ask
            self._im = ImClient(self._tls, self._local_ip, self._im_lost)
            return await self._im.connect(ask)
        if isinstance(ask, asks.AwaitBuddy):
            if self._im is None:
                raise StepError(Door.XMPP, "there is no session")
            return await self._im.await_buddy(ask)
        return await self._register(ask)

    async def _resolve(self, ask: asks.Resolve) -> str:
        address = await resolve(ask.host, self.options.dns, self._local_ip)
        self._server_address = address
        try:
            self._known_ip = self._local_ip or local_address(address)
        except OSError as error:
            raise StepError(Door.DNS, f"there is no way to {address}: {error.strerror}") from None
        return address

    async def _register(self, ask: asks.RegisterSip) -> int:
        account = Account(
            domain=ask.domain,
            extension=ask.extension,
            password=ask.password,
            server=ask.server,
            instance=self._instance,
            transport=ask.transport,
            server_name=self.settings.server,
            realm=ask.realm,
            user_agent=self.options.user_agent,
            interface="mobile",
            answer_after=self.options.answer_after,
        )
        options = PhoneOptions(
            local_ip=self._local_ip or self._known_ip,
            speech=self.options.speech,
            record=self.options.record,
            tls=self._tls,
            voice_qos=ask.voice_qos,
            signalling_qos=ask.signalling_qos,
            trace=self.options.trace,
        )
        self._log("SparkService: RegistrationDelegate: didStartRegistrationWithServer")
        self._phone = Phone(account, options, self._on_event)
        try:
            return await self._phone.register()
        except (StepError, OSError) as error:
            phone, self._phone = self._phone, None
            await phone.abandon()
            if isinstance(error, StepError):
                raise
            raise StepError(Door.SIP, str(error)) from None

    # ---- news ----

    def _report(self, step: Step) -> None:
        self._on_event(
            {
                "event": "step",
                "name": step.name,
                "ok": step.ok,
                "ms": round(step.ms, 1),
                "detail": step.detail,
            }
        )

    def _im_lost(self, why: str) -> None:
        self._log(f"XMPP connection lost: {why}")
        self._on_event({"event": "im", "state": "lost", "detail": why})
        task = asyncio.ensure_future(self._im_again())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _im_again(self) -> None:
        """Come back to instant messaging; the phone goes on meanwhile."""
        ask, pause = self._im_ask, RELOGIN_BASE
        lost, self._im = self._im, None
        if lost is not None:
            await lost.close()
        while ask is not None:
            await asyncio.sleep(pause)
            again = ImClient(self._tls, self._local_ip, self._im_lost)
            try:
                jid = await again.connect(ask)
            except StepError as error:
                if error.wrong_password:
                    self._log.failed(error.door, error.why)
                    return
                pause = min(2 * pause, RELOGIN_MAX)
                continue
            self._im = again
            self._on_event({"event": "im", "state": "back", "detail": jid})
            return
