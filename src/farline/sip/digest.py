"""Digest authentication: RFC 3261 section 22, RFC 2617, RFC 7616 and RFC 8760.

Algorithms MD5, SHA-256, SHA-512-256 and their -sess forms; qop auth or none. The guide's office
challenges without qop, `Digest nonce="...",realm="ipoffice",algorithm=MD5`, and its client answers
`Digest realm="...",nonce="...",uri="...",response="...",username="..."`.

`digest_client` and `digest_server` have the two sides.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline._core import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEADER = 4096
"""Characters of one challenge or of one set of credentials."""

MAX_PARAMS = 32

_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
}

ALGORITHMS = ("SHA-512-256-sess", "SHA-512-256", "SHA-256-sess", "SHA-256", "MD5-sess", "MD5")
"""Those we know, strongest first, spelt as registered."""

_SPELT = {name.lower(): name for name in ALGORITHMS}

_PARAM = re.compile(
    r"""[ \t\r\n]*(?P<name>[A-Za-z0-9!%'*+.^_`|~-]+)[ \t]*=[ \t]*"""
    r"""(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s,"]*))[ \t\r\n]*(?P<end>,|$)"""
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate value."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    """As in `ALGORITHMS`, or as sent when we do not know it."""

    qop: tuple[str, ...] = ()
    """What is offered, lower case; empty: the form of RFC 2069, as the guide's office sends."""

    opaque: str | None = None
    stale: bool = False

    @staticmethod
    def parse(text: str) -> Challenge | None:
        """Read a value; None for another scheme. Raises WireError(400, ..., "WWW-Authenticate")."""
        params = parse_params(text, "WWW-Authenticate")
        if params is None:
            return None
        if "realm" not in params or "nonce" not in params:
            raise WireError(400, "challenge without realm or nonce", "WWW-Authenticate")
        algorithm = params.get("algorithm", "MD5")
        return Challenge(
            realm=params["realm"],
            nonce=params["nonce"],
            algorithm=_SPELT.get(algorithm.lower(), algorithm),
            qop=tuple(q.strip().lower() for q in params.get("qop", "").split(",") if q.strip()),
            opaque=params.get("opaque"),
            stale=params.get("stale", "").lower() == "true",
        )

    def __str__(self) -> str:
        text = f"Digest nonce={quote(self.nonce)},realm={quote(self.realm)}"
        text += f",algorithm={self.algorithm}"
        if self.qop:
            text += f",qop={quote(','.join(self.qop))}"
        if self.opaque is not None:
            text += f",opaque={quote(self.opaque)}"
        return text + ",stale=true" if self.stale else text


@dataclass(frozen=True, slots=True)
class Credentials:
    """One Authorization or Proxy-Authorization value. `response` is lower-case hex."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str = ""
    """"auth", or "" for the form without qop (then cnonce and nc play no part)."""

    cnonce: str = ""
    nc: int = 0
    opaque: str | None = None

    @staticmethod
    def parse(text: str) -> Credentials | None:
        """Read a value; None for another scheme. Raises WireError(400, ..., "Authorization")."""
        params = parse_params(text, "Authorization")
        if params is None:
            return None
        missing = {"username", "realm", "nonce", "uri", "response"} - params.keys()
        if missing:
            raise WireError(400, f"credentials without {min(missing)}", "Authorization")
        algorithm = params.get("algorithm", "MD5")
        qop = params.get("qop", "").lower()
        nc = params.get("nc", "0")
        if not re.fullmatch("[0-9A-Fa-f]{1,8}", nc) or (qop and not params.get("cnonce")):
            raise WireError(400, "credentials with qop want nc and cnonce", "Authorization")
        return Credentials(
            username=params["username"],
            realm=params["realm"],
            nonce=params["nonce"],
            uri=params["uri"],
            response=params["response"].lower(),
            algorithm=_SPELT.get(algorithm.lower(), algorithm),
            qop=qop,
            cnonce=params.get("cnonce", ""),
            nc=int(nc, 16),
            opaque=params.get("opaque"),
        )

    def __str__(self) -> str:
        text = f"Digest realm={quote(self.realm)},nonce={quote(self.nonce)},uri={quote(self.uri)}"
        text += f',response="{self.response}",username={quote(self.username)}'
        if self.algorithm != "MD5" or self.qop:
            text += f",algorithm={self.algorithm}"
        if self.qop:
            text += f",qop={self.qop},nc={self.nc:08x}"
        if self.cnonce:
            text += f",cnonce={quote(self.cnonce)}"
        return text if self.opaque is None else f"{text},opaque={quote(self.opaque)}"


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(username:realm:password) in hex, the same for an algorithm and its -sess form.

    Raises KeyError for an algorithm that is not in `ALGORITHMS`.
    """
    return _hash(algorithm)(_bytes(f"{username}:{realm}:{password}"))


def response(credentials: Credentials, base: str, method: str) -> str:
    """What `credentials.response` must be, given HA1 and the request's method (RFC 7616 3.4.1)."""
    digest = _hash(credentials.algorithm)
    c = credentials
    first = base
    if c.algorithm.endswith("-sess"):
        first = digest(_bytes(f"{base}:{c.nonce}:{c.cnonce}"))
    second = digest(_bytes(f"{method}:{c.uri}"))
    middle = f"{c.nonce}:{c.nc:08x}:{c.cnonce}:{c.qop}" if c.qop else c.nonce
    return digest(_bytes(f"{first}:{middle}:{second}"))


def parse_params(text: str, where: str) -> dict[str, str] | None:
    """The parameters of a Digest value by lower-case name, unquoted; None for another scheme.

    Raises WireError(400, ..., where) for text that does not follow the grammar.
    """
    if len(text) > MAX_HEADER:
        raise WireError(400, "value too long", where)
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    params: dict[str, str] = {}
    at = 0
    while True:
        match = _PARAM.match(rest, at)
        if match is None or len(params) == MAX_PARAMS:
            raise WireError(400, "parameters not readable", where)
        name = match["name"].lower()
        if name in params:
            raise WireError(400, "parameter given twice", where)
        quoted = match["quoted"]
        params[name] = match["token"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
        if not match["end"]:
            return params


def quote(text: str) -> str:
    """A quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hash(algorithm: str) -> Callable[[bytes], str]:
    return _HASHES[algorithm.removesuffix("-sess")]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
