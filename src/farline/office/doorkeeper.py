"""Who sent a request: digest against the users' passwords.

A nonce is good once and for `challenge_expiration_seconds`: what an eavesdropper replays
is challenged again, like an expired one, with stale=true. Unknown names and wrong passwords cannot
be told apart, neither by the answer nor by the time that it takes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.office.users import NOBODY
from farline.sip.digest import Credentials, ha1
from farline.sip.digest_server import DigestServer, Outcome

if TYPE_CHECKING:
    from farline.config import User
    from farline.config.office import SipRegistrar
    from farline.office.users import Users
    from farline.sip import Message
    from farline.sip.ids import Ids

MAX_USED = 10_000
"""Used nonces that are remembered: so many logins do not happen while one nonce is valid."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is: `user` None means that the request wants a challenge (`stale` as told)."""

    user: User | None
    because: str
    stale: bool = False


class Doorkeeper:
    """Judges Authorization and makes challenges."""

    def __init__(self, registrar: SipRegistrar, users: Users, ids: Ids) -> None:
        self._users = users
        self._realm = registrar.realm
        self._digest = DigestServer(
            registrar.realm,
            bytes.fromhex(ids.token(32)),
            ids,
            algorithms=registrar.digest_algorithms,
            lifetime=registrar.challenge_expiration_seconds,
        )
        self._used: OrderedDict[str, None] = OrderedDict()

    def challenge(self, now: float, *, stale: bool) -> list[tuple[str, str]]:
        """WWW-Authenticate, one for each configured algorithm."""
        return [("WWW-Authenticate", value) for value in self._digest.challenges(now, stale=stale)]

    def identify(self, message: Message, now: float) -> Identity:
        """Judge the credentials of a request. Raises WireError for unreadable ones."""
        values = message.all("Authorization")
        judgement = self._digest.check(message.method, values, self._ha1, now)
        if judgement.outcome is Outcome.GOOD:
            if not self._use(self._nonce(values)):
                return Identity(None, "nonce was used before", stale=True)
            return Identity(self._users.find(judgement.username), "password is right")
        stale = judgement.outcome is Outcome.STALE
        return Identity(None, judgement.outcome.value, stale=stale)

    def _ha1(self, username: str, algorithm: str) -> str | None:
        user = self._users.find(username)
        password = user.password.reveal() if user is not None else NOBODY
        value = ha1(algorithm, username, self._realm, password)
        return value if user is not None else None

    def _nonce(self, values: list[str]) -> str:
        for value in values:
            credentials = Credentials.parse(value)
            if credentials is not None and credentials.realm == self._realm:
                return credentials.nonce
        return ""

    def _use(self, nonce: str) -> bool:
        """Use a nonce up; False when it was before."""
        if nonce in self._used:
            return False
        self._used[nonce] = None
        if len(self._used) > MAX_USED:
            self._used.popitem(last=False)
        return True
