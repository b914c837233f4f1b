"""Service type HTTP: one request at a time, read whole, judged, and written anew for the server.

h11 reads and writes both halves, so the server sees one framing, ours, whatever the client sent
(no request smuggling, RFC 9112 section 11.2). Bodies stream through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from farline.border.relay_inspection import Passage, refusal
from farline.border.relay_paths import Malformed, covered, split_host, split_target
from farline.border.relay_tls import HANDSHAKE, NoHelloError, is_address, server_name

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD = 16_384
"""Bytes of a request line and its headers, and of a response's."""
MAX_HEADERS = 100
MAX_PIPELINED = 65_536
"""Bytes of further requests that may wait for an answer."""
Headers = list[tuple[bytes, bytes]]
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te",
     b"proxy-authenticate", b"trailer", b"upgrade", b"http2-settings")
)  # fmt: skip
_OVERRIDES = frozenset(
    (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip",
     b"x-forwarded-port", b"x-forwarded-server", b"x-original-url", b"x-rewrite-url",
     b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-host")
)  # fmt: skip
"""Headers by which a client could tell the server another address, host, path or method."""
_KEPT = frozenset((b"host", b"content-length", b"transfer-encoding", b"authorization", b"cookie"))
_STATUS = {"malformed": b"400 Bad Request", "path": b"404 Not Found",
           "response": b"502 Bad Gateway"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """The form's HTTP fields, ready to use. Hosts are lower case, paths in normal form."""

    methods: tuple[str, ...]
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    bootstrap_paths: tuple[str, ...] | None
    """What an address without a registered phone may ask for; None: the same as everybody."""
    tls_passthrough: bool
    websocket: bool
    forwarded_for: str
    max_body: int


class _RefusedError(Exception):
    """A request is not let through: the word it is counted by, and why."""


class HttpInspector:
    """One client's connection. `known`: whether a phone is registered from its address."""

    def __init__(
        self, policy: HttpPolicy, port: int, source: str, known: Callable[[], bool]
    ) -> None:
        self._policy = policy
        self._ports = (port, None)
        self._source = source
        self._known = known
        self._client = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._server = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._begun = False
        self._hello: bytes | None = None
        """What has come of a TLS greeting; None: not TLS."""
        self._body = 0
        self.opaque = False

    @property
    def waiting(self) -> bool:
        """A request (or TLS greeting) is not there whole."""
        if self.opaque:
            return False
        state = self._client.their_state
        if state is h11.SEND_BODY or not self._begun:
            return True
        return state is h11.IDLE and bool(self._client.trailing_data[0])

    def up(self, data: bytes) -> Passage:
        """Bytes from the client."""
        if self.opaque:
            return Passage(to_server=data)
        if self._hello is not None or (not self._begun and data[:1] == bytes((HANDSHAKE,))):
            return self._greeting(data)
        out = Passage()
        self._client.receive_data(data)
        return self._requests(out)

    def down(self, data: bytes) -> Passage:
        """Bytes from the server."""
        if self.opaque:
            return Passage(to_client=data)
        return self._responses(data)

    def up_end(self) -> Passage | None:
        """The client says no more: an answer under way still reaches it."""
        if self.opaque:
            return None
        if self._hello is not None:
            return refusal("malformed", "the client left in its TLS greeting")
        self._client.receive_data(b"")
        return self._requests(Passage())

    def down_end(self) -> Passage | None:
        """The server says no more, which may end an answer."""
        if self.opaque:
            return None
        out = self._responses(b"")
        out.close = True
        return out

    def _greeting(self, data: bytes) -> Passage:
        """TLS that is not ours to end: only the name that the client asks for can be checked."""
        self._hello = (self._hello or b"") + data
        if not self._policy.tls_passthrough:
            return refusal("tls", "the client begins TLS, which is not let through")
        try:
            name = server_name(self._hello)
        except NoHelloError as error:
            return refusal("malformed", str(error))
        if name is None:
            return Passage()
        hosts = self._policy.hosts
        if name not in hosts and not (name == "" and any(map(is_address, hosts))):
            return refusal("host", f"SNI {name!r} is not among HTTP Hosts")
        self.opaque = True
        return Passage(to_server=self._hello)

    def _requests(self, out: Passage) -> Passage:
        """Pass on what the client has sent whole."""
        try:
            while True:
                event = self._client.next_event()
                if event is h11.NEED_DATA:
                    return out
                if event is h11.PAUSED:
                    return self._paused(out)
                if isinstance(event, h11.ConnectionClosed):
                    out.close = self._client.our_state not in (h11.SEND_RESPONSE, h11.SEND_BODY)
                    return out
                self._pass_up(event, out)
        except _RefusedError as error:
            return self._refuse(out, *error.args)
        except h11.ProtocolError as error:
            return self._refuse(out, "malformed", str(error))

    def _paused(self, out: Passage) -> Passage:
        """A further request waits for the answer to this one."""
        waiting = self._client.trailing_data[0]
        if self._client.their_state is h11.SWITCHED_PROTOCOL:
            self.opaque = True
            out.to_server += waiting
        elif len(waiting) > MAX_PIPELINED:
            return self._refuse(out, "malformed", f"{len(waiting)} bytes of pipelined requests")
        return out

    def _pass_up(self, event: object, out: Passage) -> None:
        if isinstance(event, h11.Request):
            self._begun = True
            self._body = 0
            out.to_server += self._server.send(self._judged(event)) or b""
        elif isinstance(event, h11.Data):
            self._body += len(event.data)
            if self._body > self._policy.max_body:
                raise _RefusedError("body", f"a body of more than {self._policy.max_body} bytes")
            out.to_server += self._server.send(h11.Data(data=event.data)) or b""
        elif isinstance(event, h11.EndOfMessage):
            out.to_server += self._server.send(h11.EndOfMessage()) or b""

    def _judged(self, request: h11.Request) -> h11.Request:
        """The request as the server gets it. Raises _RefusedError."""
        policy, method = self._policy, request.method.decode("ascii")
        if method not in policy.methods:
            raise _RefusedError("method", f"{method[:32]} is not among HTTP Methods")
        headers = list(request.headers)
        names = [name for name, _ in headers]
        if len(headers) > MAX_HEADERS:
            raise _RefusedError("malformed", f"{len(headers)} header lines")
        chunked = b"transfer-encoding" in names
        if chunked and (b"content-length" in names or request.http_version != b"1.1"):
            raise _RefusedError("framing", "Transfer-Encoding with Content-Length, or in HTTP/1.0")
        given = [value.decode("latin-1") for name, value in headers if name == b"host"]
        try:
            authority, path, query = split_target(request.target.decode("latin-1"))
            host = self._host(given, authority)
        except Malformed as error:
            raise _RefusedError("malformed", str(error)) from error
        self._check_path(path)
        kept = self._headers(headers, host)
        if b"upgrade" in names:
            kept += self._upgrade(request.method, headers)
        return h11.Request(method=request.method, target=(path + query).encode("latin-1"),
                           headers=kept)  # fmt: skip

    def _host(self, given: list[str], authority: str | None) -> str:
        """The Host header as it is sent on. Raises _RefusedError, Malformed."""
        if len(given) != 1:
            raise Malformed(f"{len(given)} Host headers")
        host, port = split_host(given[0])
        if authority is not None and split_host(authority)[0] != host:
            raise _RefusedError("host", f"the target names {authority[:80]!r}, Host {host!r}")
        ports = [port] if authority is None else [port, split_host(authority)[1]]
        if host not in self._policy.hosts:
            raise _RefusedError("host", f"{host!r} is not among HTTP Hosts")
        if not all(one in self._ports for one in ports):
            raise _RefusedError("host", f"port {ports} is not the relay's")
        spelled = f"[{host}]" if ":" in host else host
        return spelled if port is None else f"{spelled}:{port}"

    def _check_path(self, path: str) -> None:
        policy = self._policy
        if not covered(path, policy.paths):
            raise _RefusedError("path", f"{path[:120]} is not below HTTP Paths")
        first = policy.bootstrap_paths
        if first is not None and not covered(path, first) and not self._known():
            raise _RefusedError(
                "whitelist", f"{path[:120]} is no bootstrap path, and no phone is registered here"
            )

    def _headers(self, headers: Headers, host: str) -> Headers:
        """What goes on: no hop-by-hop headers, none that overrides what was judged."""
        dropped = _HOP_BY_HOP | _OVERRIDES | (_listed(headers) - _KEPT) | {b"host"}
        kept = [(b"host", host.encode()), *(one for one in headers if one[0] not in dropped)]
        said = [value for name, value in headers if name == b"x-forwarded-for"]
        how = self._policy.forwarded_for
        if how != "remove":
            chain = said if how == "append" else []
            kept.append((b"x-forwarded-for", b", ".join([*chain, self._source.encode()])))
        return kept

    def _upgrade(self, method: bytes, headers: Headers) -> Headers:
        wanted = [value.lower().strip() for name, value in headers if name == b"upgrade"]
        if not self._policy.websocket or wanted != [b"websocket"] or method != b"GET":
            raise _RefusedError("upgrade", f"Upgrade to {wanted[0][:32]!r} is not let through")
        return [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]

    def _responses(self, data: bytes) -> Passage:
        """Pass on what the server answers."""
        out = Passage()
        try:
            if self._server.our_state is h11.IDLE and data:
                return refusal("response", "the server speaks before it is asked")
            self._server.receive_data(data)
            while True:
                event = self._server.next_event()
                if event in (h11.NEED_DATA, h11.PAUSED):
                    break
                if isinstance(event, h11.ConnectionClosed):
                    out.close = True
                    break
                self._pass_down(event, out)
        except _RefusedError as error:
            return self._refuse(out, *error.args)
        except h11.ProtocolError as error:
            return self._refuse(out, "response", str(error))
        return self._next(out)

    def _pass_down(self, event: object, out: Passage) -> None:
        if isinstance(event, h11.InformationalResponse):
            headers = list(event.headers)
            if event.status_code != 101:
                headers = [one for one in headers if one[0] not in _HOP_BY_HOP]
            passed: h11.Event = h11.InformationalResponse(
                status_code=event.status_code, headers=headers, reason=event.reason
            )
        elif isinstance(event, h11.Response):
            passed = self._response(event)
        elif isinstance(event, h11.Data):
            passed = h11.Data(data=event.data)
        else:
            passed = h11.EndOfMessage()
        out.to_client += self._client.send(passed) or b""
        if self._client.our_state is h11.SWITCHED_PROTOCOL:
            self.opaque = True
            out.to_server += self._client.trailing_data[0]
            out.to_client += self._server.trailing_data[0]

    def _response(self, response: h11.Response) -> h11.Response:
        """The answer as the client gets it. Raises _RefusedError for one that leads elsewhere."""
        headers = list(response.headers)
        for name, value in headers:
            if name in (b"location", b"content-location"):
                self._check_location(value.decode("latin-1"))
        dropped = _HOP_BY_HOP | (_listed(headers) - _KEPT)
        dropped -= {b"proxy-authenticate"}
        kept = [one for one in headers if one[0] not in dropped]
        if self._server.their_state is h11.MUST_CLOSE or b"close" in _listed(headers):
            kept.append((b"connection", b"close"))
        return h11.Response(status_code=response.status_code, headers=kept, reason=response.reason)

    def _check_location(self, location: str) -> None:
        try:
            if "//" in location.partition("?")[0]:
                authority = location.partition("//")[2].partition("/")[0].partition("?")[0]
                if split_host(authority)[0] not in self._policy.hosts:
                    raise _RefusedError("response", "a redirect to a host not among HTTP Hosts")
        except Malformed as error:
            raise _RefusedError("response", f"a redirect: {error}") from error

    def _next(self, out: Passage) -> Passage:
        """Begin the next request when this one is over on both sides, or end the connection."""
        client, server = self._client, self._server
        if self.opaque or out.close:
            return out
        states = (client.our_state, client.their_state, server.our_state, server.their_state)
        if all(one is h11.DONE for one in states):
            client.start_next_cycle()
            server.start_next_cycle()
            return self._requests(out)
        if client.our_state is h11.MUST_CLOSE or server.their_state in (h11.MUST_CLOSE, h11.CLOSED):
            out.close = client.our_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)
        return out

    def _refuse(self, out: Passage, word: str, detail: str) -> Passage:
        """The same few bytes for every client; nothing where an answer has begun."""
        out.refused, out.detail, out.close = word, detail, True
        if self._client.our_state in (h11.IDLE, h11.SEND_RESPONSE, h11.ERROR):
            status = _STATUS.get(word, b"403 Forbidden")
            head = b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            out.to_client += b"HTTP/1.1 " + status + head
        return out


def _listed(headers: Headers) -> set[bytes]:
    """The tokens of the Connection headers."""
    lists = [value for name, value in headers if name == b"connection"]
    return {one.strip().lower() for value in lists for one in value.split(b",")}
