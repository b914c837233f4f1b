"""The border role: the core on its signaling interfaces, its relays, and its media engine."""

from __future__ import annotations

from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING

from farline.border import BorderCore
from farline.media.reports import MediaSessions
from farline.runtime import clock
from farline.runtime.acme_keeper import AcmeKeeper
from farline.runtime.border_commands import BorderCommands, beside, name_servers
from farline.runtime.border_listeners import border_listeners
from farline.runtime.border_memory import BorderMemory
from farline.runtime.charging import Charges
from farline.runtime.countries import Countries
from farline.runtime.ids import RealIds
from farline.runtime.media_client import MediaClient
from farline.runtime.ng_client import NgClient, ng_settings
from farline.runtime.push import PushSender
from farline.runtime.quarantine import Quarantine
from farline.runtime.relay_set import RelaySet
from farline.runtime.resolver import Resolver
from farline.runtime.scripts import Scripts
from farline.runtime.sip import SipDriver
from farline.runtime.tls_keeper import TlsKeeper
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
        form = border.shield
        countries = Countries(beside(context, form.country_database))
        quarantine = Quarantine(context.run_dir / "quarantine", active=form.quarantine)
        core = BorderCore(
            border, RealIds(), wall=clock.wall_of, country=countries, traced=context.traced
        )
        keeper = TlsKeeper(context.deployment, context.base, trace).prepare()
        charges = stack.enter_context(closing(Charges(context.run_dir)))
        memory = BorderMemory(stack, context.run_dir)
        driver = make_driver(context, border, core, keeper, trace, memory, quarantine)
        driver.tells_keep_alives = True
        media = make_media(context, border, driver.handle)
        driver.media = media.perform
        media.start()
        stack.push_async_callback(media.stop)
        stack.push_async_callback(driver.stop)
        resolver = Resolver(name_servers(border))
        driver.resolve = resolver.ask
        scripts = Scripts(border.signaling_scripts, context.base, driver.handle)
        stack.push_async_callback(scripts.stop)

        pushes = PushSender(trace)
        stack.push_async_callback(pushes.stop)

        def take(output: object) -> None:
            """What the driver does not know: each takes its own."""
            charges.take(output)
            scripts.take(output)
            pushes.take(output)

        driver.on_output = memory.say(take)
        memory.restore(driver)
        await scripts.start()
        await driver.start()
        driver.handle(Started())
        relays = RelaySet(
            keeper,
            trace,
            ask=resolver.ask,
            registered=core.registered_from,
            far_end=core.far_end,
        )
        stack.push_async_callback(relays.stop)
        await relays.adopt(context.deployment)

        def show() -> dict[str, object]:
            return {
                **core.show(clock.monotonic()),
                "media engine": "connected" if media.connected else "not running",
                **({"media nodes": media.show()} if isinstance(media, NgClient) else {}),
                "dns": resolver.show(),
                **({"scripts": shown} if (shown := scripts.show()) else {}),
                "push": pushes.show(),
                "quarantine": quarantine.show(),
                "relays": relays.show(),
                "certificates": keeper.show(),
                "acme": acme.show(),
            }

        acme = AcmeKeeper(context, keeper, trace)
        stack.push_async_callback(acme.stop)
        acme.start()
        commands = BorderCommands(
            context, driver, keeper, countries, quarantine, relays, core.calls, resolver, scripts
        )
        await stack.enter_async_context(context.control({"show": show, **commands.table()}))
        await keeper.watch()


def make_media(
    context: RoleContext, border: Border, tell: Callable[[MediaReport | MediaSessions], None]
) -> MediaClient | NgClient:
    """The client of the media engine that the deployment names."""
    if border.media_engine.engine == "rtpengine":
        return NgClient(ng_settings(border), tell)

    def connected(names: tuple[str, ...]) -> None:
        tell(MediaSessions(names))

    return MediaClient(context.media_path, tell, connected)


def make_driver(
    context: RoleContext,
    border: Border,
    core: BorderCore,
    keeper: TlsKeeper,
    trace: Callable[[Event], None] | None,
    memory: BorderMemory,
    quarantine: Quarantine,
) -> SipDriver:
    """The driver with every signaling interface of the border."""
    return SipDriver(
        core,
        border_listeners(border, keeper),
        tls_for=keeper.of_sip_server,
        trace=trace if context.traced else None,
        keep=memory.keep,
        quarantine=quarantine,
    )
