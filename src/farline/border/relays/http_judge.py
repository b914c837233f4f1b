"""What an HTTP client may ask for through a relay, what a server may answer, and with what headers.

Everything is judged in one spelling (farline.border.relays.paths) and written anew from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from farline.border.relays.paths import Malformed, covered, split_host, split_target

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD = 16_384
"""Bytes of a request line and its headers, and of a response's."""
MAX_HEADERS = 100
VERSIONS = (b"1.0", b"1.1")
"""Of HTTP with the message syntax of RFC 9112; another major version has another (section 2.3)."""
Headers = list[tuple[bytes, bytes]]
HOP_BY_HOP = frozenset(
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


class RefusedError(Exception):
    """A request is not let through: the word it is counted by, and why."""


class HttpJudge:
    """The judge of one client's requests and their answers."""

    def __init__(
        self, policy: HttpPolicy, port: int, source: str, known: Callable[[], bool]
    ) -> None:
        self._policy = policy
        self._ports = (port, None)
        self._source = source
        self._known = known

    def request(self, request: h11.Request) -> h11.Request:
        """The request as the server gets it. Raises RefusedError."""
        policy, method = self._policy, request.method.decode("ascii")
        if request.http_version not in VERSIONS:
            raise RefusedError("version", f"HTTP/{request.http_version.decode('ascii')}")
        if method not in policy.methods:
            raise RefusedError("method", f"{method[:32]} is not among HTTP Methods")
        headers = list(request.headers)
        names = [name for name, _ in headers]
        size = len(request.target) + sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MAX_HEADERS or size > MAX_HEAD:
            raise RefusedError("malformed", f"{len(headers)} header lines of {size} bytes")
        chunked = b"transfer-encoding" in names
        if chunked and (b"content-length" in names or request.http_version != b"1.1"):
            raise RefusedError("framing", "Transfer-Encoding with Content-Length, or in HTTP/1.0")
        given = [value.decode("latin-1") for name, value in headers if name == b"host"]
        try:
            authority, path, query = split_target(request.target.decode("latin-1"))
            host = self._host(given, authority)
        except Malformed as error:
            raise RefusedError("malformed", str(error)) from error
        self._check_path(path)
        kept = self._headers(headers, host)
        if b"upgrade" in names:
            kept += self._upgrade(request.method, headers)
        return h11.Request(method=request.method, target=(path + query).encode("latin-1"),
                           headers=kept)  # fmt: skip

    def _host(self, given: list[str], authority: str | None) -> str:
        """The Host header as it is sent on. Raises RefusedError, Malformed."""
        if len(given) != 1:
            raise Malformed(f"{len(given)} Host headers")
        host, port = split_host(given[0])
        if authority is not None and split_host(authority)[0] != host:
            raise RefusedError("host", f"the target names {authority[:80]!r}, Host {host!r}")
        ports = [port] if authority is None else [port, split_host(authority)[1]]
        if host not in self._policy.hosts:
            raise RefusedError("host", f"{host!r} is not among HTTP Hosts")
        if not all(one in self._ports for one in ports):
            raise RefusedError("host", f"port {ports} is not the relay's")
        spelled = f"[{host}]" if ":" in host else host
        return spelled if port is None else f"{spelled}:{port}"

    def _check_path(self, path: str) -> None:
        policy = self._policy
        if not covered(path, policy.paths):
            raise RefusedError("path", f"{path[:120]} is not below HTTP Paths")
        first = policy.bootstrap_paths
        if first is not None and not covered(path, first) and not self._known():
            raise RefusedError(
                "whitelist", f"{path[:120]} is no bootstrap path, and no phone is registered here"
            )

    def _headers(self, headers: Headers, host: str) -> Headers:
        """What goes on: no hop-by-hop headers, none that overrides what was judged."""
        dropped = HOP_BY_HOP | _OVERRIDES | (_listed(headers) - _KEPT) | {b"host"}
        kept = [(b"host", host.encode()), *(one for one in headers if _passes(one[0], dropped))]
        said = [value for name, value in headers if name == b"x-forwarded-for"]
        how = self._policy.forwarded_for
        if how != "remove":
            chain = said if how == "append" else []
            kept.append((b"x-forwarded-for", b", ".join([*chain, self._source.encode()])))
        return kept

    def _upgrade(self, method: bytes, headers: Headers) -> Headers:
        wanted = [value.lower().strip() for name, value in headers if name == b"upgrade"]
        if not self._policy.websocket or wanted != [b"websocket"] or method != b"GET":
            raise RefusedError("upgrade", f"Upgrade to {wanted[0][:32]!r} is not let through")
        return [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]

    def response(self, response: h11.Response, *, last: bool) -> h11.Response:
        """The answer as the client gets it; `last`: the server closes after it.

        Raises RefusedError for one that leads elsewhere.
        """
        if response.http_version not in VERSIONS:
            raise RefusedError("response", f"HTTP/{response.http_version.decode('ascii')}")
        headers = list(response.headers)
        for name, value in headers:
            if name in (b"location", b"content-location"):
                self._check_location(value.decode("latin-1"))
        dropped = HOP_BY_HOP | (_listed(headers) - _KEPT)
        dropped -= {b"proxy-authenticate"}
        kept = [one for one in headers if one[0] not in dropped]
        if last or b"close" in _listed(headers):
            kept.append((b"connection", b"close"))
        return h11.Response(status_code=response.status_code, headers=kept, reason=response.reason)

    def _check_location(self, location: str) -> None:
        try:
            if "//" in location.partition("?")[0]:
                authority = location.partition("//")[2].partition("/")[0].partition("?")[0]
                if split_host(authority)[0] not in self._policy.hosts:
                    raise RefusedError("response", "a redirect to a host not among HTTP Hosts")
        except Malformed as error:
            raise RefusedError("response", f"a redirect: {error}") from error


def _passes(name: bytes, dropped: frozenset[bytes]) -> bool:
    """Whether a header goes on; servers that speak CGI or WSGI take `X_Real_IP` for `X-Real-IP`."""
    return name not in dropped and (
        b"_" not in name or name.replace(b"_", b"-") not in dropped | _KEPT
    )


def _listed(headers: Headers) -> set[bytes]:
    """The tokens of the Connection headers."""
    lists = [value for name, value in headers if name == b"connection"]
    return {one.strip().lower() for value in lists for one in value.split(b",")}
