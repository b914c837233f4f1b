"""Names to addresses: by an explicit resolver (the lab has its own), else by the system's."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from farline.mobile.steps import Door, StepError

if TYPE_CHECKING:
    from farline.sip.transport import Address

TIMEOUT = 3.0
"""Seconds for one try; there are two, for a datagram may be lost."""

TRIES = 2


async def resolve(host: str, resolver: Address | None, local_ip: str | None) -> str:
    """The first IPv4 address of `host`, else the first IPv6 one. Raises StepError."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        pass
    if resolver is None:
        return await _by_system(host)
    for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
        found = await _ask(host, kind, resolver, local_ip)
        if found is not None:
            return found
    raise StepError(Door.DNS, f"{host} has no address at {resolver}")


async def _by_system(host: str) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise StepError(Door.DNS, f"{host}: {error.strerror or error}") from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


async def _ask(
    host: str, kind: dns.rdatatype.RdataType, resolver: Address, local_ip: str | None
) -> str | None:
    try:
        query = dns.message.make_query(host, kind)
    except dns.exception.DNSException as error:
        raise StepError(Door.DNS, f"{host} is no name: {error}") from None
    answer: dns.message.Message | None = None
    for _ in range(TRIES):
        try:
            answer = await dns.asyncquery.udp(
                query, resolver.host, timeout=TIMEOUT, port=resolver.port, source=local_ip
            )
            break
        except dns.exception.Timeout:
            continue
        except (dns.exception.DNSException, OSError) as error:
            raise StepError(Door.DNS, f"{host} at {resolver}: {error}") from None
    if answer is None:
        raise StepError(Door.DNS, f"{host}: no answer from {resolver} in {TRIES * TIMEOUT:.0f} s")
    if answer.rcode() == dns.rcode.NXDOMAIN:
        raise StepError(Door.DNS, f"{host} does not exist, says {resolver}")
    if answer.rcode() != dns.rcode.NOERROR:
        raise StepError(Door.DNS, f"{host}: {resolver} says {dns.rcode.to_text(answer.rcode())}")
    for rrset in answer.answer:
        if rrset.rdtype == kind:
            return str(next(iter(rrset)))
    return None
