"""DSMLv2 over SOAP 1.1: the search that asks the office for its users, and the answer's entries.

OASIS DSMLv2 (namespace urn:oasis:names:tc:DSML:2:0:core). Pure: bytes in, values out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from farline.portal.accounts import Account
from farline.portal.scram import ScramKeys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DSML = "urn:oasis:names:tc:DSML:2:0:core"
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes: ten thousand users are about nine million."""
MAX_ENTRIES = 100_000
ATTRIBUTES = (
    "uid",
    "cn",
    "telephoneNumber",
    "farlineEnabled",
    "farlineOneXPortal",
    "farlineMobileVoip",
    "farlineScramSha1",
    "farlineScramSha256",
    "farlineHa1Md5",
    "farlineHa1Sha256",
    "modifyTimestamp",
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class DsmlError(ValueError):
    """The office's answer cannot be used; the text says what is wrong with it."""


def search_request(base_dn: str) -> bytes:
    """A batchRequest with one searchRequest for every user below `base_dn`."""
    ElementTree.register_namespace("soap", SOAP)
    envelope = ElementTree.Element(f"{{{SOAP}}}Envelope")
    body = ElementTree.SubElement(envelope, f"{{{SOAP}}}Body")
    batch = ElementTree.SubElement(body, f"{{{DSML}}}batchRequest")
    search = ElementTree.SubElement(
        batch,
        f"{{{DSML}}}searchRequest",
        dn=base_dn,
        scope="singleLevel",
        derefAliases="neverDerefAliases",
    )
    wanted = ElementTree.SubElement(search, f"{{{DSML}}}filter")
    ElementTree.SubElement(wanted, f"{{{DSML}}}present", name="uid")
    attributes = ElementTree.SubElement(search, f"{{{DSML}}}attributes")
    for name in ATTRIBUTES:
        ElementTree.SubElement(attributes, f"{{{DSML}}}attribute", name=name)
    document: bytes = ElementTree.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return document


def accounts_of(answer: bytes) -> tuple[list[Account], list[str]]:
    """The users in a batchResponse, and what was wrong with entries that had to be left out.

    Raises DsmlError when the answer as a whole is no complete, successful search result: half a
    directory would lock people out.
    """
    root = _parse(answer)
    fault = root.find(f".//{{{SOAP}}}Fault/faultstring")
    if fault is not None:
        raise DsmlError(f"SOAP fault: {_clean(fault.text or '')[:200]}")
    response = root.find(f"./{{{SOAP}}}Body/{{{DSML}}}batchResponse/{{{DSML}}}searchResponse")
    if response is None:
        raise DsmlError("no searchResponse in the answer")
    code = response.find(f"./{{{DSML}}}searchResultDone/{{{DSML}}}resultCode")
    if code is None or code.get("code") != "0":
        found = "missing" if code is None else _clean(code.get("code", ""))[:20]
        said = response.findtext(f"./{{{DSML}}}searchResultDone/{{{DSML}}}errorMessage", "")
        text = f"search not successful: result code {found}"
        raise DsmlError(f"{text} ({_clean(said)[:200]})" if said else text)
    accounts: list[Account] = []
    problems: list[str] = []
    for dn, attributes in _entries(response):
        try:
            accounts.append(_account(attributes))
        except (KeyError, ValueError) as error:
            problems.append(f"{dn[:100]!r}: {error}")
    return accounts, problems


def _entries(response: ElementTree.Element) -> Iterator[tuple[str, Mapping[str, str]]]:
    for count, entry in enumerate(response.iterfind(f"{{{DSML}}}searchResultEntry")):
        if count >= MAX_ENTRIES:
            raise DsmlError(f"more than {MAX_ENTRIES} entries")
        attributes = {}
        for attribute in entry.iterfind(f"{{{DSML}}}attr"):
            value = attribute.find(f"{{{DSML}}}value")
            attributes[attribute.get("name", "")] = (value.text or "") if value is not None else ""
        yield entry.get("dn", ""), attributes


def _account(attributes: Mapping[str, str]) -> Account:
    name = _clean(attributes["uid"])
    if not 1 <= len(name) <= 64:
        raise ValueError("uid: 1 to 64 characters")
    extension = attributes["telephoneNumber"]
    if not re.fullmatch(r"[0-9*#]{1,15}", extension):
        raise ValueError("telephoneNumber: digits, * and #")
    return Account(
        name=name,
        display_name=_clean(attributes.get("cn", ""))[:64] or name,
        extension=extension,
        enabled=_flag(attributes, "farlineEnabled"),
        one_x_portal=_flag(attributes, "farlineOneXPortal"),
        mobile_voip=_flag(attributes, "farlineMobileVoip"),
        scram_sha1=ScramKeys.parse("sha1", attributes["farlineScramSha1"]),
        scram_sha256=ScramKeys.parse("sha256", attributes["farlineScramSha256"]),
        ha1_md5=_hex(attributes, "farlineHa1Md5", 32),
        ha1_sha256=_hex(attributes, "farlineHa1Sha256", 64),
        modified=attributes.get("modifyTimestamp", "")[:32],
    )


def _flag(attributes: Mapping[str, str], name: str) -> bool:
    value = attributes[name]
    if value not in ("TRUE", "FALSE"):
        raise ValueError(f"{name}: TRUE or FALSE")
    return value == "TRUE"


def _hex(attributes: Mapping[str, str], name: str, length: int) -> str:
    value = attributes[name].lower()
    if not re.fullmatch(f"[0-9a-f]{{{length}}}", value):
        raise ValueError(f"{name}: {length} hex digits")
    return value


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


class _Builder(ElementTree.TreeBuilder):
    """Refuses a document type: no entities, so nothing expands or is fetched."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise DsmlError("document type declarations are not accepted")


def _parse(answer: bytes) -> ElementTree.Element:
    if len(answer) > MAX_ANSWER:
        raise DsmlError(f"answer longer than {MAX_ANSWER} bytes")
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314 - _Builder refuses a DTD
    try:
        parser.feed(answer)
        root: ElementTree.Element = parser.close()
    except ElementTree.ParseError as error:
        raise DsmlError(f"not XML: {error}") from None
    return root
