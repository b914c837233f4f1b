"""Quality of service: marking what leaves a socket (RFC 2474)."""

from __future__ import annotations

import socket


def mark(sock: socket.socket | None, ds_byte: int) -> None:
    """Have every packet of this socket bear the DS byte; 0 leaves it as the system does."""
    if sock is None or not ds_byte:
        return
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, ds_byte)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, ds_byte)
