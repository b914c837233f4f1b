"""The user directory: DSMLv2 searches (OASIS) over SOAP 1.1, answered from the configured users.

What leaves the office are keys derived from passwords, never passwords: SCRAM keys for instant
messaging and REST, HA1 for digest. Pure: bytes in, bytes out. Searches below
`ou=users,o=<system name>` may be filtered with present, equalityMatch, greaterOrEqual
(modifyTimestamp, for a portal that asks what changed) and `and`.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from farline.config.saslprep import saslprep
from farline.sip.digest import ha1

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farline.config import Office, User
    from farline.sip.ids import Ids

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DSML = "urn:oasis:names:tc:DSML:2:0:core"

MAX_REQUEST = 64 * 1024
"""Bytes; a search is under one thousand."""

MAX_DEPTH = 16
MAX_SEARCHES = 8
"""Searches of one batchRequest."""

ITERATIONS = 10_000
_HASHES = {"farlineScramSha1": "sha1", "farlineScramSha256": "sha256"}

SUCCESS, NO_SUCH_OBJECT, UNWILLING = 0, 32, 53
"""LDAP result codes (RFC 4511 appendix A)."""

_DESCRIPTIONS = {
    SUCCESS: "success",
    NO_SUCH_OBJECT: "noSuchObject",
    UNWILLING: "unwillingToPerform",
}


class DirectoryError(ValueError):
    """A request that is no DSML search; the text says why."""


class UserDirectory:
    """The entries of all users; deriving their keys takes some milliseconds each, once."""

    def __init__(self, office: Office, ids: Ids, *, wall: float) -> None:
        """`wall`: seconds since 1970 when this configuration came into force."""
        self._office = office
        self._salts = {user.name: bytes.fromhex(ids.token(16)) for user in office.users}
        self._modified = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%d%H%M%SZ")
        self._entries: dict[str, Mapping[str, str]] | None = None
        self.base_dn = f"ou=users,o={office.name}"

    def entries(self) -> Mapping[str, Mapping[str, str]]:
        """Attributes by dn. Users whose password cannot be prepared have no entry."""
        if self._entries is None:
            self._entries = {}
            for user in self._office.users:
                try:
                    entry = self._entry(user)
                except ValueError:
                    continue
                self._entries[f"uid={user.name},{self.base_dn}"] = entry
        return self._entries

    def _entry(self, user: User) -> Mapping[str, str]:
        realm, password = self._office.registrar.realm, user.password.reveal()
        salt = self._salts[user.name]
        return {
            "uid": user.name,
            "cn": user.display_name,
            "telephoneNumber": user.extension,
            "farlineEnabled": _flag(user.enabled),
            "farlineOneXPortal": _flag(user.one_x_portal),
            "farlineMobileVoip": _flag(user.mobile_voip),
            **{name: scram_keys(kind, password, salt) for name, kind in _HASHES.items()},
            "farlineHa1Md5": ha1("MD5", user.name, realm, password),
            "farlineHa1Sha256": ha1("SHA-256", user.name, realm, password),
            "modifyTimestamp": self._modified,
        }


def scram_keys(kind: str, password: str, salt: bytes) -> str:
    """`iterations:salt:stored key:server key` (RFC 5802 section 3). Raises ValueError."""
    salted = hashlib.pbkdf2_hmac(kind, saslprep(password).encode(), salt, ITERATIONS)
    client = hmac.digest(salted, b"Client Key", kind)
    stored = hashlib.new(kind, client).digest()
    server = hmac.digest(salted, b"Server Key", kind)
    return ":".join([str(ITERATIONS), *(b64encode(p).decode() for p in (salt, stored, server))])


def answer(directory: UserDirectory, request: bytes) -> bytes:
    """Answer one POST. Raises DirectoryError for what is no batchRequest (HTTP 400)."""
    batch = _parse(request).find(f"./{{{SOAP}}}Body/{{{DSML}}}batchRequest")
    if batch is None:
        raise DirectoryError("no batchRequest in a SOAP 1.1 body")
    searches = list(batch)
    if not 1 <= len(searches) <= MAX_SEARCHES:
        raise DirectoryError(f"a batchRequest has 1 to {MAX_SEARCHES} searches")
    envelope = ElementTree.Element(f"{{{SOAP}}}Envelope")
    body = ElementTree.SubElement(envelope, f"{{{SOAP}}}Body")
    response = ElementTree.SubElement(body, f"{{{DSML}}}batchResponse", _request_id(batch))
    for search in searches:
        if search.tag != f"{{{DSML}}}searchRequest":
            raise DirectoryError("only searchRequest is served")
        _search(directory, search, response)
    document: bytes = ElementTree.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return document


def _search(
    directory: UserDirectory, search: ElementTree.Element, batch: ElementTree.Element
) -> None:
    response = ElementTree.SubElement(batch, f"{{{DSML}}}searchResponse", _request_id(search))
    dn = search.get("dn", "")
    if _folded(dn) != _folded(directory.base_dn):
        _done(response, NO_SUCH_OBJECT, f"users are below {directory.base_dn}")
        return
    wanted = [
        attribute.get("name", "")
        for attribute in search.iterfind(f"{{{DSML}}}attributes/{{{DSML}}}attribute")
    ]
    try:
        conditions = _conditions(search)
    except DirectoryError as error:
        _done(response, UNWILLING, str(error))
        return
    for name, entry in directory.entries().items():
        if all(condition.holds(entry) for condition in conditions):
            _write(response, name, entry, wanted)
    _done(response, SUCCESS, "")


def _write(
    response: ElementTree.Element, dn: str, entry: Mapping[str, str], wanted: list[str]
) -> None:
    element = ElementTree.SubElement(response, f"{{{DSML}}}searchResultEntry", dn=dn)
    lower = {name.lower() for name in wanted}
    for name, text in entry.items():
        if not lower or "*" in lower or name.lower() in lower:
            attribute = ElementTree.SubElement(element, f"{{{DSML}}}attr", name=name)
            ElementTree.SubElement(attribute, f"{{{DSML}}}value").text = text


def _done(response: ElementTree.Element, code: int, message: str) -> None:
    done = ElementTree.SubElement(response, f"{{{DSML}}}searchResultDone")
    ElementTree.SubElement(done, f"{{{DSML}}}resultCode", code=str(code), descr=_DESCRIPTIONS[code])
    if message:
        ElementTree.SubElement(done, f"{{{DSML}}}errorMessage").text = message


@dataclass(frozen=True, slots=True)
class _Condition:
    """One part of a filter."""

    kind: str
    name: str
    value: str

    def holds(self, entry: Mapping[str, str]) -> bool:
        found = {name.lower(): text for name, text in entry.items()}.get(self.name.lower())
        if self.kind == "present":
            return found is not None or self.name.lower() == "objectclass"
        if found is None:
            return False
        if self.kind == "greaterOrEqual":
            return found >= self.value
        return found.casefold() == self.value.casefold()


def _conditions(search: ElementTree.Element) -> list[_Condition]:
    """The filter of a search; all of them must hold."""
    wanted = search.find(f"{{{DSML}}}filter")
    return [] if wanted is None else list(_parts(wanted))


def _parts(element: ElementTree.Element) -> Iterator[_Condition]:
    for part in element:
        kind = part.tag.removeprefix(f"{{{DSML}}}")
        if kind == "and":
            yield from _parts(part)
        elif kind in ("present", "equalityMatch", "greaterOrEqual"):
            value = part.findtext(f"{{{DSML}}}value") or ""
            if kind == "greaterOrEqual" and part.get("name", "").lower() != "modifytimestamp":
                raise DirectoryError("greaterOrEqual is for modifyTimestamp")
            yield _Condition(kind, part.get("name", ""), value.strip())
        else:
            raise DirectoryError("filters are present, equalityMatch, greaterOrEqual and `and`")


class _Builder(ElementTree.TreeBuilder):
    """Refuses document types (so nothing expands) and deep nesting."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called for <!DOCTYPE."""
        raise DirectoryError("document type declarations are not accepted")

    def start(self, tag: str, attrs: dict[str, str], /) -> ElementTree.Element:
        """Called for every opening tag."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise DirectoryError("nested too deeply")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        """Called for every closing tag."""
        self._depth -= 1
        return super().end(tag)


def _parse(request: bytes) -> ElementTree.Element:
    if len(request) > MAX_REQUEST:
        raise DirectoryError(f"longer than {MAX_REQUEST} bytes")
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314 - _Builder refuses a DTD
    try:
        parser.feed(request)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        raise DirectoryError(f"not XML: {error}") from None
    return root


def _request_id(element: ElementTree.Element) -> dict[str, str]:
    value = element.get("requestID")
    return {} if value is None else {"requestID": value[:64]}


def _folded(dn: str) -> str:
    """A dn for comparing: case and blanks around separators play no part."""
    parts = (part.partition("=") for part in dn.split(","))
    return ",".join(f"{name.strip()}={value.strip()}" for name, _, value in parts).casefold()


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"
