"""Answering challenges (RFC 3261 sections 22.2 and 22.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farline._core import WireError
from farline.sip.digest import ALGORITHMS, Challenge, Credentials, ha1, response

if TYPE_CHECKING:
    from farline._core import Message
    from farline.sip.ids import Ids

MAX_CHALLENGES = 8
"""Realms that are remembered, and challenges of one response that are looked at."""

_HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


class DigestClient:
    """One user's name and password, and the challenges met so far.

    After a 401 or 407: `again = client.retry(request, response)`, and send `again` if there is
    one. Later requests: `client.authorize(request)` saves the round trip while the nonce lives.
    """

    __slots__ = ("_ids", "_known", "_password", "_realm", "username")

    def __init__(self, username: str, password: str, ids: Ids, realm: str = "") -> None:
        """`realm`: only challenges of this one are answered; "": of any."""
        self.username = username
        self._realm = realm
        self._password = password
        self._ids = ids
        self._known: dict[tuple[str, str], tuple[Challenge, int]] = {}
        """By header to write and realm: the challenge and how often its nonce was used."""

    def __repr__(self) -> str:
        return f"<DigestClient {self.username}>"

    def retry(self, request: Message, answer: Message) -> Message | None:
        """The request again, with credentials, the next CSeq and no Via.

        None when the answer has no challenge that we can meet, or says that the password is wrong:
        it challenges again although the request had credentials, and not because of a stale nonce.
        """
        headers = _HEADERS.get(answer.status)
        if headers is None:
            return None
        chosen = [
            one for one in _strongest(answer.all(headers[0])) if self._realm in ("", one.realm)
        ]
        if not chosen:
            return None
        again = request.copy()
        for challenge in chosen:
            tried = _credentials(request, headers[1], challenge.realm)
            if tried is not None and not challenge.stale:
                return None
            if len(self._known) >= MAX_CHALLENGES:
                self._known.clear()
            self._remember((headers[1], challenge.realm), challenge)
        again.remove("Via")
        again.set("CSeq", f"{request.cseq + 1} {request.method}")
        self.authorize(again)
        return again

    def _remember(self, key: tuple[str, str], challenge: Challenge) -> None:
        """A nonce that comes again goes on being counted (RFC 7616 section 3.4)."""
        known = self._known.get(key)
        again = known is not None and known[0].nonce == challenge.nonce
        self._known[key] = (challenge, known[1] if known is not None and again else 0)

    def authorize(self, request: Message) -> None:
        """Write credentials for every challenge met so far; nothing when there was none."""
        for header in ("Authorization", "Proxy-Authorization"):
            values = [
                str(self._answer(key, request.method, request.uri))
                for key in list(self._known)
                if key[0] == header
            ]
            if values:
                request.set_all(header, values)

    def _answer(self, key: tuple[str, str], method: str, uri: str) -> Credentials:
        challenge, used = self._known[key]
        self._known[key] = (challenge, used + 1)
        qop = "auth" if challenge.qop else ""
        wants_cnonce = qop or challenge.algorithm.endswith("-sess")
        credentials = Credentials(
            username=self.username,
            realm=challenge.realm,
            nonce=challenge.nonce,
            uri=uri,
            response="",
            algorithm=challenge.algorithm,
            qop=qop,
            cnonce=self._ids.token() if wants_cnonce else "",
            nc=used + 1 if qop else 0,
            opaque=challenge.opaque,
        )
        base = ha1(challenge.algorithm, self.username, challenge.realm, self._password)
        return replace(credentials, response=response(credentials, base, method))


def _strongest(values: list[str]) -> list[Challenge]:
    """The strongest challenge of each realm among those that we can meet (RFC 8760 section 2.4)."""
    best: dict[str, Challenge] = {}
    for value in values[:MAX_CHALLENGES]:
        try:
            challenge = Challenge.parse(value)
        except WireError:
            continue
        if challenge is None or challenge.algorithm not in ALGORITHMS:
            continue
        if challenge.qop and "auth" not in challenge.qop:
            continue
        old = best.get(challenge.realm)
        if old is None or _rank(challenge) < _rank(old):
            best[challenge.realm] = challenge
    return list(best.values())


def _rank(challenge: Challenge) -> int:
    return ALGORITHMS.index(challenge.algorithm)


def _credentials(request: Message, header: str, realm: str) -> Credentials | None:
    """What the request said to `realm`."""
    for value in request.all(header):
        try:
            credentials = Credentials.parse(value)
        except WireError:
            continue
        if credentials is not None and credentials.realm == realm:
            return credentials
    return None
