"""A small authoritative name server: address records of a few names, over UDP and TCP.

The lab runs two of them, so that a server's name leads to the border outside and to the office
inside, as the guide asks. It does not recurse: names it does not know do not exist.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import sys
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, cast

from dnslib import AAAA, EDNS0, OPCODE, QTYPE, RCODE, RR, SOA, A, DNSError, DNSHeader, DNSRecord

from farline.runtime.process import die_with_parent, run_until_signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_QUERY = 512
"""Bytes: one question with EDNS fits many times (RFC 1035 section 2.3.4)."""
MAX_CONNECTIONS = 64
IDLE_SECONDS = 5.0
TTL = 60


class Zone:
    """Names and their addresses; each name is the apex of a zone of its own."""

    def __init__(self, records: Mapping[str, Sequence[str]]) -> None:
        self._records = {
            name.rstrip(".").lower(): [ip_address(address) for address in addresses]
            for name, addresses in records.items()
        }

    def answer(self, query: bytes) -> bytes | None:
        """The response to a query; None for what gets none (not a query, too long, unreadable)."""
        if not 12 <= len(query) <= MAX_QUERY:
            return None
        try:
            request = DNSRecord.parse(query)
        except (DNSError, ValueError, IndexError, struct.error):
            return self._refuse(query, RCODE.FORMERR)
        if request.header.qr:
            return None
        if request.header.opcode != OPCODE.QUERY:
            return self._refuse(query, RCODE.NOTIMP)
        if len(request.questions) != 1:
            return self._refuse(query, RCODE.FORMERR)
        return self._resolve(request)

    def _resolve(self, request: DNSRecord) -> bytes:
        reply = request.reply(ra=0, aa=1)
        name = str(request.q.qname).rstrip(".").lower()
        addresses = self._records.get(name)
        if addresses is None:
            reply.header.rcode = RCODE.NXDOMAIN
        else:
            for address in addresses:
                data = A(str(address)) if isinstance(address, IPv4Address) else AAAA(str(address))
                kind = QTYPE.A if isinstance(address, IPv4Address) else QTYPE.AAAA
                if request.q.qtype in (kind, QTYPE.ANY):
                    reply.add_answer(RR(request.q.qname, kind, ttl=TTL, rdata=data))
            if not reply.rr:  # the name is there, this type is not (RFC 2308 section 2.2)
                soa = SOA(name, f"hostmaster.{name}", (1, 3600, 600, 86_400, TTL))
                reply.add_auth(RR(request.q.qname, QTYPE.SOA, ttl=TTL, rdata=soa))
        if any(extra.rtype == QTYPE.OPT for extra in request.ar):
            reply.add_ar(EDNS0(udp_len=1232))
        return bytes(reply.pack())

    @staticmethod
    def _refuse(query: bytes, rcode: int) -> bytes | None:
        ident, flags = struct.unpack_from(">HH", query)
        if flags & 0x8000:
            return None
        header = DNSHeader(id=ident, q=0, qr=1, rcode=rcode)
        header.opcode = flags >> 11 & 0xF
        return bytes(DNSRecord(header).pack())


class NameServer:
    """Serves a zone on one address, UDP and TCP. With port 0 `port` tells which it became."""

    def __init__(self, zone: Zone, ip: str, port: int) -> None:
        self.zone = zone
        self.ip = ip
        self.port = port
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections = 0

    async def start(self) -> None:
        """Open both sockets. Raises OSError."""
        self._tcp = await asyncio.start_server(self._client, self.ip, self.port, limit=4096)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self.zone), local_addr=(self.ip, self.port)
        )

    async def stop(self) -> None:
        """Close them."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            while self._connections <= MAX_CONNECTIONS:
                async with asyncio.timeout(IDLE_SECONDS):
                    size = int.from_bytes(await reader.readexactly(2), "big")
                    if size > MAX_QUERY:
                        return
                    answer = self.zone.answer(await reader.readexactly(size))
                    if answer is None:
                        return
                    writer.write(len(answer).to_bytes(2, "big") + answer)
                    await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._connections -= 1
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is no subclass of asyncio's.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self.zone.answer(data)
        if answer is not None and self.transport is not None:
            self.transport.sendto(answer, addr)


async def serve(zone: Zone, ip: str, port: int) -> None:
    """Serve until cancelled; prints "ready" when the sockets are open."""
    server = NameServer(zone, ip, port)
    await server.start()
    try:
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()
    finally:
        await server.stop()


def main() -> int:
    """`python -m farline.runtime.dns.server --ip IP --port PORT NAME=ADDRESS...`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("record", nargs="+", metavar="NAME=ADDRESS")
    options = parser.parse_args()
    records: dict[str, list[str]] = {}
    for record in options.record:
        name, _, address = record.partition("=")
        records.setdefault(name, []).append(address)
    die_with_parent()
    return run_until_signal(serve(Zone(records), options.ip, options.port))


if __name__ == "__main__":
    sys.exit(main())
