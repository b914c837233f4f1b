"""Quality of service: marking what leaves a socket (RFC 2474)."""

from __future__ import annotations

import socket
import struct


def mark(sock: socket.socket | None, ds_byte: int) -> None:
    """Have every packet of this socket bear the DS byte from now on."""
    if sock is not None:
        sock.setsockopt(*_option(sock.family), ds_byte)


def send_marked(sock: socket.socket, data: bytes, remote: tuple[str, int], ds_byte: int) -> None:
    """Send one datagram with a DS byte of its own. Raises OSError, as `sendmsg`."""
    level, option = _option(sock.family)
    sock.sendmsg([data], [(level, option, struct.pack("i", ds_byte))], 0, remote)


def _option(family: int) -> tuple[int, int]:
    if family == socket.AF_INET6:
        return socket.IPPROTO_IPV6, socket.IPV6_TCLASS
    return socket.IPPROTO_IP, socket.IP_TOS
