"""The office's directory service: `POST /dsml` over HTTPS with HTTP Basic for service users."""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode
from typing import TYPE_CHECKING

from aiohttp import web

from farline.office.directory import MAX_REQUEST, DirectoryError, answer
from farline.trace.events import Note, Refused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from farline.config.office import ServiceUser
    from farline.office.directory import UserDirectory
    from farline.trace.events import Event

INTERFACE = "directory"


class DirectoryServer:
    """Serves one directory at one address, TLS only."""

    def __init__(
        self,
        directory: UserDirectory,
        service_users: Sequence[ServiceUser],
        trace: Callable[[Event], None],
    ) -> None:
        self._directory = directory
        self._users = {
            user.name.encode(): user.password.reveal().encode() for user in service_users
        }
        self._trace = trace
        self._lock = asyncio.Lock()
        self._runner: web.AppRunner | None = None

    async def start(self, ip: str, port: int, tls: ssl.SSLContext) -> None:
        """Listen. Raises OSError."""
        app = web.Application(client_max_size=MAX_REQUEST)
        app.router.add_post("/dsml", self._post)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, ip, port, ssl_context=tls).start()
        self._trace(Note("listening", f"HTTPS {ip}:{port} /dsml", INTERFACE))

    async def stop(self) -> None:
        """Close."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        remote = request.remote or ""
        name = self._authenticated(request.headers.get("Authorization", ""))
        if name is None:
            self._trace(Refused("directory-login", "service user or password", INTERFACE, remote))
            challenge = {"WWW-Authenticate": 'Basic realm="directory", charset="UTF-8"'}
            return web.Response(status=401, headers=challenge)
        body = await request.read()
        try:
            async with self._lock:  # the keys are derived once, by whoever comes first
                document = await asyncio.to_thread(answer, self._directory, body)
        except DirectoryError as error:
            self._trace(Refused("directory-request", str(error), INTERFACE, remote))
            return web.Response(status=400, text=str(error))
        self._trace(Note("directory read", f"{name} from {remote}", INTERFACE))
        return web.Response(body=document, content_type="text/xml", charset="utf-8")

    def _authenticated(self, header: str) -> str | None:
        """The service user's name. Unknown names take as long as wrong passwords."""
        scheme, _, value = header.partition(" ")
        if scheme.lower() != "basic" or len(value) > 1024:
            return None
        try:
            name, _, password = b64decode(value, validate=True).partition(b":")
        except ValueError:
            return None
        known = self._users.get(name)
        right = hmac.compare_digest(password, known if known is not None else b"\x00nobody")
        return name.decode("utf-8", "replace") if right and known is not None else None
