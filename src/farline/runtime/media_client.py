"""The client of the media process: requests in flight by number, and a connection that comes back.

A request that is in flight when the process dies is sent again to the one that takes its place:
that one has either not heard of it, or answers it as it would a repeated offer or answer. While the
process is away requests wait for it, but not for long: then they fail with status 500.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from farline.media.engine import MediaReply
from farline.media.reports import decode_report
from farline.media.wire import MediaWireError, decode_reply, read_reply, write_request
from farline.runtime.line_client import LineClient
from farline.runtime.unix_socket import short_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farline.media.engine import MediaRequest
    from farline.media.reports import MediaReport

    Told = MediaReply | dict[str, Any] | None
    """A reply; what is none, but has the number of a request; None: the process is away."""

log = logging.getLogger(__name__)

MAX_PENDING = 1_000
"""Requests in flight: a media process that is this far behind is of no use to more calls."""
REQUEST_SECONDS = 5.0
"""Longer, and the caller's own transaction is at risk (timer C aside, people hang up)."""
AWAY_SECONDS = 2.0
"""How long a request waits for a media process to come back: twice what that should take."""
RECONNECT_SECONDS = (0.02, 0.5)
"""The first and the longest pause between two attempts to connect."""
LINE_LIMIT = 1024 * 1024
"""Bytes of a reply: 16 streams have 64 ports of 300 bytes; a list of sessions is the longest."""


class MediaClient:
    """One connection to the media process, kept up."""

    def __init__(
        self,
        path: Path,
        on_report: Callable[[MediaReport], None],
        on_connected: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        """`on_report` is called on the event loop with what the media process tells unasked.

        `on_connected`: with the names of all sessions, whenever the process is there (again).
        """
        self._path = path
        self._on_report = on_report
        self._on_connected = on_connected
        self._pending: dict[int, asyncio.Future[Told]] = {}
        self._asking = 0
        self._next = 0
        self._server: LineClient | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the media process is there."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost."""
        self._task = asyncio.get_running_loop().create_task(self._keep_up())

    async def wait_connected(self) -> None:
        """Return once there is a connection."""
        await self._connected.wait()

    async def stop(self) -> None:
        """Close; requests in flight fail."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def perform(self, request: MediaRequest) -> MediaReply:
        """Have a request served; whatever goes wrong is in the reply, nothing is raised."""
        value = await self._ask(partial(write_request, request))
        if isinstance(value, MediaReply):
            return value
        try:
            return decode_reply(value)
        except MediaWireError as error:
            return MediaReply(error=str(error), status=500)

    async def sessions(self) -> list[str]:
        """The names of all sessions; raises ConnectionError where the process is away."""
        value = await self._ask_state()
        return [str(name) for name in value["sessions"]]

    async def no_fast_path(self) -> str | None:
        """Why the kernel relays nothing; None: it does. Raises ConnectionError as `sessions`."""
        reason = (await self._ask_state())["no_fast_path"]
        return None if reason is None else str(reason)

    async def _ask_state(self) -> dict[str, Any]:
        value = await self._ask(lambda number: _line({"id": number, "op": "sessions"}))
        if isinstance(value, MediaReply):
            raise ConnectionError(value.error)
        if not {"sessions", "no_fast_path"} <= value.keys():
            raise ConnectionError("the media process does not say which sessions there are")
        return value

    async def _ask(self, line: Callable[[int], bytes]) -> MediaReply | dict[str, Any]:
        """`line`: the request with its number."""
        if self._asking >= MAX_PENDING:
            return _failure("the media process is overloaded", status=503)
        self._asking += 1
        until = asyncio.get_running_loop().time() + REQUEST_SECONDS
        try:
            while True:
                reply = await self._ask_once(line, until)
                if reply is not None:
                    return reply
                if self._task is None:
                    return _failure("the media client is stopped")
                async with asyncio.timeout_at(until), asyncio.timeout(AWAY_SECONDS):
                    await self._connected.wait()
        except TimeoutError:
            return self._late()
        finally:
            self._asking -= 1

    async def _ask_once(self, line: Callable[[int], bytes], until: float) -> Told:
        """What is told within the time."""
        if self._server is None:
            return None
        self._next += 1
        number = self._next
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Told] = loop.create_future()
        self._pending[number] = future
        self._server.send(line(number))
        # A timer alone costs a tenth of `asyncio.timeout`.
        timer = loop.call_at(until, self._give_up, future)
        try:
            return await future
        finally:
            timer.cancel()
            self._pending.pop(number, None)

    def _give_up(self, future: asyncio.Future[Told]) -> None:
        if not future.done():
            future.set_result(self._late())

    def _late(self) -> MediaReply:
        here = self._server is not None
        return _failure(f"the media process {'does not answer' if here else 'is not running'}")

    async def _keep_up(self) -> None:
        first, longest = RECONNECT_SECONDS
        pause = first
        while True:
            try:
                server = await self._connect()
            except OSError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)
                continue
            pause = first
            await self._serve(server)

    async def _connect(self) -> LineClient:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        with short_path(self._path) as name:
            _, server = await loop.create_unix_connection(
                lambda: LineClient(self._take, LINE_LIMIT), name
            )
        return server

    async def _serve(self, server: LineClient) -> None:
        """Until the connection ends; what is still waiting then asks again."""
        self._server = server
        self._connected.set()
        comparing = asyncio.ensure_future(self._compare())
        reason = "is not asked any more"
        try:
            reason = await server.ended
        finally:
            log.warning("the media process %s", reason)
            comparing.cancel()
            self._server = None
            self._connected.clear()
            server.close()
            for future in self._pending.values():
                if not future.done():
                    future.set_result(None)

    async def _compare(self) -> None:
        """Say which sessions there are."""
        if self._on_connected is None:
            return
        try:
            names = await self.sessions()
        except ConnectionError as error:
            log.warning("which media sessions there are is not known: %s", error)
        else:
            self._on_connected(tuple(names))

    def _take(self, line: bytes) -> None:
        """Deliver one line; raises ValueError for what the media process does not say."""
        reply = read_reply(line)
        if reply is not None:
            self._deliver(*reply)
            return
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("a line that is no object")
        if "event" in value:
            self._on_report(decode_report(value))
        else:
            self._deliver(value.get("id", 0), value)

    def _deliver(self, number: object, value: MediaReply | dict[str, Any]) -> None:
        future = self._pending.get(number) if isinstance(number, int) else None
        if future is not None and not future.done():
            future.set_result(value)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _failure(reason: str, status: int = 500) -> MediaReply:
    return MediaReply(error=reason, status=status)
