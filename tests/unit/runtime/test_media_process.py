"""The media process end to end: offer and answer over its socket, RTP over loopback."""

from __future__ import annotations

import asyncio
import gc
import socket
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from farline.media.engine import Answer, Delete, Offer, Query, Side
from farline.media.reports import PortsExhausted
from farline.runtime.media_process import MediaPlace, MediaSettings, read_place
from farline.testing.media import bare_sdp
from farline.testing.media_process import (
    A1,
    B1,
    INSIDE,
    MOVED,
    NET,
    OFFICE,
    OUTSIDE,
    PHONE,
    asking,
    media_port,
    packet,
    peer,
    refused,
    serving,
)

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_call_is_relayed_both_ways(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with peer(PHONE) as phone, peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36010)
        async with serving(path, settings), asking(path) as (client, _):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            # The phone writes an address that nobody can reach; its packets come from PHONE.
            offer = Offer("call", bare_sdp(f"{NET}.9.101", 5000), OUTSIDE, INSIDE)
            offered = await client.perform(offer)
            assert offered.error is None
            assert offered.sdp == bare_sdp(A1, 36010)
            answer = Answer("call", bare_sdp(OFFICE, office.getsockname()[1]), INSIDE, OUTSIDE)
            answered = await client.perform(answer)
            assert answered.sdp == bare_sdp(B1, 36010)
            await loop.sock_sendto(phone, packet(1), (B1, 36010))
            data, source = await loop.sock_recvfrom(office, 2048)
            assert (data, source) == (packet(1), (A1, 36010))
            await loop.sock_sendto(office, packet(2), (A1, 36010))
            data, source = await loop.sock_recvfrom(phone, 2048)
            assert (data, source) == (packet(2), (B1, 36010))
            assert await client.sessions() == ["call"]
            stats = (await client.perform(Delete("call", "BYE"))).stats
            assert [(one.side, one.kind, one.received_packets) for one in stats] == [
                ("outside", "rtp", 1),
                ("outside", "rtcp", 0),
                ("inside", "rtp", 1),
                ("inside", "rtcp", 0),
            ]
            host, port = phone.getsockname()
            assert stats[0].latched == f"{host}:{port}"
            assert await client.sessions() == []


