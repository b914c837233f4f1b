"""A browser's end of a media leg without a browser: ICE checks, a DTLS handshake, keys for SRTP.

OpenSSL shakes hands and aioice writes the checks, so the relay's own are judged by others.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

from aioice import stun
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from farline.runtime import clock
from farline.runtime.tls.identity import DtlsIdentity
from farline.sdp import IceCredentials
from farline.testing.srtp import Srtp

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from farline.sdp import Media

OURS: Final = IceCredentials("brow", "aBrowsersPasswordForTheRelay")
PATIENCE_SECONDS: Final = 20.0
AGAIN_SECONDS: Final = 0.2
KEY, SALT = 16, 14


class BrowserLegError(AssertionError):
    """The other end did not do its part in time."""


class BrowserLeg:
    """One media socket as a browser uses it; it sends the offer and begins with DTLS."""

    def __init__(self, at: socket.socket, identity: DtlsIdentity | None = None) -> None:
        self.at = at
        self.identity = identity or DtlsIdentity.make()
        self.fragment = OURS.fragment

    def describe(self) -> bytes:
        """An offer, or an answer that takes the active role."""
        ip, port = self.at.getsockname()
        fingerprint = self.identity.fingerprint.to_bytes().decode()
        return (
            f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
            f"m=audio {port} UDP/TLS/RTP/SAVPF 8\r\na=rtpmap:8 PCMA/8000\r\na=rtcp-mux\r\n"
            f"a=mid:0\r\na=setup:active\r\na={fingerprint}\r\n"
            f"a=ice-ufrag:{self.fragment}\r\na=ice-pwd:{OURS.password}\r\n"
        ).encode()

    def check(self, theirs: Media) -> None:
        """Prove ourselves and nominate the pair; raises BrowserLegError without an answer."""
        ice, to = theirs.ice, theirs.rtp_address
        if ice is None or to is None:
            raise BrowserLegError("a description without ICE")
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{ice.fragment}:{self.fragment}"
        request.attributes["PRIORITY"] = 1
        request.attributes["ICE-CONTROLLING"] = 1
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(ice.password.encode())
        request.add_fingerprint()
        until = clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < until:
            self.at.sendto(bytes(request), to)
            answer = self._next(lambda data: data[:1] in (b"\x00", b"\x01"))
            if answer is None:
                continue
            read = stun.parse_message(answer)
            if read.transaction_id == request.transaction_id:
                authentic = read.check_message_integrity(ice.password.encode())
                if read.message_class is not stun.Class.RESPONSE or not authentic:
                    raise BrowserLegError("a check was answered with an error")
                return
        raise BrowserLegError("no check was answered")

    def shake(self, theirs: Media, patience: float = PATIENCE_SECONDS) -> tuple[Srtp, Srtp]:
        """Shake hands: the keys for what we send and for what we get. Raises BrowserLegError."""
        to = theirs.rtp_address
        if to is None:
            raise BrowserLegError("a description without an address")
        connection = self._connection()
        until = clock.monotonic() + patience
        while clock.monotonic() < until:
            try:
                connection.do_handshake()
            except SSL.WantReadError:
                self._send_all(connection, to)
                data = self._next(lambda data: 20 <= data[0] <= 63)
                if data is None:
                    connection.DTLSv1_handle_timeout()
                else:
                    connection.bio_write(data)
                continue
            self._send_all(connection, to)
            return self._keys(connection, theirs)
        raise BrowserLegError("no handshake")

    def _connection(self) -> SSL.Connection:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        key = serialization.load_der_private_key(self.identity.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise BrowserLegError("the key is of another kind")
        context.use_certificate(x509.load_der_x509_certificate(self.identity.certificate))
        context.use_privatekey(key)
        context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
        connection = SSL.Connection(context)
        connection.set_connect_state()
        return connection

    def _keys(self, connection: SSL.Connection, theirs: Media) -> tuple[Srtp, Srtp]:
        shown = connection.get_peer_certificate(as_cryptography=True)
        named = theirs.fingerprints[0].digest
        if shown is None or shown.fingerprint(hashes.SHA256()) != named:
            raise BrowserLegError("the certificate is not the one that was named")
        material = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (KEY + SALT))
        keys, salts = material[: 2 * KEY], material[2 * KEY :]
        mine, other = keys[:KEY] + salts[:SALT], keys[KEY:] + salts[SALT:]
        return Srtp(mine), Srtp(other)

    def _send_all(self, connection: SSL.Connection, to: tuple[str, int]) -> None:
        while True:
            try:
                self.at.sendto(connection.bio_read(2048), to)
            except SSL.WantReadError:
                return

    def _next(self, wanted: Callable[[bytes], bool]) -> bytes | None:
        """The next datagram of a kind within AGAIN_SECONDS; others are dropped."""
        until = clock.monotonic() + AGAIN_SECONDS
        while select.select([self.at], [], [], max(0.0, until - clock.monotonic()))[0]:
            data = self.at.recv(4096)
            if data and wanted(data):
                return data
        return None
