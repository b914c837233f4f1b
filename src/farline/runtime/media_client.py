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
from typing import TYPE_CHECKING, Any

from farline.media.engine import MediaReply
from farline.media.reports import decode_report
from farline.media.wire import MediaWireError, decode_reply, encode_request
from farline.runtime.unix_socket import short_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farline.media.engine import MediaRequest
    from farline.media.reports import MediaReport

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
        self._pending: dict[int, asyncio.Future[dict[str, Any] | None]] = {}
        self._asking = 0
        self._next = 0
        self._writer: asyncio.StreamWriter | None = None
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
        value = await self._ask(encode_request(request))
        try:
            return decode_reply(value)
        except MediaWireError as error:
            return MediaReply(error=str(error), status=500)

    async def sessions(self) -> list[str]:
        """The names of all sessions; raises ConnectionError where the process is away."""
        value = await self._ask({"op": "sessions"})
        if "sessions" not in value:
            raise ConnectionError(value["error"])
        return [str(name) for name in value["sessions"]]

    async def no_fast_path(self) -> str | None:
        """Why the kernel relays nothing; None: it does. Raises ConnectionError as `sessions`."""
        value = await self._ask({"op": "sessions"})
        if "no_fast_path" not in value:
            raise ConnectionError(value["error"])
        reason = value["no_fast_path"]
        return None if reason is None else str(reason)

    async def _ask(self, value: dict[str, Any]) -> dict[str, Any]:
        if self._asking >= MAX_PENDING:
            return _failure("the media process is overloaded", status=503)
        self._asking += 1
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                while True:
                    reply = await self._ask_once(value)
                    if reply is not None:
                        return reply
                    if self._task is None:
                        return _failure("the media client is stopped")
                    async with asyncio.timeout(AWAY_SECONDS):
                        await self._connected.wait()
        except TimeoutError:
            here = self._writer is not None
            return _failure(f"the media process {'does not answer' if here else 'is not running'}")
        finally:
            self._asking -= 1

    async def _ask_once(self, value: dict[str, Any]) -> dict[str, Any] | None:
        """The reply; None when the process is away, or goes before it has answered."""
        if self._writer is None:
            return None
        self._next += 1
        number = self._next
        future: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        line = json.dumps({"id": number, **value}, separators=(",", ":"))
        self._writer.write(line.encode() + b"\n")
        try:
            return await future
        finally:
            self._pending.pop(number, None)

    async def _keep_up(self) -> None:
        first, longest = RECONNECT_SECONDS
        pause = first
        while True:
            try:
                with short_path(self._path) as name:
                    reader, writer = await asyncio.open_unix_connection(name, limit=LINE_LIMIT)
            except OSError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)
                continue
            pause = first
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read until the connection ends; what is still waiting then fails."""
        self._writer = writer
        self._connected.set()
        comparing = asyncio.ensure_future(self._compare())
        reason = "the media process closed the connection"
        try:
            while line := await reader.readline():
                self._take(json.loads(line))
        except (OSError, ValueError) as error:
            reason = f"the connection to the media process failed: {error}"
        finally:
            log.warning("%s", reason)
            comparing.cancel()
            self._writer = None
            self._connected.clear()
            writer.close()
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

    def _take(self, value: object) -> None:
        """Deliver one line; raises ValueError for what the media process does not say."""
        if not isinstance(value, dict):
            raise ValueError("a line that is no object")
        if "event" in value:
            self._on_report(decode_report(value))
            return
        future = self._pending.get(value.get("id", 0))
        if future is not None and not future.done():
            future.set_result(value)


def _failure(reason: str, status: int = 500) -> dict[str, Any]:
    return {"sdp": None, "stats": [], "error": reason, "status": status}
