"""The border role: the core on its signaling interfaces, its relays, and its media engine."""

from __future__ import annotations

from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING

from farline.border import BorderCore
from farline.media.reports import MediaSessions
from farline.runtime import clock
from farline.runtime.acme.keeper import AcmeKeeper
from farline.runtime.border_commands import BorderCommands, beside, name_servers
from farline.runtime.border_listeners import border_listeners
from farline.runtime.border_memory import BorderMemory
from farline.runtime.charging import Charges
from farline.runtime.countries import Countries
from farline.runtime.dns.resolver import Resolver
from farline.runtime.huge_pages import gather_aside
from farline.runtime.ids import RealIds
from farline.runtime.media_client import MediaClient
from farline.runtime.ng_client import NgClient
from farline.runtime.ng_settings import ng_settings
from farline.runtime.push import PushSender
from farline.runtime.quarantine import Quarantine
from farline.runtime.relays.set import RelaySet
from farline.runtime.scripts.runner import Scripts
from farline.runtime.sip import SipDriver
from farline.runtime.tls.keeper import TlsKeeper
from farline.sip.effects import Started

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.config import Border
    from farline.media.reports import MediaReport
    from farline.runtime.role import RoleContext
    from farline.trace.events import Event


async def run_border(context: RoleContext) -> None:
    """Serve until cancelled.

    Raises OSError for an address that cannot be listened on, TlsError for an unusable certificate.
    """
    border = context.deployment.border
    if border is None:
        raise ValueError("this deployment has no border")
    async with AsyncExitStack() as stack:
        trace = await stack.enter_async_context(context.trace())
        parts = BorderParts(context, border, trace, stack)
        gather_aside()
        await parts.start(stack)
        commands = {"show": parts.show, **parts.commands().table()}
        await stack.enter_async_context(context.control(commands))
        await parts.keeper.watch()


class BorderParts:
    """The core of a border and everything around it.

    `stack` closes what is open at once; what `start` begins it ends in the reverse order.
    """

    def __init__(
        self,
        context: RoleContext,
        border: Border,
        trace: Callable[[Event], None],
        stack: AsyncExitStack,
    ) -> None:
        self._context = context
        form = border.shield
        self._countries = Countries(beside(context, form.country_database))
        self._quarantine = Quarantine(context.run_dir / "quarantine", active=form.quarantine)
        self._core = BorderCore(
            border, RealIds(), wall=clock.wall_of, country=self._countries, traced=context.traced
        )
        self.keeper = TlsKeeper(context.deployment, context.base, trace).prepare()
        self._charges = stack.enter_context(closing(Charges(context.run_dir)))
        self._memory = BorderMemory(stack, context.run_dir)
        self._driver = SipDriver(
            self._core,
            border_listeners(border, self.keeper),
            tls_for=self.keeper.of_sip_server,
            trace=trace if context.traced else None,
            keep=self._memory.keep,
            quarantine=self._quarantine,
        )
        self._driver.tells_keep_alives = True
        self._media = make_media(context, border, self._driver.handle, trace)
        self._driver.media = self._media.perform
        self._resolver = Resolver(name_servers(border))
        self._driver.resolve = self._resolver.ask
        self._scripts = Scripts(border.signaling_scripts, context.base, self._driver.handle)
        self._pushes = PushSender(trace)
        self._driver.on_output = self._memory.say(self._take)
        self._relays = RelaySet(
            self.keeper,
            trace,
            ask=self._resolver.ask,
            registered=self._core.registered_from,
            far_end=self._core.far_end,
        )
        self._acme = AcmeKeeper(context, self.keeper, trace)

    async def start(self, stack: AsyncExitStack) -> None:
        """Begin to serve: first what the core asks, then the core, then the relays beside it."""
        self._media.start()
        stack.push_async_callback(self._media.stop)
        stack.push_async_callback(self._driver.stop)
        stack.push_async_callback(self._scripts.stop)
        stack.push_async_callback(self._pushes.stop)
        self._memory.restore(self._driver)
        await self._scripts.start()
        await self._driver.start()
        self._driver.handle(Started())
        stack.push_async_callback(self._relays.stop)
        await self._relays.adopt(self._context.deployment)
        stack.push_async_callback(self._acme.stop)
        self._acme.start()

    def commands(self) -> BorderCommands:
        """What it is told over its control socket."""
        return BorderCommands(
            self._context,
            self._driver,
            self.keeper,
            self._countries,
            self._quarantine,
            self._relays,
            self._core.calls,
            self._resolver,
            self._scripts,
            self._acme,
        )

    def show(self) -> dict[str, object]:
        """What `farline show` prints of it."""
        media = self._media
        return {
            **self._core.show(clock.monotonic()),
            "media engine": "connected" if media.connected else "not running",
            **({"media nodes": media.show()} if isinstance(media, NgClient) else {}),
            "dns": self._resolver.show(),
            **({"scripts": shown} if (shown := self._scripts.show()) else {}),
            "push": self._pushes.show(),
            "quarantine": self._quarantine.show(),
            "relays": self._relays.show(),
            "certificates": self.keeper.show(),
            "acme": self._acme.show(),
        }

    def _take(self, output: object) -> None:
        """What the driver does not know: each takes its own."""
        self._charges.take(output)
        self._scripts.take(output)
        self._pushes.take(output)


def make_media(
    context: RoleContext,
    border: Border,
    tell: Callable[[MediaReport | MediaSessions], None],
    trace: Callable[[Event], None],
) -> MediaClient | NgClient:
    """The client of the media engine that the deployment names."""
    if border.media_engine.engine == "rtpengine":
        return NgClient(ng_settings(border), tell, trace=trace)

    def connected(names: tuple[str, ...]) -> None:
        tell(MediaSessions(names))

    return MediaClient(context.media_path, tell, connected)
