"""TLS Management: server profiles and client profiles. Paths are relative to the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from farline.config.base import Form, IpText, Name, Port

TlsVersion = Literal["1.2", "1.3"]


def _some(versions: tuple[TlsVersion, ...]) -> tuple[TlsVersion, ...]:
    if not versions:
        raise ValueError("allow 1.2, 1.3 or both")
    return versions


def _host_name(text: str) -> str:
    name = text.lower().rstrip(".")
    labels = name.split(".")
    fits = len(name) <= 253 and len(labels) > 1 and not labels[-1].isdigit()
    if not fits or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{text!r} is no host name; write it as phone.example.com")
    return name


_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
HostName = Annotated[str, AfterValidator(_host_name)]
Versions = Annotated[tuple[TlsVersion, ...], AfterValidator(_some), Field(title="Version")]
Depth = Annotated[int, Field(ge=1, le=10, title="Verification Depth")]


class TlsProfile(Form):
    """What server and client profiles share."""

    name: Name = Field(title="Profile Name")
    peer_certificate_revocation_lists: Path | None = Field(
        None, title="Peer Certificate Revocation Lists"
    )
    """PEM; every certificate of the peer's chain needs the list of its issuer then."""

    verification_depth: Depth = 3
    """How many certificates may stand above the peer's own, its root among them."""

    versions: Versions = ("1.2", "1.3")
    ciphers: str = Field("", title="Ciphers", max_length=2000, pattern=r"^[A-Za-z0-9:+!@=_\-]*$")
    """Ciphers of TLS 1.2 in OpenSSL's words; empty: its own list. TLS 1.3 has its fixed ones."""


class AcmeOrder(Form):
    """ACME: an authority that issues and renews the certificate by itself (RFC 8555).

    It is ordered by the role whose address the Challenge IP is; who answers there for the names
    (HTTP-01, RFC 8555 section 8.3) is believed to own them.
    """

    form: ClassVar[str] = "TLS Management > Server Profiles"
    directory: str = Field(title="Directory URL", max_length=1000, pattern=r"^https://[!-~]+$")
    directory_authorities: Path | None = Field(None, title="Directory Authorities")
    """PEM, for an ACME server of one's own; else those that Python trusts."""

    contact: tuple[Annotated[str, Field(pattern=r"^[!-~]{1,64}@[!-~]{1,255}$")], ...] = Field(
        (), title="Contact"
    )
    """E-mail addresses that the authority may write to."""

    terms_agreed: bool = Field(title="Agree to Terms of Service")
    names: tuple[HostName, ...] = Field(min_length=1, max_length=100, title="Names")
    """Host names that the certificate bears; the first one is its subject. No wildcards: HTTP-01
    cannot prove them."""

    challenge_ip: IpText = Field(title="Challenge IP")
    """Our address at which the authority asks for the proof, only while an order is open."""

    challenge_port: Port = Field(80, title="Challenge Port")
    """A public authority asks at port 80; where that leads here is another's business."""

    @model_validator(mode="after")
    def _agreed(self) -> AcmeOrder:
        if not self.terms_agreed:
            raise ValueError(
                "no authority issues without Agree to Terms of Service; set it to true"
            )
        return self


class TlsServerProfile(TlsProfile):
    """How we show ourselves to TLS clients, and whether they must show themselves."""

    form: ClassVar[str] = "TLS Management > Server Profiles"
    certificate: Path = Field(title="Certificate")
    """PEM: our certificate, then those of its issuers but the root. With ACME it is written."""

    key: Path = Field(title="Private Key")
    certificate_chain: Path | None = Field(None, title="Certificate Chain")
    """PEM: the issuers, where they stand in a file of their own."""

    acme: AcmeOrder | None = None
    """Have Certificate and Private Key ordered and renewed; None: you put them there."""

    sni_profiles: tuple[Name, ...] = Field((), title="SNI Options")
    """Server profiles whose certificate is shown instead when the client dials a name that it bears
    (RFC 6066 section 3). All else is as this profile says."""

    peer_verification: Literal["none", "optional", "required"] = Field(
        "none", title="Peer Verification"
    )
    """Mutual TLS. optional: who shows a certificate must show a good one."""

    peer_certificate_authorities: Path | None = Field(None, title="Peer Certificate Authorities")

    @model_validator(mode="after")
    def _whole_chain(self) -> TlsServerProfile:
        if self.acme is not None and self.certificate_chain is not None:
            raise ValueError("ACME writes the whole chain into Certificate: leave the other away")
        return self

    @model_validator(mode="after")
    def _somebody_to_believe(self) -> TlsServerProfile:
        if self.peer_verification != "none" and self.peer_certificate_authorities is None:
            raise ValueError("peer verification needs Peer Certificate Authorities")
        return self


class TlsClientProfile(TlsProfile):
    """Whom we believe when we connect with TLS, and how we show ourselves."""

    form: ClassVar[str] = "TLS Management > Client Profiles"
    peer_certificate_authorities: Path = Field(title="Peer Certificate Authorities")
    peer_verification: bool = Field(True, title="Peer Verification")
    certificate: Path | None = Field(None, title="Certificate")
    """Ours, for servers that ask for one (mutual TLS)."""

    key: Path | None = Field(None, title="Private Key")
    sni: bool = Field(True, title="SNI")
    """Say the server's name in the handshake (RFC 6066). It is judged by it in any case."""

    extended_hostname_verification: bool = Field(True, title="Extended Hostname Verification")
    """The certificate must be that of the SIP domain (RFC 5922 section 7), and elsewhere that of
    the host that is dialled (RFC 9525); off: any certificate of the authorities will do."""

    server_hostname: str | None = Field(
        None, title="Server Hostname", max_length=255, pattern=r"^[A-Za-z0-9.\-]+$"
    )
    """The name that the certificate must bear, and that SNI says, instead of what is dialled."""

    @model_validator(mode="after")
    def _both_or_none(self) -> TlsClientProfile:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("Certificate and Private Key go together")
        return self
