"""One rtpengine daemon: its socket, the requests under way, and whether it is up.

A request is sent again until its answer comes (the daemon answers a cookie that it knows from its
memory). A node is up after any answer, and down after a request, or pings, without one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from farline.media.ng.message import Document, NgError, pack, unpack
from farline.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farline.media.ng.bencode import Encodable
    from farline.sip.ids import Ids

log = logging.getLogger(__name__)

WAITS = (0.1, 0.2, 0.4, 0.8)
"""Seconds for an answer to each sending; 1.5 together: a new call must find the next node soon."""
PING_WAITS = (0.5, 0.5)
MAX_PENDING = 1_000
"""Requests in flight: a node that is this far behind is of no use to more calls."""


class NodeError(Exception):
    """The node did not answer, or could not be asked. `str` says why."""


class NgNode:
    """Asks one daemon."""

    def __init__(
        self, host: str, port: int, weight: int, ids: Ids, notice: Callable[[NgNode], None]
    ) -> None:
        """`notice` is called when the node goes up or down, and when the first is known."""
        self.host, self.port, self.weight = host, port, weight
        self.up = False
        self.reason = "not asked yet"
        """Why it is up or down."""
        self.since: float | None = None
        """When it went up or down: monotonic seconds; None: it was not heard of yet."""
        self.outages = 0
        """How often it went down."""
        self.strays = 0
        """Answers that nobody waited for (late, or twice) and datagrams that are none."""
        self.lost = 0
        """Requests without an answer."""
        self._ids = ids
        self._notice = notice
        self._pending: dict[bytes, asyncio.Future[Document]] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._opening = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def start(self, ping_seconds: float) -> None:
        """Begin to ping."""
        self._task = asyncio.get_running_loop().create_task(self._watch(ping_seconds))

    async def stop(self) -> None:
        """Close; requests in flight fail."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self._fail("closed")

    async def ask(self, document: Mapping[str, Encodable]) -> Document:
        """The answer to a request. Raises NodeError; the node is then down."""
        return await self._exchange(document, WAITS)

    def tell(self, document: Mapping[str, Encodable]) -> None:
        """Send once, and wait for nothing."""
        if self._transport is not None:
            self._transport.sendto(pack(self._ids.token(8).encode(), document))

    async def _exchange(
        self, document: Mapping[str, Encodable], waits: tuple[float, ...]
    ) -> Document:
        async with self._opening:
            transport = await self._open()
        if len(self._pending) >= MAX_PENDING:
            raise NodeError(f"rtpengine {self} is overloaded")
        cookie = self._ids.token(8).encode()
        datagram = pack(cookie, document)
        future: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
        self._pending[cookie] = future
        try:
            for seconds in waits:
                transport.sendto(datagram)
                await asyncio.wait((future,), timeout=seconds)
                if future.done():
                    return future.result()
        finally:
            self._pending.pop(cookie, None)
        self.lost += 1
        self._set(up=False, why="it does not answer")
        raise NodeError(f"rtpengine {self} does not answer")

    async def _open(self) -> asyncio.DatagramTransport:
        """A socket that takes datagrams from the node alone."""
        if self._transport is None or self._transport.is_closing():
            try:
                self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Protocol(self), remote_addr=(self.host, self.port)
                )
            except OSError as error:
                self._set(up=False, why=str(error.strerror or error))
                raise NodeError(f"rtpengine {self}: {self.reason}") from None
        return self._transport

    async def _watch(self, seconds: float) -> None:
        while True:
            with suppress(NodeError):
                await self._exchange({"command": "ping"}, PING_WAITS)
            await asyncio.sleep(seconds)

    def take(self, datagram: bytes) -> None:
        """A datagram of the node."""
        try:
            cookie, document = unpack(datagram)
        except NgError:
            self.strays += 1
            return
        self._set(up=True, why="it answers")
        future = self._pending.get(cookie)
        if future is None or future.done():
            self.strays += 1
        else:
            future.set_result(document)

    def refused(self, error: OSError) -> None:
        """Nobody listens there: those who wait need not wait for more."""
        self._set(up=False, why=str(error.strerror or error))
        self._fail(f"rtpengine {self}: {self.reason}")

    def _fail(self, reason: str) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_exception(NodeError(reason))

    def _set(self, *, up: bool, why: str) -> None:
        if up is self.up and self.since is not None:
            return
        self.up, self.reason, self.since = up, why, clock.monotonic()
        self.outages += not up
        log.warning("rtpengine %s is %s: %s", self, self.state, why)
        self._notice(self)

    @property
    def state(self) -> str:
        """In a word."""
        return "up" if self.up else "unknown" if self.since is None else "down"


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, node: NgNode) -> None:
        self._node = node

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self._node.take(data)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._node.refused(exc)
