"""The lab's name server, asked by dnspython (another implementation)."""

import asyncio
import socket
import struct

import dns.asyncquery
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.runtime.dns.server import NameServer, Zone

NAME = "ipo1xp.ipolab.com"
ZONE = Zone({NAME: ["192.168.64.96"], "v6.ipolab.com.": ["2001:db8::1"]})


def ask(name, kind="A", **options):
    query = dns.message.make_query(name, kind, **options)
    return dns.message.from_wire(ZONE.answer(query.to_wire()))


def test_an_address_is_answered_whatever_the_case():
    for name in (NAME, "IPO1XP.ipolab.COM."):
        reply = ask(name)
        assert reply.rcode() == dns.rcode.NOERROR
        assert reply.flags & dns.flags.AA
        assert not reply.flags & dns.flags.RA
        assert [item.address for rrset in reply.answer for item in rrset] == ["192.168.64.96"]


def test_another_type_of_a_known_name_is_empty_with_a_soa():
    for kind in ("AAAA", "SRV", "NAPTR", "HTTPS"):
        reply = ask(NAME, kind)
        assert reply.rcode() == dns.rcode.NOERROR
        assert not reply.answer
        assert reply.authority[0].rdtype == dns.rdatatype.SOA
    assert [item.address for rrset in ask("v6.ipolab.com", "AAAA").answer for item in rrset] == [
        "2001:db8::1"
    ]


def test_other_names_do_not_exist():
    for name in ("ipolab.com", f"www.{NAME}", "example.org", "."):
        assert ask(name).rcode() == dns.rcode.NXDOMAIN


def test_edns_is_answered_in_kind():
    assert ask(NAME, use_edns=0, payload=4096).edns == 0
    assert ask(NAME).edns == -1


def test_other_messages():
    update = dns.message.make_query(NAME, "A")
    update.set_opcode(dns.opcode.UPDATE)
    refused = dns.message.from_wire(ZONE.answer(update.to_wire()), ignore_trailing=True)
    assert refused.rcode() == dns.rcode.NOTIMP
    assert refused.id == update.id
    empty = struct.pack(">HHHHHH", 7, 0x0100, 0, 0, 0, 0)
    assert dns.message.from_wire(ZONE.answer(empty)).rcode() == dns.rcode.FORMERR
    reply = struct.pack(">HHHHHH", 7, 0x8000, 0, 0, 0, 0)
    assert ZONE.answer(reply) is None
    assert ZONE.answer(b"short") is None
    assert ZONE.answer(b"\0" * 513) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    answer = ZONE.answer(struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 1) + data)
    assert answer is None or answer[:2] == b"\0\7"


@pytest.fixture
async def server():
    server = NameServer(ZONE, "127.0.0.1", 0)
    await server.start()
    yield server
    await server.stop()


async def test_udp_and_tcp(server):
    query = dns.message.make_query(NAME, "A")
    for ask_over in (dns.asyncquery.udp, dns.asyncquery.tcp):
        reply = await ask_over(query, "127.0.0.1", port=server.port, timeout=5)
        assert reply.answer[0][0].address == "192.168.64.96"


async def test_two_questions_in_one_connection_and_a_long_one_ends_it(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    query = dns.message.make_query(NAME, "A").to_wire()
    writer.write((len(query).to_bytes(2, "big") + query) * 2)
    for _ in range(2):
        size = int.from_bytes(await reader.readexactly(2), "big")
        assert dns.message.from_wire(await reader.readexactly(size)).answer
    writer.write(b"\xff\xff")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_garbage_does_not_end_the_service(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for data in (b"", b"\0", b"\xff" * 600, b"\xc0\x0c" * 50):
            sock.sendto(data, ("127.0.0.1", server.port))
    reply = await dns.asyncquery.udp(
        dns.message.make_query(NAME, "A"), "127.0.0.1", port=server.port, timeout=5
    )
    assert reply.answer
