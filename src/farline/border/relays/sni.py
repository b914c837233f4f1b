"""The name that a TLS client asks for (SNI), read from its greeting without ending its TLS.

RFC 8446 section 4.1.2 (ClientHello), section 5.1 (records), RFC 6066 section 3 (server_name).
"""

from __future__ import annotations

from ipaddress import ip_address

HANDSHAKE = 0x16
MAX_HELLO = 16_384
_CLIENT_HELLO = 1
_SERVER_NAME = 0


class NoHelloError(ValueError):
    """These bytes do not begin TLS."""


def server_name(data: bytes) -> str | None:
    """The SNI of a ClientHello, lower case, "" where it has none; None: more bytes are needed.

    Raises NoHelloError.
    """
    hello = _hello(data)
    if hello is None:
        return None
    try:
        return _name(hello)
    except (IndexError, UnicodeDecodeError) as error:
        raise NoHelloError("the ClientHello ends before its fields do") from error


def is_address(text: str) -> bool:
    """Whether a host is an address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _hello(data: bytes) -> bytes | None:
    """The body of the ClientHello, out of as many records as it takes."""
    body = bytearray()
    at = 0
    while True:
        if len(data) < at + 5:
            _check_unfinished(data)
            return None
        if data[at] != HANDSHAKE or data[at + 1] != 3:
            raise NoHelloError("this is no TLS handshake")
        size = int.from_bytes(data[at + 3 : at + 5])
        if not 0 < size <= MAX_HELLO:
            raise NoHelloError(f"a TLS record of {size} bytes")
        if len(data) < at + 5 + size:
            _check_unfinished(data)
            return None
        body += data[at + 5 : at + 5 + size]
        at += 5 + size
        if body[0] != _CLIENT_HELLO:
            raise NoHelloError("the first TLS handshake message is no ClientHello")
        if len(body) >= 4:
            length = int.from_bytes(body[1:4])
            if length > MAX_HELLO:
                raise NoHelloError(f"a ClientHello of {length} bytes")
            if len(body) >= 4 + length:
                return bytes(body[4 : 4 + length])


def _check_unfinished(data: bytes) -> None:
    if data and (data[0] != HANDSHAKE or (len(data) > 1 and data[1] != 3)):
        raise NoHelloError("this is no TLS handshake")
    if len(data) > 2 * MAX_HELLO:
        raise NoHelloError("a ClientHello in too many pieces")


def _name(hello: bytes) -> str:
    at = 34  # version, random
    at += 1 + hello[at]  # session
    at += 2 + int.from_bytes(hello[at : at + 2])  # ciphers
    at += 1 + hello[at]  # compression
    if at == len(hello):
        return ""  # no extensions
    end = at + 2 + int.from_bytes(hello[at : at + 2])
    at += 2
    if end > len(hello):
        raise IndexError(end)
    while at + 4 <= end:
        kind, size = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        at += 4
        if at + size > end:
            raise IndexError(at)
        if kind == _SERVER_NAME:
            return _host_name(hello[at : at + size])
        at += size
    return ""


def _host_name(extension: bytes) -> str:
    """The first entry of the server name list, which must be a host_name (0)."""
    size = int.from_bytes(extension[3:5])
    if len(extension) < 5 or extension[2] != 0 or len(extension) < 5 + size or size == 0:
        raise IndexError(size)
    return extension[5 : 5 + size].decode("ascii").lower().removesuffix(".")