async def test_what_leaves_is_marked_for_expedited_forwarding(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with peer(PHONE) as phone, peer(OFFICE) as office:
        office.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        async with serving(path, MediaSettings(threads=1)), asking(path) as (client, _):
            offer = Offer("call", bare_sdp(PHONE, phone.getsockname()[1]), OUTSIDE, INSIDE)
            assert (await client.perform(offer)).error is None
            answer = Answer("call", bare_sdp(OFFICE, office.getsockname()[1]), INSIDE, OUTSIDE)
            port = media_port((await client.perform(answer)).sdp)
            await loop.sock_sendto(phone, packet(1), (B1, port))
            readable = loop.create_future()
            loop.add_reader(office, readable.set_result, None)
            await readable
            loop.remove_reader(office)
            _, ancillary, _, _ = office.recvmsg(2048, 64)
    assert ancillary[0][2][0] == 184


async def test_a_phone_that_moved_is_heard_again_after_its_reinvite(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    elsewhere = Side("outside", "B1", MOVED)
    with peer(PHONE) as phone, peer(MOVED) as moved, peer(OFFICE) as office:
        async with serving(path, MediaSettings(threads=1)), asking(path) as (client, _):
            offer = bare_sdp(f"{NET}.9.101", 5000)
            answer = Answer("call", bare_sdp(OFFICE, office.getsockname()[1]), INSIDE, OUTSIDE)
            await client.perform(Offer("call", offer, OUTSIDE, INSIDE))
            at = B1, media_port((await client.perform(answer)).sdp)
            await loop.sock_sendto(phone, packet(1), at)
            assert await loop.sock_recv(office, 2048) == packet(1)
            await loop.sock_sendto(moved, packet(2), at)  # a stranger as yet
            await refused(client)
            await client.perform(Offer("call", offer, elsewhere, INSIDE))
            await client.perform(Answer("call", answer.sdp, INSIDE, elsewhere))
            await loop.sock_sendto(moved, packet(3), at)
            assert await loop.sock_recv(office, 2048) == packet(3)
            rtp, *_ = (await client.perform(Query("call"))).stats
            assert (rtp.received_packets, rtp.refused_packets) == (2, 1)
            assert rtp.latched == f"{MOVED}:{moved.getsockname()[1]}"


async def test_rtcp_goes_beside_rtp(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    report = bytes([0x80, 201, 0, 1, 0, 0, 0, 7])
    with peer(PHONE) as phone, peer(OFFICE) as office:
        async with serving(path, MediaSettings(threads=1)), asking(path) as (client, _):
            await client.perform(Offer("call", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
            description = bare_sdp(OFFICE, 5000, f"a=rtcp:{office.getsockname()[1]}\r\n")
            reply = await client.perform(Answer("call", description, INSIDE, OUTSIDE))
            port = media_port(reply.sdp)
            assert reply.sdp == bare_sdp(B1, port, f"a=rtcp:{port + 1}\r\n")
            await loop.sock_sendto(phone, report, (B1, port + 1))
            data, source = await loop.sock_recvfrom(office, 2048)
            assert (data, source[0], source[1] % 2) == (report, A1, 1)


async def test_silence_is_told_to_the_client(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    settings = MediaSettings(threads=1, timeout_seconds=0.2)
    async with serving(path, settings), asking(path) as (client, timeouts):
        await client.perform(Offer("rings", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
        await client.perform(
            Offer("held", bare_sdp(PHONE, 5000, "a=sendonly\r\n"), OUTSIDE, INSIDE)
        )
        await client.perform(Answer("held", bare_sdp(OFFICE, 5000), INSIDE, OUTSIDE))
        await client.perform(Offer("quiet", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
        await client.perform(Answer("quiet", bare_sdp(OFFICE, 5000), INSIDE, OUTSIDE))
        timeout = await timeouts.get()
        assert timeouts.empty()
    assert timeout.session == "quiet"
    assert 0.2 <= timeout.silent_seconds < 10


async def test_each_session_is_silent_for_as_long_as_its_sides_say(tmp_path: Path) -> None:
    """The shorter of both sides counts, and none of a session with more patience is told."""
    path = tmp_path / "media.sock"
    settings = MediaSettings(threads=1, timeout_seconds=0.2)
    quick, slow = replace(OUTSIDE, timeout_seconds=1), replace(INSIDE, timeout_seconds=3600)
    async with serving(path, settings), asking(path) as (client, timeouts):
        for name, one, other in (
            ("slow", replace(OUTSIDE, timeout_seconds=3600), slow), ("quick", quick, slow),
        ):  # fmt: skip
            await client.perform(Offer(name, bare_sdp(PHONE, 5000), one, other))
            await client.perform(Answer(name, bare_sdp(OFFICE, 5000), other, one))
        timeout = await timeouts.get()
        assert timeouts.empty()
    assert timeout.session == "quick"
    assert timeout.silent_seconds >= 1.0


async def test_a_call_becomes_a_fax_and_speech_again(tmp_path: Path) -> None:
    """T.38 over UDPTL (RFC 3362): a re-INVITE to m=image and back, each latching by itself."""
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with peer(PHONE) as phone, peer(OFFICE) as office, peer(MOVED) as stranger:
        settings = MediaSettings(threads=1, first_port=36052)
        async with serving(path, settings), asking(path) as (client, _):

            async def agree(fax: bool) -> tuple[int, int]:
                kind = (b"m=audio %d RTP/AVP 8", b"m=image %d udptl t38")[fax]
                found = []
                for peer, one, other, request in (
                    (phone, OUTSIDE, INSIDE, Offer),
                    (office, INSIDE, OUTSIDE, Answer),
                ):
                    host, port = peer.getsockname()
                    sdp = bare_sdp(host, port).replace(b"m=audio %d RTP/AVP 8" % port, kind % port)
                    shown = (await client.perform(request("call", sdp, one, other))).sdp or b""
                    found.append(int(shown.split(b"m=")[1].split()[1]))
                return found[1], found[0]

            speech = await agree(fax=False)
            await loop.sock_sendto(phone, packet(1), (B1, speech[0]))
            assert (await loop.sock_recvfrom(office, 2048))[0] == packet(1)
            fax = await agree(fax=True)
            assert fax[0] != speech[0]
            udptl = b"\x00\x01\x03\x06\xc0\x01\x80\x00\x00\xff"
            await loop.sock_sendto(stranger, b"stolen", (B1, fax[0]))
            await loop.sock_sendto(phone, udptl, (B1, fax[0]))
            assert (await loop.sock_recvfrom(office, 2048))[0] == udptl
            await loop.sock_sendto(office, udptl[::-1], (A1, fax[1]))
            assert (await loop.sock_recvfrom(phone, 2048))[0] == udptl[::-1]
            stats = (await client.perform(Query("call"))).stats
            refused = [one for one in stats if one.refused_packets]
            assert [one.stranger for one in refused] == ["{}:{}".format(*stranger.getsockname())]
            again = await agree(fax=False)
            await loop.sock_sendto(phone, packet(2), (B1, again[0]))
            assert (await loop.sock_recvfrom(office, 2048))[0] == packet(2)


async def test_errors_have_a_status_and_ports_come_back(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    settings = MediaSettings(threads=1, rest_seconds=0, first_port=36000)
    async with serving(path, settings), asking(path) as (client, reports):
        bad = await client.perform(Offer("bad", b"hello", OUTSIDE, INSIDE))
        assert (bad.status, bad.error) == (488, "SDP line 1: not of the form letter=value")
        nowhere = Offer("bad", bare_sdp(PHONE, 5000), OUTSIDE, Side("inside", "C1", OFFICE))
        assert (await client.perform(nowhere)).status == 500
        names = [f"call-{number}" for number in range(51)]
        offers = [Offer(name, bare_sdp(PHONE, 5000), OUTSIDE, INSIDE) for name in names]
        replies = await asyncio.gather(*(client.perform(offer) for offer in offers))
        assert [reply.status for reply in replies] == [0] * 50 + [503]
        assert replies[-1].error == 'no free ports on media interface "B1"'
        assert await reports.get() == PortsExhausted("call-50", "B1")
        assert (await client.perform(Query("bad"))).status == 500
        await client.perform(Delete(names[0], "test"))
        assert (await client.perform(offers[-1])).status == 0


async def test_another_client_finds_the_session(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    async with serving(path, MediaSettings(threads=2)):
        async with asking(path) as (client, _):
            await client.perform(Offer("call", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
        async with asking(path) as (client, _):
            assert await client.sessions() == ["call"]
            assert len((await client.perform(Query("call"))).stats) == 4


async def test_garbage_is_answered_and_harms_nobody(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    async with serving(path, MediaSettings(threads=1)):
        reader, writer = await asyncio.open_unix_connection(str(path))
        for line in (b"hello", b"[]", b'{"id":3,"op":"offer"}', b'{"id":4,"op":"x","session":""}'):
            writer.write(line + b"\n")
            assert b'"status":500' in await reader.readline()
        writer.write(b"x" * (1024 * 1024))
        with suppress(ConnectionError):  # it closed with our bytes unread, or unsent
            assert await reader.read() == b""
        writer.close()
        async with asking(path) as (client, _):
            assert await client.sessions() == []


def test_an_interface_is_read_from_the_command_line() -> None:
    assert read_place("A1=10.10.10.7:35000-40000") == MediaPlace("A1", "10.10.10.7", 35000, 40000)
    assert read_place("A1=[2001:db8::7]:35000-40000").ip == "2001:db8::7"
    with pytest.raises(ValueError):
        read_place("A1")


async def test_a_stopped_engine_gives_its_ports_back_at_once(tmp_path: Path) -> None:
    # What a cycle of references would keep until the collector comes by.
    gc.disable()
    try:
        for _ in range(2):
            settings = MediaSettings(threads=1, first_port=36300)
            async with (
                serving(tmp_path / "media.sock", settings, first=36300),
                asking(tmp_path / "media.sock") as (client, _),
            ):
                replies = [
                    await client.perform(Offer(f"{n}", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
                    for n in range(50)
                ]
                assert [reply.error for reply in replies] == [None] * 50
    finally:
        gc.enable()
