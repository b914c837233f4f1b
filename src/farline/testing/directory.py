"""A directory that speaks the office's DSML, for tests of a portal without an office."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from aiohttp import web

from farline.portal.accounts import Account
from farline.portal.providers.dsml import DSML, SOAP
from farline.portal.scram import ScramKeys

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

SERVICE_USER = "EnhTcpaService"
SERVICE_PASSWORD = "service password"  # noqa: S105 - of a test
REALM = "ipoffice"


def account(name: str, password: str, extension: str, **changes: object) -> Account:
    """A user with every right, as an office with realm ipoffice would describe it."""
    salt = hashlib.sha256(name.encode()).digest()[:16]
    ha1 = f"{name}:{REALM}:{password}".encode()
    made = Account(
        name=name,
        display_name=name,
        extension=extension,
        enabled=True,
        one_x_portal=True,
        mobile_voip=True,
        scram_sha1=ScramKeys.derive("sha1", password, salt, 10_000),
        scram_sha256=ScramKeys.derive("sha256", password, salt, 10_000),
        ha1_md5=hashlib.md5(ha1, usedforsecurity=False).hexdigest(),
        ha1_sha256=hashlib.sha256(ha1).hexdigest(),
        modified="20261122120000Z",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names are checked by replace


def batch_response(accounts: Iterable[Account], *, code: str = "0") -> bytes:
    """The office's answer to a search for all users."""
    envelope = ElementTree.Element(f"{{{SOAP}}}Envelope")
    body = ElementTree.SubElement(envelope, f"{{{SOAP}}}Body")
    batch = ElementTree.SubElement(body, f"{{{DSML}}}batchResponse")
    response = ElementTree.SubElement(batch, f"{{{DSML}}}searchResponse")
    for entry in accounts:
        dn = f"uid={entry.name},ou=users,o=Farline Office"
        element = ElementTree.SubElement(response, f"{{{DSML}}}searchResultEntry", dn=dn)
        for name, value in attributes_of(entry).items():
            attr = ElementTree.SubElement(element, f"{{{DSML}}}attr", name=name)
            ElementTree.SubElement(attr, f"{{{DSML}}}value").text = value
    done = ElementTree.SubElement(response, f"{{{DSML}}}searchResultDone")
    ElementTree.SubElement(done, f"{{{DSML}}}resultCode", code=code)
    document: bytes = ElementTree.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return document


def attributes_of(entry: Account) -> dict[str, str]:
    """The attributes of a directory entry."""
    flags = {True: "TRUE", False: "FALSE"}
    return {
        "uid": entry.name,
        "cn": entry.display_name,
        "telephoneNumber": entry.extension,
        "farlineEnabled": flags[entry.enabled],
        "farlineOneXPortal": flags[entry.one_x_portal],
        "farlineMobileVoip": flags[entry.mobile_voip],
        "farlineScramSha1": str(entry.scram_sha1),
        "farlineScramSha256": str(entry.scram_sha256),
        "farlineHa1Md5": entry.ha1_md5,
        "farlineHa1Sha256": entry.ha1_sha256,
        "modifyTimestamp": entry.modified,
    }


@dataclass
class FakeDirectory:
    """Serves `accounts` at /dsml; `requests` are the bodies that came."""

    ip: str
    port: int
    tls: ssl.SSLContext
    accounts: list[Account] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/dsml", self._search)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.ip, self.port, ssl_context=self.tls).start()

    async def stop(self) -> None:
        """Be gone."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _search(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != basic(SERVICE_USER, SERVICE_PASSWORD):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="dsml"'})
        self.requests.append(await request.read())
        return web.Response(body=batch_response(self.accounts), content_type="text/xml")


def basic(name: str, password: str) -> str:
    """An Authorization header for HTTP Basic."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()
