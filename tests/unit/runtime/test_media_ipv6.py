"""Media between a phone on IPv6 and an office on IPv4, over real sockets, both ways."""

import asyncio
import socket
from contextlib import contextmanager

import pytest

from farline.media.engine import Answer, Offer, Query, Side
from farline.sdp import parse
from farline.testing.media import engine, tone
from farline.testing.ports import own_network

NET = own_network()
A1, OFFICE = f"{NET}.2.7", f"{NET}.4.13"
OUTSIDE, INSIDE = Side("outside", "B1", "::1"), Side("inside", "A1", OFFICE)
REPORT = bytes.fromhex("80c90001 00000007")


@contextmanager
def end(address):
    """RTP and RTCP sockets of one end, on neighbouring ports."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(50):
        rtp, rtcp = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        rtp.bind((address, 0))
        try:
            rtcp.bind((address, rtp.getsockname()[1] + 1))
        except OSError:
            rtp.close(), rtcp.close()
            continue
        break
    for one in (rtp, rtcp):
        one.setblocking(False)
    yield rtp, rtcp
    rtp.close(), rtcp.close()


def described(rtp):
    address, port = rtp.getsockname()[:2]
    kind = "IP6" if ":" in address else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    ).encode()


async def arrives(sender, to, receiver, source, packet):
    """A packet comes out where it should, from where it should; the first ones may latch."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(30):
        while True:
            sender.sendto(packet, to)
            try:
                async with asyncio.timeout(0.2):
                    data, where = await loop.sock_recvfrom(receiver, 2048)
            except TimeoutError:
                continue
            assert where[:2] == source
            return data


@pytest.mark.parametrize("phone_offers", [True, False])
async def test_voice_and_reports_cross_from_one_family_to_the_other(tmp_path, phone_offers):
    with end("::1") as phone, end(OFFICE) as office:
        async with engine(tmp_path, "::1", A1) as client:
            ends = {"phone": (OUTSIDE, phone), "office": (INSIDE, office)}
            first, second = ("phone", "office") if phone_offers else ("office", "phone")
            one, other = ends[first], ends[second]
            offered = await client.perform(Offer("c", described(one[1][0]), one[0], other[0]))
            assert offered.sdp is not None, offered.error
            answered = await client.perform(Answer("c", described(other[1][0]), other[0], one[0]))
            assert answered.sdp is not None, answered.error
            shown = {second: parse(offered.sdp).media[0], first: parse(answered.sdp).media[0]}
            b1, a1 = shown["phone"].rtp_address, shown["office"].rtp_address
            assert (b1[0], a1[0]) == ("::1", A1)
            assert b"IN IP6 ::1\r\n" in (answered.sdp if phone_offers else offered.sdp)
            assert await arrives(phone[0], b1, office[0], a1, tone(1)) == tone(1)
            assert await arrives(office[0], a1, phone[0], b1, tone(2)) == tone(2)
            c1, d1 = shown["phone"].rtcp_address, shown["office"].rtcp_address
            assert (await arrives(phone[1], c1, office[1], d1, REPORT))[:2] == REPORT[:2]
            assert (await arrives(office[1], d1, phone[1], c1, REPORT))[:2] == REPORT[:2]
            stats = (await client.perform(Query("c"))).stats
            assert sum(one.refused_packets for one in stats) == 0
