"""Ports that a test may give to a program of its own: nobody else gets them meanwhile.

They lie below those that the kernel gives to sockets which do not ask for one, so no connection of
somebody else takes one before the program has bound it; and each is claimed for this process, so
that no other process which tests picks it too.
"""

from __future__ import annotations

import os
import socket
from typing import Final

FIRST, LAST = 24_000, 31_999
CLAIM: Final = "farline-test-port"
"""Begins names of abstract Unix sockets: the kernel gives a name to one process, until its end."""


def free_ports(count: int, ip: str = "127.0.0.1") -> list[int]:
    """Ports of an address, for TCP and UDP, that stay ours until this process ends.

    Raises OSError when all are taken.
    """
    found: list[int] = []
    span = LAST - FIRST + 1
    for step in range(span):
        if len(found) == count:
            break
        port = FIRST + (os.getpid() * 97 + step) % span
        if _claimed(port) and _is_free(ip, port):
            found.append(port)
    if len(found) < count:
        raise OSError(f"no {count} free ports from {FIRST} to {LAST} on {ip}")
    return found


def _claimed(port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0{CLAIM}-{port}")
    except OSError:
        claim.close()
        return False
    claim.detach()  # it stays open as long as the process
    return True


def _is_free(ip: str, port: int) -> bool:
    """Whether some program that knows nothing of claims sits there."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((ip, port))
            except OSError:
                return False
    return True
