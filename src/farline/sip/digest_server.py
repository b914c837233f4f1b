"""Challenging and checking (RFC 3261 section 22.1, RFC 7616 section 3.3).

A nonce carries its own expiry and a keyed hash over it, so issued nonces need no table. Only with
qop is something remembered, in a bounded table: the highest nonce count (nc) seen of each nonce.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from farline.sip.digest import ALGORITHMS, Challenge, Credentials, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sip.ids import Ids

_TICKS = 16
"""Sixteenths of a second: the unit of the time in a nonce."""


class Outcome(StrEnum):
    """What the credentials of a request are worth."""

    GOOD = "good"
    MISSING = "no credentials for this realm"
    STALE = "nonce expired, not ours or used up"
    """Challenge again with stale=true: the password was right, or cannot be judged."""

    UNKNOWN = "unknown user"
    """Answer as for WRONG, so that an outsider cannot tell names apart."""

    WRONG = "wrong password"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Outcome and, where credentials were there, the name that they claim."""

    outcome: Outcome
    username: str = ""


class DigestServer:
    """Makes and checks challenges for one realm."""

    __slots__ = (
        "_algorithms",
        "_forgotten",
        "_ids",
        "_key",
        "_limit",
        "_qop",
        "_used",
        "lifetime",
        "realm",
    )

    def __init__(
        self,
        realm: str,
        key: bytes,
        ids: Ids,
        *,
        algorithms: tuple[str, ...] = ("MD5",),
        qop: bool = False,
        lifetime: float = 60.0,
        limit: int = 10_000,
    ) -> None:
        """`key` signs nonces, any 16 bytes or more. `lifetime` of a nonce in seconds.

        `algorithms` are offered in this order, strongest first (RFC 8760). `limit`: nonces whose
        count is remembered. Raises ValueError for an unknown algorithm or a short key.
        """
        unknown = [name for name in algorithms if name not in ALGORITHMS]
        if unknown or not algorithms:
            raise ValueError(f"unknown digest algorithm: {', '.join(unknown) or '(none)'}")
        if len(key) < 16:
            raise ValueError("the key of a digest server wants 16 bytes or more")
        self.realm = realm
        self.lifetime = lifetime
        self._key = key
        self._ids = ids
        self._algorithms = algorithms
        self._qop = ("auth",) if qop else ()
        self._limit = limit
        self._used: OrderedDict[str, int] = OrderedDict()
        self._forgotten = -1
        """Nonces that expire at this tick or sooner may have been dropped from `_used`."""

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """One value of WWW-Authenticate (or Proxy-Authenticate) an algorithm, with fresh nonce."""
        nonce = self._nonce(now)
        return [
            str(Challenge(self.realm, nonce, algorithm, self._qop, stale=stale))
            for algorithm in self._algorithms
        ]

    def check(
        self,
        method: str,
        values: list[str],
        lookup: Callable[[str, str], str | None],
        now: float,
    ) -> Judgement:
        """Judge the Authorization lines of a request.

        `lookup(username, algorithm)` gives `digest.ha1(...)` or None for an unknown name. The uri
        in the credentials is taken as it is: an SBC on the way may have changed the Request-URI.
        Raises WireError(400, ..., "Authorization") for credentials that cannot be read.
        """
        credentials = self._ours(values)
        if credentials is None:
            return Judgement(Outcome.MISSING)
        name = credentials.username
        if credentials.algorithm not in self._algorithms or credentials.qop not in ("", "auth"):
            return Judgement(Outcome.WRONG, name)
        if bool(credentials.qop) != bool(self._qop):
            return Judgement(Outcome.WRONG, name)
        expires = self._expiry(credentials.nonce)
        if expires is None or expires < now * _TICKS:
            return Judgement(Outcome.STALE, name)
        base = lookup(name, credentials.algorithm)
        expected = response(credentials, base or "0", method)
        if not hmac.compare_digest(expected.encode(), _ascii(credentials.response)):
            return Judgement(Outcome.UNKNOWN if base is None else Outcome.WRONG, name)
        if base is None:
            return Judgement(Outcome.UNKNOWN, name)
        if self._qop and not self._count(credentials, expires):
            return Judgement(Outcome.STALE, name)
        return Judgement(Outcome.GOOD, name)

    def _ours(self, values: list[str]) -> Credentials | None:
        for value in values:
            credentials = Credentials.parse(value)
            if credentials is not None and credentials.realm == self.realm:
                return credentials
        return None

    def _nonce(self, now: float) -> str:
        """Expiry (8 hex digits), salt (8), keyed hash of both (16)."""
        head = f"{int((now + self.lifetime) * _TICKS) & 0xFFFFFFFF:08x}{self._ids.token(4)}"
        return head + self._sign(head)

    def _sign(self, head: str) -> str:
        return hmac.new(self._key, head.encode(), hashlib.sha256).hexdigest()[:16]

    def _expiry(self, nonce: str) -> int | None:
        """The expiry in ticks, None when we did not make the nonce."""
        head, mac = nonce[:16], nonce[16:]
        if len(nonce) != 32 or not nonce.isascii():
            return None
        if not hmac.compare_digest(self._sign(head), mac):
            return None
        return int(head[:8], 16)

    def _count(self, credentials: Credentials, expires: int) -> bool:
        """Accept a nonce count once, and only upwards (RFC 7616 section 5.12)."""
        last = self._used.get(credentials.nonce)
        if last is None and expires <= self._forgotten:
            return False
        if credentials.nc <= (last or 0):
            return False
        self._used[credentials.nonce] = credentials.nc
        if len(self._used) > self._limit:
            dropped, _ = self._used.popitem(last=False)
            self._forgotten = max(self._forgotten, int(dropped[:8], 16))
        return True


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")
