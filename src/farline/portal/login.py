"""Who is asking: Basic and Digest credentials of a REST request against the directory's keys.

An unknown name costs the same work and gets the same answer as a wrong password. Key derivation
runs in a thread of its own; a proven password is remembered for a while under a keyed hash.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import hmac
from base64 import b64decode
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline._core import WireError
from farline.portal.accounts import Account, node_of
from farline.portal.scram import ScramKeys, decoy
from farline.sip.digest import Credentials
from farline.sip.digest_server import DigestServer, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.portal.accounts import Accounts
    from farline.portal.throttle import Throttle
    from farline.sip.ids import Ids

PROVEN_SECONDS = 300.0
"""How long a password that was right is not derived again."""
MAX_PROVEN = 10_000
MAX_WAITING = 64
"""Derivations that may wait: about a third of a second on one core."""
MAX_CREDENTIALS = 2048
"""Bytes of name and password."""


@dataclass(frozen=True, slots=True)
class Granted:
    """It is this user."""

    account: Account


@dataclass(frozen=True, slots=True)
class Challenged:
    """401: `reason` is for our trace only; `challenges` for WWW-Authenticate."""

    reason: str
    name: str
    challenges: list[str]


@dataclass(frozen=True, slots=True)
class Delayed:
    """429 (this name has failed too often) or 503 (too many derivations waiting)."""

    status: int
    seconds: float
    reason: str
    name: str


Login = Granted | Challenged | Delayed


class Doorman:
    """Judges the Authorization header of REST requests."""

    def __init__(
        self,
        accounts: Callable[[], Accounts],
        throttle: Throttle,
        *,
        realm: str,
        decoy_secret: bytes,
        ids: Ids,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._throttle = throttle
        self._realm = realm
        self._decoy_secret = decoy_secret
        self._clock = clock
        self._key = bytes.fromhex(ids.token(32))
        self._digest = DigestServer(
            realm, bytes.fromhex(ids.token(32)), ids, algorithms=("SHA-256", "MD5"), qop=True
        )
        self._proven: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="portal-login")
        self._waiting = 0

    def close(self) -> None:
        """Give the thread back."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def check(self, method: str, authorization: str | None) -> Login:
        """Judge one request."""
        scheme, _, rest = (authorization or "").strip().partition(" ")
        if authorization is None:
            return self._challenge("no credentials", "")
        if scheme.lower() == "basic":
            return await self._basic(rest)
        if scheme.lower() == "digest":
            return self._check_digest(method, authorization)
        return self._challenge("unknown scheme", "")

    async def _basic(self, encoded: str) -> Login:
        credentials = _decode(encoded)
        if credentials is None:
            return self._challenge("unreadable credentials", "")
        name, password = credentials
        node = node_of(name)
        account = self._accounts().find(name)
        usable = account if account is not None and account.enabled else None
        keys = usable.scram_sha256 if usable else decoy("sha256", self._decoy_secret, node)
        proof = self._proof(keys, password)
        if usable and self._is_proven(node, proof) and not self._blocked(node):
            return Granted(usable)
        delayed = self._begin(node, name)
        if delayed is not None:
            return delayed
        if not await self._derive(keys, password):
            return self._challenge(_why(account), name)
        self._throttle.succeeded(node)
        if usable is None:  # nobody knows a decoy's password
            return self._challenge(_why(account), name)
        self._remember(node, proof)
        return Granted(usable)

    def _check_digest(self, method: str, authorization: str) -> Login:
        found: list[Account | None] = []

        def lookup(name: str, algorithm: str) -> str | None:
            account = self._accounts().find(name)
            found.append(account)
            if account is None or not account.enabled:
                return None
            return account.ha1_sha256 if algorithm == "SHA-256" else account.ha1_md5

        name = _digest_name(authorization)
        node = node_of(name)
        delayed = self._begin(node, name)
        if delayed is not None:
            return delayed
        try:
            judgement = self._digest.check(method, [authorization], lookup, self._clock())
        except WireError as error:
            return self._challenge(f"unreadable credentials: {error}", name)
        account = found[0] if found else None
        if judgement.outcome is Outcome.GOOD and account is not None:
            self._throttle.succeeded(node)
            return Granted(account)
        stale = judgement.outcome is Outcome.STALE
        if stale or judgement.outcome is Outcome.MISSING:
            self._throttle.succeeded(node)  # not a guess at a password
            return self._challenge(judgement.outcome.value, name, stale=stale)
        return self._challenge(_why(account), name)

    def _challenge(self, reason: str, name: str, *, stale: bool = False) -> Challenged:
        challenges = self._digest.challenges(self._clock(), stale=stale)
        return Challenged(reason, name, [*challenges, f'Basic realm="{self._realm}"'])

    def _begin(self, node: str, name: str) -> Delayed | None:
        if self._waiting >= MAX_WAITING:
            return Delayed(503, 1.0, "too many logins at once", name)
        seconds = self._throttle.begin(node, self._clock())
        return None if seconds is None else Delayed(429, seconds, "too many failed logins", name)

    def _blocked(self, node: str) -> bool:
        return self._throttle.blocked(node, self._clock())

    async def _derive(self, keys: ScramKeys, password: str) -> bool:
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            return await loop.run_in_executor(self._pool, keys.matches, password)
        finally:
            self._waiting -= 1

    def _proof(self, keys: ScramKeys, password: str) -> bytes:
        return hmac.digest(self._key, keys.stored_key + password.encode(), hashlib.sha256)

    def _is_proven(self, node: str, proof: bytes) -> bool:
        kept, until = self._proven.get(node, (b"", 0.0))
        return hmac.compare_digest(kept, proof) and self._clock() < until

    def _remember(self, node: str, proof: bytes) -> None:
        self._proven[node] = (proof, self._clock() + PROVEN_SECONDS)
        self._proven.move_to_end(node)
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)


def _decode(encoded: str) -> tuple[str, str] | None:
    """Name and password of Basic credentials (RFC 7617, UTF-8)."""
    if len(encoded) > MAX_CREDENTIALS * 4 // 3:
        return None
    try:
        text = b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon and name else None


def _digest_name(authorization: str) -> str:
    """The claimed name, "" when unreadable; the check itself reports what is wrong."""
    try:
        credentials = Credentials.parse(authorization)
    except WireError:
        return ""
    return credentials.username if credentials else ""


def _why(account: Account | None) -> str:
    if account is None:
        return "unknown user"
    return "wrong password" if account.enabled else "account disabled"
