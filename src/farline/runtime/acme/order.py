"""One order of a certificate by ACME (RFC 8555), with the acme library: it blocks, for a thread."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import requests
from acme import client, crypto_util, errors, messages
from acme.challenges import HTTP01
from cryptography.hazmat.primitives import serialization
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from farline import __version__
from farline.runtime.acme.files import AcmeError
from farline.runtime.tls.making import key_pem, new_key
from farline.trace.summary import printable

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from acme.messages import AuthorizationResource, ChallengeBody, OrderResource

    from farline.config import Secret
    from farline.config.tls import AcmeOrder

ORDER_SECONDS = 180
REQUEST_SECONDS = 30
NONCE_ROUNDS = 3
"""How often the library's two tries are made of a request that is told that its nonce is bad."""


class _Network(client.ClientNetwork):
    """A request is sent again as often as it takes to have a good nonce (RFC 8555 section 6.5)."""

    def post(self, *args: object, **kwargs: object) -> requests.Response:
        """As the library's, whose two tries may both have had a nonce that the server forgot."""
        for _ in range(NONCE_ROUNDS - 1):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)


def order(
    form: AcmeOrder, account: Secret, base: Path, proofs: MutableMapping[str, str]
) -> tuple[bytes, bytes]:
    """Certificate with its issuers, and a new key, both PEM.

    `account`: the account's key, PEM. `proofs`: paths of HTTP-01 and what is to be answered there,
    filled in while the order is open. Raises AcmeError.
    """
    key = key_pem(new_key())
    csr = crypto_util.make_csr(key, list(form.names))
    try:
        acme, account_key = _client(form, account, base)
        wanted = acme.new_order(csr)
        for authorization in wanted.authorizations:
            if authorization.body.status != messages.STATUS_VALID:
                _prove(acme, account_key, authorization, proofs)
        deadline = datetime.now() + timedelta(seconds=ORDER_SECONDS)  # noqa: DTZ005 - the library's
        issued: OrderResource = acme.poll_and_finalize(wanted, deadline)
    except errors.ValidationError as error:
        raise AcmeError(_failed(error)) from None
    except (errors.Error, JoseError, requests.RequestException, OSError, ValueError) as error:
        raise AcmeError(printable(str(error) or type(error).__name__)[:500]) from error
    return issued.fullchain_pem.encode(), key


def _client(form: AcmeOrder, account: Secret, base: Path) -> tuple[client.ClientV2, JWKEC]:
    """A client whose account is there; the authority knows it by its key."""
    pem = serialization.load_pem_private_key(account.reveal().encode(), None)
    key = JWKEC(key=pem)
    agent = f"farline/{__version__}"
    network = _Network(key, alg=ES256, user_agent=agent, timeout=REQUEST_SECONDS)
    if form.directory_authorities is not None:
        # `requests` takes a file here, which the library's annotation does not say.
        network.verify_ssl = str(base / form.directory_authorities)  # type: ignore[assignment]
    acme = client.ClientV2(client.ClientV2.get_directory(form.directory, network), network)
    contact = tuple(f"mailto:{one}" for one in form.contact)
    wish = messages.NewRegistration(contact=contact, terms_of_service_agreed=True)
    try:
        acme.new_account(wish)
    except errors.ConflictError as known:
        network.account = messages.RegistrationResource(
            uri=known.location, body=messages.Registration()
        )
    return acme, key


def _prove(
    acme: client.ClientV2,
    key: JWKEC,
    authorization: AuthorizationResource,
    proofs: MutableMapping[str, str],
) -> None:
    challenge: ChallengeBody | None = next(
        (one for one in authorization.body.challenges if isinstance(one.chall, HTTP01)), None
    )
    if challenge is None:
        name = authorization.body.identifier.value
        raise AcmeError(f"the authority offers no HTTP-01 for {printable(name)}")
    response, proof = challenge.response_and_validation(key)
    proofs[challenge.chall.path] = proof
    acme.answer_challenge(challenge, response)


def _failed(error: errors.ValidationError) -> str:
    """What the authority says of each name that it does not believe."""
    told = [
        f"{one.body.identifier.value}: {challenge.error.detail or challenge.error.typ}"
        for one in error.failed_authzrs
        for challenge in one.body.challenges
        if challenge.error is not None
    ]
    return printable("; ".join(told) or "the names were not believed")[:500]
