"""Ports and addresses that a test may use for itself: nobody else gets them meanwhile.

Ports lie below those that the kernel gives to sockets which do not ask for one, so no connection of
somebody else takes one before the program has bound it. Ports and addresses are claimed for this
process, so that no other process which tests picks them too, not even another run of these tests.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from typing import Final

FIRST, LAST = 24_000, 31_999
FIRST_NETWORK, LAST_NETWORK = 100, 249
CLAIM: Final = "farline-test"
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
        if _claimed(f"port-{port}") and _is_free(ip, port):
            found.append(port)
    if len(found) < count:
        raise OSError(f"no {count} free ports from {FIRST} to {LAST} on {ip}")
    return found


@cache
def own_network() -> str:
    """The first two numbers ("127.81") of loopback addresses that are this process's until it ends.

    The third number is below 10 in tests that use it: deployments of the guide on loopback
    (`farline.lab.loopback`) have theirs above. Raises OSError when all are taken.
    """
    span = LAST_NETWORK - FIRST_NETWORK + 1
    for step in range(span):
        number = FIRST_NETWORK + (os.getpid() * 7 + step) % span
        if _claimed(f"network-{number}"):
            return f"127.{number}"
    raise OSError(f"no free loopback network from 127.{FIRST_NETWORK} to 127.{LAST_NETWORK}")


def _claimed(what: str) -> bool:
    """Whether this process has it from now on."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0{CLAIM}-{what}")
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
