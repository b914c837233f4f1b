"""The control socket of a role: one JSON object a line, over a Unix socket of mode 600.

Request: {"command": "show", ...arguments}. Reply: {"ok": true, "result": ...} or {"ok": false,
"error": "..."}. The element manager and the command line are its only clients.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from typing import TYPE_CHECKING, Any

from farline.runtime.unix_socket import listen, short_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)
LINE_LIMIT = 16 * 1024 * 1024
"""Bytes of a reply: 10,000 bindings are about 4 MB."""


class ControlError(RuntimeError):
    """The role is not running, or refused the command; the text says which and why."""


class NotRunningError(ControlError):
    """Nobody listens at the socket."""


class ControlServer:
    """Serves commands by name; each takes keyword arguments and gives something JSON can hold."""

    def __init__(self, path: Path, commands: Mapping[str, Callable[..., Any]]) -> None:
        self.path = path
        self.commands = commands
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Open the socket; one left behind by a dead process is replaced."""
        self._server = await asyncio.start_unix_server(
            self._client, sock=listen(self.path), limit=LINE_LIMIT
        )

    async def stop(self) -> None:
        """Close the socket and remove its file."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.debug("control: %s", error)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            command = self.commands[request.pop("command")]
        except (ValueError, KeyError, AttributeError, TypeError):
            return {"ok": False, "error": f"commands: {', '.join(sorted(self.commands))}"}
        try:
            result = command(**request)
            if inspect.isawaitable(result):
                result = await result
        except (TypeError, ValueError, LookupError, RuntimeError, OSError) as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "result": result}


async def call(path: Path, command: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
    """Ask a role something. Raises ControlError."""
    try:
        with short_path(path) as name:
            reader, writer = await asyncio.open_unix_connection(name, limit=LINE_LIMIT)
    except PermissionError as error:
        text = f"{path} belongs to another user; ask as that one, or with sudo"
        raise ControlError(text) from error
    except OSError as error:
        raise NotRunningError(f"{path.stem} is not running (no answer at {path})") from error
    try:
        writer.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        line = await reader.readline()
    except (ConnectionError, ValueError) as error:  # it died; a reply beyond LINE_LIMIT
        raise ControlError(f"{path.stem} gave no answer: {error}") from error
    finally:
        writer.close()
    if not line.endswith(b"\n"):
        raise ControlError(f"{path.stem} closed the control socket without an answer")
    reply = json.loads(line)
    if not reply["ok"]:
        raise ControlError(f"{path.stem}: {reply['error']}")
    return reply["result"]
