"""Answering HTTP challenges: Basic (RFC 7617) and Digest (RFC 7616), as a function."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from farline.sip import WireError
from farline.sip.digest import ALGORITHMS, Challenge, Credentials, ha1, response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.config import Secret
    from farline.sip.ids import Ids

MAX_CHALLENGES = 8


def authorization(
    challenges: Sequence[str], method: str, uri: str, username: str, password: Secret, ids: Ids
) -> str | None:
    """The value of Authorization for the WWW-Authenticate values of a 401.

    The strongest Digest challenge first, for it does not hand the password over; Basic where there
    is no other. None when no challenge can be met. `uri` is the request target.
    """
    best: Challenge | None = None
    basic = False
    for text in challenges[:MAX_CHALLENGES]:
        basic = basic or text.strip().lower().startswith("basic")
        challenge = _readable(text)
        if challenge is not None and (
            best is None or ALGORITHMS.index(challenge.algorithm) < ALGORITHMS.index(best.algorithm)
        ):
            best = challenge
    if best is not None:
        return _digest(best, method, uri, username, password, ids)
    if basic:
        pair = f"{username}:{password.reveal()}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return None


def _readable(text: str) -> Challenge | None:
    try:
        challenge = Challenge.parse(text)
    except WireError:
        return None
    if challenge is None or challenge.algorithm not in ALGORITHMS:
        return None
    return challenge if not challenge.qop or "auth" in challenge.qop else None


def _digest(
    challenge: Challenge, method: str, uri: str, username: str, password: Secret, ids: Ids
) -> str:
    qop = "auth" if challenge.qop else ""
    wants_cnonce = bool(qop) or challenge.algorithm.endswith("-sess")
    credentials = Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        qop=qop,
        cnonce=ids.token() if wants_cnonce else "",
        nc=1 if qop else 0,
        opaque=challenge.opaque,
    )
    base = ha1(challenge.algorithm, username, challenge.realm, password.reveal())
    return str(replace(credentials, response=response(credentials, base, method)))
