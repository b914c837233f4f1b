"""The office role: the core on its interface, directory, System Monitor, stores, media engine."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from typing import TYPE_CHECKING

from farline import __version__
from farline.office import OfficeCore
from farline.office.connections import INTERFACE
from farline.office.directory import UserDirectory
from farline.office.monitor import monitor_entry
from farline.runtime import clock
from farline.runtime.acme.keeper import AcmeKeeper
from farline.runtime.ids import RealIds
from farline.runtime.media_client import MediaClient
from farline.runtime.office_directory import DirectoryServer
from farline.runtime.sip import Listener, SipDriver
from farline.runtime.tls.keeper import TlsKeeper
from farline.runtime.trace_writer import TraceWriter
from farline.store.call_records import SqliteCallRecords
from farline.store.registrations import SqliteRegistrations
from farline.trace.events import MessageSeen, Note

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from farline.config import Office
    from farline.runtime.role import RoleContext
    from farline.trace.events import Event

    Sink = Callable[[Event], None]

MONITOR_FILE = "monitor.txt"


async def run_office(context: RoleContext) -> None:
    """Serve until cancelled.

    Raises OSError for an address that cannot be listened on, TlsError for an unusable certificate,
    StoreError for a state file that cannot be used.
    """
    office = context.deployment.office
    if office is None:
        raise ValueError("this deployment has no office")
    async with AsyncExitStack() as stack:
        trace = await stack.enter_async_context(context.trace())
        if context.traced:
            monitor = await stack.enter_async_context(_monitor(context))
            trace = _both(trace, monitor)
        keeper = TlsKeeper(context.deployment, context.base, trace)
        core = _core(context, office, stack)
        driver = SipDriver(
            core,
            [_listener(keeper, office)],
            trace=trace if context.traced else None,
            on_output=lambda record: trace(Note("call record", str(record))),
        )
        media = MediaClient(context.media_path, driver.handle)
        driver.media = media.perform
        media.start()
        stack.push_async_callback(media.stop)
        stack.push_async_callback(driver.stop)
        await driver.start()
        await _start_directory(keeper, office, trace, stack)

        acme = AcmeKeeper(context, keeper, trace)
        stack.push_async_callback(acme.stop)
        acme.start()

        def show() -> dict[str, object]:
            state = "connected" if media.connected else "not running"
            tls = {"certificates": keeper.show(), "acme": acme.show()}
            return {**core.show(), "media engine": state, **tls}

        commands: dict[str, Callable[..., object]] = {"show": show}
        commands["tls-reload"] = keeper.reload
        commands["tls-renew"] = acme.renew
        await stack.enter_async_context(context.control(commands))
        await keeper.watch()


def _core(context: RoleContext, office: Office, stack: AsyncExitStack) -> OfficeCore:
    """The core with its stores under the run directory."""
    state = context.run_dir / "state"
    registrations = stack.enter_context(closing(SqliteRegistrations(state / "office.sqlite")))
    records = stack.enter_context(closing(SqliteCallRecords(state / "calls.sqlite")))
    now = clock.monotonic()

    def wall(then: float) -> float:
        # The clock of day may be set while we run, the monotonic one not.
        return clock.wall() + then - clock.monotonic()

    return OfficeCore(
        office,
        ids=RealIds(),
        wall=wall,
        now=now,
        registrations=registrations,
        records=records,
        version=__version__.rpartition(".")[0],
    )


def _listener(keeper: TlsKeeper, office: Office) -> Listener:
    registrar = office.registrar
    profile = registrar.tls_profile
    tls = None
    if profile is not None and registrar.tls_port is not None:
        tls = keeper.server(profile)
    return Listener(
        INTERFACE,
        office.ip,
        udp_port=registrar.udp_port,
        tcp_port=registrar.tcp_port,
        tls_port=registrar.tls_port if tls is not None else None,
        tls=tls,
    )


async def _start_directory(
    keeper: TlsKeeper, office: Office, trace: Sink, stack: AsyncExitStack
) -> None:
    if office.directory is None:
        return
    users = UserDirectory(office, RealIds(), wall=clock.wall())
    server = DirectoryServer(users, office.service_users, trace)
    stack.push_async_callback(server.stop)
    tls = keeper.server(office.directory.tls_profile)
    await server.start(office.ip, office.directory.port, tls)


@asynccontextmanager
async def _monitor(context: RoleContext) -> AsyncIterator[Sink]:
    """The System Monitor's file, open for the time of the block."""
    started = clock.wall()

    def encode(event: Event, at: float, _role: str) -> str:
        return monitor_entry(event, at, started=started) if isinstance(event, MessageSeen) else ""

    writer = TraceWriter(context.run_dir / MONITOR_FILE, context.role, encode)
    await writer.start()
    try:
        yield partial(_messages_only, writer)
    finally:
        await writer.stop()


def _messages_only(writer: TraceWriter, event: Event) -> None:
    if isinstance(event, MessageSeen):
        writer(event)


def _both(first: Sink, second: Sink) -> Sink:
    def write(event: Event) -> None:
        first(event)
        second(event)

    return write
