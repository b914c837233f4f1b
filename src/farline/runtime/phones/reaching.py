"""How a phone reaches its server: whom it believes, and which of our addresses it comes from."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def client_tls(ca: Path | None, *, insecure: bool) -> ssl.SSLContext:
    """How servers are verified. Raises OSError, ssl.SSLError for a file that is no authority."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def local_address(remote: str, port: int = 9) -> str:
    """The address that this machine would use towards `remote`. Raises OSError without a route."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((remote, port))  # nothing is sent
        return str(probe.getsockname()[0])
