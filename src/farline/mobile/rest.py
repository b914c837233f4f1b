"""The portal's REST resources over HTTPS: one GET, authenticated when the portal asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from farline.mobile.asks import Fetch, Fetched
from farline.mobile.httpauth import authorization
from farline.mobile.info import MAX_BODY
from farline.mobile.steps import Door, StepError
from farline.mobile.text import printable

if TYPE_CHECKING:
    import ssl

    from farline.config import Secret
    from farline.sip.ids import Ids

TIMEOUT = 15.0
"""Seconds for one request, the TLS handshake included."""


class _Pinned(AbstractResolver):
    """Gives the address that the dns step found, so that every step talks to the same server."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(hostname=host, host=self._address, port=port, family=0, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class RestClient:
    """Fetches as one user. Credentials leave only over TLS, and only when asked for."""

    def __init__(
        self,
        username: str,
        password: Secret,
        ids: Ids,
        tls: ssl.SSLContext,
        local_ip: str | None,
    ) -> None:
        """`tls` says how the portal's certificate is verified; `local_ip` is the source address."""
        self._username = username
        self._password = password
        self._ids = ids
        self._tls = tls
        self._local_ip = local_ip

    async def fetch(self, ask: Fetch) -> Fetched:
        """GET; once more with credentials after a 401. Raises StepError when nobody answers."""
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(ask.address),
            local_addr=(self._local_ip, 0) if self._local_ip else None,
            ssl=self._tls,
            force_close=False,
        )
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                return await self._fetch(session, ask)
        except aiohttp.ClientConnectorCertificateError as error:
            why = _certificate(error.certificate_error)
            raise StepError(Door.REST, f"the certificate of {ask.url} is refused: {why}") from None
        except aiohttp.ClientError as error:
            raise StepError(Door.REST, f"{ask.url}: {printable(str(error))}") from None
        except TimeoutError:
            raise StepError(Door.REST, f"{ask.url}: no answer in {TIMEOUT:.0f} s") from None
        except OSError as error:  # ssl.SSLError too
            raise StepError(Door.REST, f"{ask.url}: {error.strerror or error}") from None

    async def _fetch(self, session: aiohttp.ClientSession, ask: Fetch) -> Fetched:
        first = await self._get(session, ask, None)
        if first[0] != 401:
            return Fetched(first[0], first[1])
        value = authorization(first[2], "GET", ask.path, self._username, self._password, self._ids)
        if value is None:
            raise StepError(Door.REST, "the portal asks for credentials in no way known here")
        status, body, _ = await self._get(session, ask, value)
        return Fetched(status, body, value.partition(" ")[0])

    async def _get(
        self, session: aiohttp.ClientSession, ask: Fetch, credentials: str | None
    ) -> tuple[int, bytes, list[str]]:
        """Status, body and challenges."""
        headers = {"Accept": "application/xml"}
        if credentials is not None:
            headers["Authorization"] = credentials
        async with session.get(ask.url, headers=headers, allow_redirects=False) as response:
            body = await _bounded(response)
            return response.status, body, response.headers.getall("WWW-Authenticate", [])


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(8192):
        body += chunk
        if len(body) > MAX_BODY:
            raise StepError(Door.REST, f"the portal's answer is longer than {MAX_BODY} bytes")
    return bytes(body)


def _certificate(error: Exception) -> str:
    return getattr(error, "verify_message", "") or printable(str(error))
