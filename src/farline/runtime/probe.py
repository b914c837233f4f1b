"""Are the next hops there? Looks names up and knocks at every address (`farline check --probe`).

TCP and TLS: a connection (with the certificate verified) from the signaling interface's address
where this machine has it. UDP: an OPTIONS that anything may answer, or an ICMP refusal.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.plan import Plan
from farline.border.routing import stage as routing
from farline.config import Problem
from farline.runtime.dns.resolver import Resolver
from farline.runtime.ids import RealIds
from farline.runtime.ng_recording import check_nodes
from farline.runtime.ng_settings import ng_settings
from farline.runtime.tls.profiles import TlsError, client_context
from farline.sip import Address, Transport
from farline.sip.locate import Located, Place

if TYPE_CHECKING:
    from pathlib import Path

    from farline.config import Border, Deployment, NextHop, RoutingProfile

PROBE_SECONDS = 2.0
"""For one address."""

AT_ONCE = 16
"""Addresses that are tried at the same time."""


@dataclass(frozen=True, slots=True)
class _Hop:
    place: str
    profile: RoutingProfile
    hop: NextHop


async def probe(deployment: Deployment, base: Path) -> list[Problem]:
    """A warning for each next hop that resolves to nothing, and each address not reached.

    And for each rtpengine node that does not answer, or is to record and does not.
    """
    border = deployment.border
    if border is None:
        return []
    resolver = Resolver([Address(one.ip, one.port) for one in border.dns.servers])
    gate = asyncio.Semaphore(AT_ONCE)
    hops = [
        _Hop(f"border.routing_profiles[{index}].{within}.address", rule, hop)
        for index, profile in enumerate(border.routing_profiles)
        for within, rule, hop in profile.all_hops
    ]
    found = await asyncio.gather(*(_hop(deployment, base, resolver, gate, one) for one in hops))
    nodes = await check_nodes(border, ng_settings(border).places, RealIds())
    return [problem for problems in (*found, nodes) for problem in problems]


async def _hop(
    deployment: Deployment, base: Path, resolver: Resolver, gate: asyncio.Semaphore, one: _Hop
) -> list[Problem]:
    border, hop = deployment.border, one.hop
    if border is None:
        return []
    if hop.fixed is not None:
        located = Located((Place(*hop.fixed, ""),), "")
    else:
        located = await _locate(border, one, resolver)
        if not located.places:
            text = f"{hop.address} leads nowhere: {located.because or 'no address'}"
            remedy = "correct the name, or the records of its zone"
            return [Problem(one.place, text, remedy, hop.form, severity="warning")]

    async def knock(place: Place) -> Problem | None:
        async with gate:
            why = await _knock(deployment, base, hop, place)
        if not why:
            return None
        text = f"{hop.server} {place.address} ({place.transport}) is not reached: {why}"
        remedy = "is the server up, and is there a way to it from here?"
        return Problem(one.place, text, remedy, hop.form, severity="warning")

    results = await asyncio.gather(*(knock(place) for place in located.places))
    return [problem for problem in results if problem is not None]


async def _locate(border: Border, one: _Hop, resolver: Resolver) -> Located:
    srv = one.profile.load_balancing == "dns_srv"
    search = routing.locator(Plan(border), one.profile, one.hop, secrets.randbelow)
    steps = search.run(naptr=one.profile.naptr, srv=srv)
    try:
        question = next(steps)
        while True:
            question = steps.send(await resolver.ask(question))
    except StopIteration as stop:
        located: Located = stop.value
        return located


async def _knock(deployment: Deployment, base: Path, hop: NextHop, place: Place) -> str:
    """Why an address is not reached; "" when it is."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            if place.transport is Transport.UDP:
                await _ask(place.address)
            else:
                await _connect(deployment, base, hop, place)
    except TimeoutError:
        return f"no answer in {PROBE_SECONDS:.0f} s"
    except ssl.SSLCertVerificationError as error:
        return f"its certificate: {error.verify_message}"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    except TlsError as error:
        return str(error)
    return ""


async def _connect(deployment: Deployment, base: Path, hop: NextHop, place: Place) -> None:
    context = None
    if place.transport is Transport.TLS and deployment.border is not None:
        for server in deployment.border.server_profiles:
            if server.name == hop.server and server.tls_client_profile is not None:
                profile = server.tls_client_profile
                context = client_context(deployment, profile, base, sip=True)
    name = (place.name or place.address.host) if context is not None else None
    _, writer = await asyncio.open_connection(*place.address, ssl=context, server_hostname=name)
    writer.close()


class _Listener(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, _data: bytes, _addr: tuple[str, int]) -> None:
        if not self.heard.done():
            self.heard.set_result(None)

    def error_received(self, exc: Exception) -> None:
        if not self.heard.done():
            self.heard.set_exception(exc)


async def _ask(address: Address) -> None:
    """OPTIONS over UDP; returns with any answer. Raises OSError for a port that is closed."""
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_datagram_endpoint(
        _Listener, remote_addr=(address.host, address.port)
    )
    try:
        own = Address(*transport.get_extra_info("sockname")[:2])
        token = secrets.token_hex(8)
        transport.sendto(
            f"OPTIONS sip:{address} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{token};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{own}>;tag={token}\r\nTo: <sip:{address}>\r\n"
            f"Call-ID: {token}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await listener.heard
    finally:
        transport.close()
