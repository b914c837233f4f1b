"""The TLS contexts of profiles: every connection made with one is judged by all of its profile.

What OpenSSL leaves open (names by the rules of SIP, depth, names that are judged but not said) is
looked at when its handshake ends, within the handshake: whoever uses the context, in whatever
place, never has a connection to a peer that the profile does not believe.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, Literal

from cryptography import x509

from farline.runtime.tls.names import borne

Identity = Literal["none", "host", "sip"]
"""Whose certificate it must be: anybody's; the host's (RFC 9525); the SIP domain's (RFC 5922)."""


@dataclass(frozen=True, slots=True)
class PeerRules:
    """What OpenSSL does not look at by itself."""

    depth: int
    identity: Identity
    hostname: str | None = None
    """The name that the certificate must bear, where it is not what was dialled."""

    def refusal(self, peer: ssl.SSLObject, dialled: str | None) -> str | None:
        """Why the peer of a finished handshake is not believed; None when it is."""
        chain = _verified_chain(peer)
        if not chain:  # fine where it may do without a certificate
            return None if peer.getpeercert(binary_form=True) is None else "it shows no chain"
        if len(chain) - 1 > self.depth:
            return (
                f"{len(chain) - 1} certificates above the peer's; Verification Depth {self.depth}"
            )
        if self.identity == "none":
            return None
        expected = self.hostname or dialled or ""
        names = borne(x509.load_der_x509_certificate(chain[0]))
        known = names.speaks_for if self.identity == "sip" else names.dialled
        if not known(expected):
            return f"the certificate is not that of {expected or 'anybody'}: it bears {names}"
        return None


class JudgedObject(ssl.SSLObject):
    """One connection's TLS, whose handshake ends well only when its context's rules say so."""

    rules: PeerRules | None = None
    dialled: str | None = None

    def do_handshake(self) -> None:
        """Raises SSLCertVerificationError for a peer that is not believed."""
        super().do_handshake()
        doubt = self.rules.refusal(self, self.dialled) if self.rules is not None else None
        if doubt is not None:
            error = ssl.SSLCertVerificationError(1, doubt)
            error.verify_message = doubt
            raise error


class Context(ssl.SSLContext):
    """A context that knows the rules for its peers."""

    sslobject_class = JudgedObject
    rules: PeerRules | None = None
    sni: bool = True

    def judge(self, rules: PeerRules) -> None:
        """Go by these rules. A resumed session would show no chain to judge, so there are none."""
        self.rules = rules
        self.options |= ssl.OP_NO_TICKET
        if self.protocol is ssl.PROTOCOL_TLS_SERVER:
            self.num_tickets = 0

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As `ssl`, saying of the server's name what the profile lets it say."""
        dialled = (
            server_hostname.decode() if isinstance(server_hostname, bytes) else server_hostname
        )
        instead = self.rules.hostname if self.rules is not None else None
        said = (instead or dialled or None) if self.sni and not server_side else None
        made = super().wrap_bio(incoming, outgoing, server_side, said, session)
        if isinstance(made, JudgedObject):
            made.rules, made.dialled = self.rules, dialled
        return made


class RenewableContext(ssl.SSLContext):
    """What listeners and clients hold for good: each connection gets the context of its moment.

    `renew` disturbs nobody: connections that are there keep what they were made with.
    """

    current: Context

    @classmethod
    def of(cls, current: Context, *, server: bool) -> RenewableContext:
        """One that begins with a context."""
        made = cls(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        made.current = current
        return made

    def renew(self, context: Context) -> None:
        """New connections get this one."""
        self.current = context

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:  # noqa: ANN401 - as `Context`
        """As the present context does."""
        return self.current.wrap_bio(*given, **named)

    def wrap_socket(self, *given: Any, **named: Any) -> ssl.SSLSocket:  # noqa: ANN401 - refused
        """Blocking sockets would not be judged: nobody here has them."""
        raise NotImplementedError("TLS profiles are for asyncio's connections")


def _verified_chain(peer: ssl.SSLObject) -> list[bytes]:
    """The chain that was verified, the peer's own certificate first, in DER; empty: none."""
    found = getattr(peer, "get_verified_chain", None)  # Python 3.13
    if found is not None:
        return list(found() or ())
    inner = getattr(peer, "_sslobj", None)  # before 3.13 it is there, without a public name
    chain = inner.get_verified_chain() if inner is not None else None
    return [one.public_bytes(_DER) for one in chain or ()]


_DER = 2
"""`_ssl.ENCODING_DER`."""
