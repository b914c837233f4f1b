"""A name server for tests: any records, written as in a zone file; it can fall silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from dnslib import QTYPE, RCODE, RR, SOA, DNSRecord

from farline.sip.transport import Address

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class TestNameServer(asyncio.DatagramProtocol):
    """Serves a zone on 127.0.0.1 while its `async with` block lasts."""

    __test__ = False

    def __init__(self, zone: str, *, negative_ttl: int = 60) -> None:
        self.load(zone)
        self.asked: list[str] = []
        """Each question as "name type"."""

        self.silent = False
        self.address = Address("127.0.0.1", 0)
        self._negative_ttl = negative_ttl
        self._transport: asyncio.DatagramTransport | None = None

    def load(self, zone: str) -> None:
        """Serve these records from now on."""
        self._records = RR.fromZone(zone)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        if self._transport is None:
            raise RuntimeError("no socket")
        self.address = Address(*self._transport.get_extra_info("sockname")[:2])
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        request = DNSRecord.parse(data)
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.asked.append(f"{name} {kind}")
        if self.silent or self._transport is None:
            return
        reply = request.reply(ra=0, aa=1)
        there = [one for one in self._records if str(one.rname).rstrip(".").lower() == name]
        for record in there:
            if QTYPE[record.rtype] == kind:
                reply.add_answer(record)
        if not there:
            reply.header.rcode = RCODE.NXDOMAIN
        if not reply.rr:
            soa = SOA("ns.test", "admin.test", (1, 3600, 600, 86_400, self._negative_ttl))
            reply.add_auth(RR(request.q.qname, QTYPE.SOA, ttl=3600, rdata=soa))
        self._transport.sendto(reply.pack(), addr)
