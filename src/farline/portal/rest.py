"""The bootstrap REST resources over HTTPS: im-info and sip-info, and nothing else.

Answers never name the server software, are never cached, and tell an outsider no more than that
the credentials were not right.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

from farline.portal import documents
from farline.portal.login import Challenged, Delayed, Granted
from farline.trace.events import Decision, Note, Refused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from farline.config.portal import Portal
    from farline.portal.accounts import Account
    from farline.portal.login import Doorman
    from farline.trace.events import Event

log = logging.getLogger(__name__)

BASE = "/sipxconfig/rest/my/"
MAX_LINE = 4096
"""Bytes of the request line and of each header line."""
REQUEST_SECONDS = 10.0
"""From the TLS handshake, or the end of the last answer, to the end of the next header."""
MAX_CONNECTIONS = 4000
INTERFACE = "REST"


class Answer(web.Response):
    """A response without a Server header, which may not be stored."""

    def __init__(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        super().__init__(status=status, body=body, content_type=content_type, charset="utf-8")
        self.headers[hdrs.CACHE_CONTROL] = "no-store"
        self.headers["X-Content-Type-Options"] = "nosniff"

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)


class Connection(RequestHandler):  # type: ignore[type-arg,unused-ignore]  # generic in some releases
    """One client. Whoever dawdles over a request header is cut off, however it trickles."""

    __slots__ = ("_deadline",)
    _deadline: asyncio.TimerHandle | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock."""
        self._deadline = None
        super().connection_made(transport)
        self.expect_request()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clock."""
        self.request_is_here()
        super().connection_lost(exc)

    def expect_request(self) -> None:
        """The next request has to be whole within REQUEST_SECONDS."""
        self.request_is_here()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(REQUEST_SECONDS, self.force_close)

    def request_is_here(self) -> None:
        """A whole request header has come."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A request that could not be read (400) or a fault of ours (500); says no more."""
        if status >= 500:
            log.error("REST request failed", exc_info=exc)
        answer = Answer(status, b"")
        answer.force_close()
        return answer


class _Server(web.Server):  # type: ignore[type-arg,unused-ignore]  # generic in some releases
    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class RestServer:
    """Serves the resources on as many ports as it is given."""

    def __init__(self, portal: Portal, doorman: Doorman, trace: Callable[[Event], None]) -> None:
        self._portal = portal
        self._doorman = doorman
        self._trace = trace
        self._runner: web.ServerRunner | None = None
        self.counters: dict[str, int] = {}
        """Answers by status, as text."""

    async def start(self, ports: list[int], tls: ssl.SSLContext) -> None:
        """Listen on the portal's address. Raises OSError naming address and port."""
        server = _Server(
            self._handle,
            access_log=None,
            keepalive_timeout=REQUEST_SECONDS,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            lingering_time=0,
        )
        self._server = server
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        for port in ports:
            site = web.TCPSite(self._runner, self._portal.ip, port, ssl_context=tls)
            try:
                await site.start()
            except OSError as error:
                text = f"REST server cannot listen on {self._portal.ip}:{port}: {error.strerror}"
                raise OSError(error.errno, text) from error
            self._trace(Note("listening", f"https {self._portal.ip}:{port}", INTERFACE))

    async def stop(self) -> None:
        """Close every port and connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    def show(self) -> dict[str, object]:
        """Counters and open connections."""
        return {"connections": len(self._server.connections), "answers": dict(self.counters)}

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if isinstance(connection, Connection):
            connection.request_is_here()
        answer = await self._answer(request)
        key = str(answer.status)
        self.counters[key] = self.counters.get(key, 0) + 1
        crowded = len(self._server.connections) > MAX_CONNECTIONS
        if answer.status in (400, 413, 429, 503) or crowded:
            answer.force_close()
        elif isinstance(connection, Connection):
            connection.expect_request()
        return answer

    async def _answer(self, request: web.BaseRequest) -> Answer:
        name = request.path.removeprefix(BASE)
        if not request.path.startswith(BASE) or name not in ("im-info", "sip-info"):
            return Answer(404, b"not found\n")
        if request.method != hdrs.METH_GET:
            answer = Answer(405, b"only GET\n")
            answer.headers[hdrs.ALLOW] = "GET"
            return answer
        if request.can_read_body:
            return Answer(413, b"no body expected\n")
        login = await self._doorman.check("GET", request.headers.get(hdrs.AUTHORIZATION))
        if isinstance(login, Granted):
            return self._resource(name, login.account, request.headers.get(hdrs.ACCEPT, ""))
        return self._refuse(request, login)

    def _resource(self, name: str, account: Account, accept: str) -> Answer:
        allowed, field = {
            "im-info": (account.one_x_portal, "Enable one-X Portal Services"),
            "sip-info": (account.mobile_voip, "Enable Mobile VoIP Client"),
        }[name]
        because = f"{account.name}: {field} is {'on' if allowed else 'off'}"
        self._trace(
            Decision(name, "200" if allowed else "403", because, "", INTERFACE, f"User > {field}")
        )
        if not allowed:
            return Answer(403, f"{field} is off for this user\n".encode())
        build = documents.im_info if name == "im-info" else documents.sip_info
        document = build(self._portal, account)
        if documents.wants_json(accept):
            return Answer(200, documents.as_json(name, document), "application/json")
        return Answer(200, documents.as_xml(name, document), "application/xml")

    def _refuse(self, request: web.BaseRequest, login: Challenged | Delayed) -> Answer:
        detail = f"{login.reason}: {login.name!r}" if login.name else login.reason
        if isinstance(login, Delayed):
            reason = "throttled" if login.status == 429 else "busy"
            answer = Answer(login.status, b"too many attempts, try again later\n")
            answer.headers[hdrs.RETRY_AFTER] = str(max(1, math.ceil(login.seconds)))
        else:
            reason = "login"
            answer = Answer(401, b"name or password not right\n")
            for challenge in login.challenges:
                answer.headers.add(hdrs.WWW_AUTHENTICATE, challenge)
        if login.name or isinstance(login, Delayed):  # the first request of a client has no name
            self._trace(Refused(reason, detail, INTERFACE, str(request.remote)))
        return answer
