"""What a core asks for that takes time: connections, names, media. Each order has its answer."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING

from farline.media.engine import MediaDone
from farline.runtime.sip_listen import way_out
from farline.runtime.sip_stream import StreamConnection
from farline.sip.effects import LookedUp, OpenFailed
from farline.sip.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from farline.media.engine import Media
    from farline.runtime.sip import SipDriver
    from farline.sip.effects import Lookup, Open

CONNECT_SECONDS = 5.0
"""How long a TCP and TLS set-up may take: well under Timer B (32 s), so that failover follows."""


class SipOrders:
    """The orders of one driver's core that are under way."""

    def __init__(self, driver: SipDriver) -> None:
        self._driver = driver
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, order: Open) -> None:
        """Connect; `Opened` comes from the connection, else `OpenFailed`."""
        self._spawn(self._open(order))

    def look_up(self, order: Lookup) -> None:
        """Ask the DNS."""
        self._spawn(self._look_up(order))

    def do_media(self, order: Media) -> None:
        """Ask the media engine."""
        self._spawn(self._do_media(order))

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, order: Open) -> None:
        listener = self._driver.listener(order.interface)
        if order.transport.is_websocket:
            self._driver.handle(OpenFailed(order.ticket, "a WebSocket is opened by its client"))
            return
        verified = (
            self._driver.tls_for(order.tls_profile) if order.transport is Transport.TLS else None
        )
        if order.transport is Transport.TLS and verified is None:
            self._driver.handle(OpenFailed(order.ticket, "no TLS client profile is configured"))
            return
        name = order.server_name or order.remote.host
        connection = StreamConnection(
            self._driver,
            order.interface,
            order.transport,
            listener.limits,
            ticket=order.ticket,
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    **await way_out(listener, order.remote),
                    ssl=verified,
                    server_hostname=name if verified else None,
                )
        except TimeoutError:
            self._driver.handle(OpenFailed(order.ticket, f"no answer in {CONNECT_SECONDS:.0f} s"))
        except OSError as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                self._driver.refused("certificate", _in_words(error), order.interface, order.remote)
            self._driver.handle(OpenFailed(order.ticket, _in_words(error)))

    async def _look_up(self, order: Lookup) -> None:
        if self._driver.resolve is None:
            raise RuntimeError("a core asked for a name, but its driver has no resolver")
        self._driver.handle(LookedUp(order.ticket, await self._driver.resolve(order.question)))

    async def _do_media(self, order: Media) -> None:
        if self._driver.media is None:
            raise RuntimeError("a core asked for media, but its driver has no engine")
        reply = await self._driver.media(order.request)
        if order.ticket:
            self._driver.handle(MediaDone(order.ticket, reply))


def _in_words(error: OSError) -> str:
    """Why a connection failed: TLS errors speak for themselves, others by their number."""
    known = error.errno is not None and not isinstance(error, ssl.SSLError)
    if known:
        return os.strerror(error.errno)  # type: ignore[arg-type]  # known
    return str(error) or "the server ended the TLS handshake"  # uvloop's reset has no text
