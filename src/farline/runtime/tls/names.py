"""Whose certificate it is: the names and domains that one bears, and whether one is among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from farline.sip import Uri, WireError
from farline.sip.transport import canonical_host

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Borne:
    """What the subjectAltName of a certificate bears, in lower case."""

    hosts: tuple[str, ...]
    addresses: frozenset[str]
    sip_domains: frozenset[str]
    """Domains of its `sip:` URIs without a user (RFC 5922 section 7.1)."""

    common_name: str = ""

    def dialled(self, name: str) -> bool:
        """Whether it is the certificate of a host that was dialled (RFC 9525)."""
        name = canonical_host(name)
        return name in self.addresses or any(_matches(host, name) for host in self.hosts)

    def speaks_for(self, domain: str) -> bool:
        """Whether it is that of a SIP domain (RFC 5922 section 7.2): exactly, no wildcards.

        URIs count before names; the common name only where there is no alternative name at all.
        An address is compared with its addresses, of which the RFC says nothing.
        """
        domain = canonical_host(domain)
        if self.sip_domains:
            return domain in self.sip_domains
        if self.hosts or self.addresses:
            return domain in self.hosts or domain in self.addresses
        return bool(domain) and domain == self.common_name

    def __str__(self) -> str:
        named = [*(f"sip:{one}" for one in sorted(self.sip_domains)), *self.hosts]
        return ", ".join([*named, *sorted(self.addresses)]) or self.common_name or "no name"


def borne(certificate: x509.Certificate) -> Borne:
    """The names of a certificate; those that cannot be read are none."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        found = x509.SubjectAlternativeName([])
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Borne(
        tuple(name.lower() for name in found.get_values_for_type(x509.DNSName)),
        frozenset(str(ip) for ip in found.get_values_for_type(x509.IPAddress)),
        frozenset(_domains(found.get_values_for_type(x509.UniformResourceIdentifier))),
        str(common[0].value).lower() if common else "",
    )


def _domains(uris: Iterable[str]) -> Iterable[str]:
    for text in uris:
        try:
            uri = Uri.parse(text)
        except WireError:
            continue
        if uri.scheme == "sip" and not uri.user:
            yield canonical_host(uri.host)


def _matches(pattern: str, name: str) -> bool:
    """A wildcard stands for one label on the left (RFC 9525 section 6.3)."""
    if pattern.startswith("*."):
        return "." in name and name.partition(".")[2] == pattern[2:]
    return pattern == name
