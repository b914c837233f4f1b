"""The media process end to end: offer and answer over its socket, RTP over loopback."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import wave
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from farline.media.engine import Answer, Delete, Dial, Offer, Query, Side
from farline.media.reports import CallRecorded, DigitDialled, PortsExhausted
from farline.runtime import media_client
from farline.runtime.media_client import MediaClient
from farline.runtime.media_process import MediaPlace, MediaSettings, read_place, serve
from farline.testing.media import bare_sdp
from farline.testing.ports import own_network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from farline.media.reports import MediaReport

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
PHONE, OFFICE, MOVED = f"{NET}.3.61", f"{NET}.4.13", f"{NET}.5.99"
OUTSIDE = Side("outside", "B1", PHONE)
INSIDE = Side("inside", "A1", OFFICE)


def _places(first: int, last: int) -> list[MediaPlace]:
    return [MediaPlace("B1", B1, first, last), MediaPlace("A1", A1, first, last)]


def _with_events(sdp: bytes) -> bytes:
    return sdp.replace(b"AVP 8\r\n", b"AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n")


def _media_port(sdp: bytes | None) -> int:
    assert sdp is not None
    return int(sdp.split(b"m=audio ")[1].split()[0])


def _rtp(sequence: int) -> bytes:
    return bytes([0x80, 8, 0, sequence]) + bytes(8) + b"\xd5" * 160


def _peer(address: str) -> socket.socket:
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((address, 0))
    peer.setblocking(False)
    return peer


@asynccontextmanager
async def _engine(path: Path, settings: MediaSettings, first: int = 36000) -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(serve(path, _places(first, first + 99), settings, ready.set))
    waiter = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    assert ready.is_set(), task.exception()
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _client(path: Path) -> AsyncIterator[tuple[MediaClient, asyncio.Queue[MediaReport]]]:
    timeouts: asyncio.Queue[MediaReport] = asyncio.Queue()
    client = MediaClient(path, timeouts.put_nowait)
    client.start()
    try:
        await client.wait_connected()
        yield client, timeouts
    finally:
        await client.stop()


async def test_a_call_is_relayed_both_ways(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36010)
        async with _engine(path, settings), _client(path) as (client, _):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            # The phone writes an address that nobody can reach; its packets come from PHONE.
            offer = Offer("call", bare_sdp(f"{NET}.9.101", 5000), OUTSIDE, INSIDE)
            offered = await client.perform(offer)
            assert offered.error is None
            assert offered.sdp == bare_sdp(A1, 36010)
            answer = Answer("call", bare_sdp(OFFICE, office.getsockname()[1]), INSIDE, OUTSIDE)
            answered = await client.perform(answer)
            assert answered.sdp == bare_sdp(B1, 36010)
            await loop.sock_sendto(phone, _rtp(1), (B1, 36010))
            data, source = await loop.sock_recvfrom(office, 2048)
            assert (data, source) == (_rtp(1), (A1, 36010))
            await loop.sock_sendto(office, _rtp(2), (A1, 36010))
            data, source = await loop.sock_recvfrom(phone, 2048)
            assert (data, source) == (_rtp(2), (B1, 36010))
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
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        office.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        async with _engine(path, MediaSettings(threads=1)), _client(path) as (client, _):
            offer = Offer("call", bare_sdp(PHONE, phone.getsockname()[1]), OUTSIDE, INSIDE)
            assert (await client.perform(offer)).error is None
            answer = Answer("call", bare_sdp(OFFICE, office.getsockname()[1]), INSIDE, OUTSIDE)
            port = _media_port((await client.perform(answer)).sdp)
            await loop.sock_sendto(phone, _rtp(1), (B1, port))
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
    with _peer(PHONE) as phone, _peer(MOVED) as moved, _peer(OFFICE) as office:
        async with _engine(path, MediaSettings(threads=1)), _client(path) as (client, _):
            offer = bare_sdp(f"{NET}.9.101", 5000)
            answer = Answer("call", bare_sdp(OFFICE, office.getsockname()[1]), INSIDE, OUTSIDE)
            await client.perform(Offer("call", offer, OUTSIDE, INSIDE))
            at = B1, _media_port((await client.perform(answer)).sdp)
            await loop.sock_sendto(phone, _rtp(1), at)
            assert await loop.sock_recv(office, 2048) == _rtp(1)
            await loop.sock_sendto(moved, _rtp(2), at)  # a stranger as yet
            await _refused(client)
            await client.perform(Offer("call", offer, elsewhere, INSIDE))
            await client.perform(Answer("call", answer.sdp, INSIDE, elsewhere))
            await loop.sock_sendto(moved, _rtp(3), at)
            assert await loop.sock_recv(office, 2048) == _rtp(3)
            rtp, *_ = (await client.perform(Query("call"))).stats
            assert (rtp.received_packets, rtp.refused_packets) == (2, 1)
            assert rtp.latched == f"{MOVED}:{moved.getsockname()[1]}"


async def test_rtcp_goes_beside_rtp(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    report = bytes([0x80, 201, 0, 1, 0, 0, 0, 7])
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        async with _engine(path, MediaSettings(threads=1)), _client(path) as (client, _):
            await client.perform(Offer("call", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
            description = bare_sdp(OFFICE, 5000, f"a=rtcp:{office.getsockname()[1]}\r\n")
            reply = await client.perform(Answer("call", description, INSIDE, OUTSIDE))
            port = _media_port(reply.sdp)
            assert reply.sdp == bare_sdp(B1, port, f"a=rtcp:{port + 1}\r\n")
            await loop.sock_sendto(phone, report, (B1, port + 1))
            data, source = await loop.sock_recvfrom(office, 2048)
            assert (data, source[0], source[1] % 2) == (report, A1, 1)


async def test_silence_is_told_to_the_client(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    settings = MediaSettings(threads=1, timeout_seconds=0.2)
    async with _engine(path, settings), _client(path) as (client, timeouts):
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


async def test_digits_and_quality_are_told(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36040)
        async with _engine(path, settings), _client(path) as (client, reports):
            offer = _with_events(bare_sdp(PHONE, phone.getsockname()[1]))
            await client.perform(Offer("call", offer, OUTSIDE, INSIDE))
            answer = _with_events(bare_sdp(OFFICE, office.getsockname()[1]))
            await client.perform(Answer("call", answer, INSIDE, OUTSIDE))
            for sequence in (1, 2, 4):
                await loop.sock_sendto(phone, _rtp(sequence), (B1, 36040))
                await loop.sock_recvfrom(office, 2048)
            header = bytes([0x80, 101, 0, 5, 0, 0, 4, 0, 0, 0, 0, 0])
            for duration in (320, 640, 640, 640):
                end = bytes([11, 0x8A if duration == 640 else 0x0A])
                event = header + end + duration.to_bytes(2, "big")
                await loop.sock_sendto(phone, event, (B1, 36040))
                assert (await loop.sock_recvfrom(office, 2048))[0] == event
            assert await reports.get() == DigitDialled("call", "outside", "#", 80)
            stats = (await client.perform(Delete("call", "BYE"))).stats
            assert reports.empty()
            quality = stats[0].quality
            assert quality is not None
            assert (quality.codec, quality.ssrc) == ("PCMA", 0)
            assert quality.expected_packets == 5


async def test_a_digit_from_signaling_takes_the_place_of_speech(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36044)
        async with _engine(path, settings), _client(path) as (client, _):
            offer = _with_events(bare_sdp(PHONE, phone.getsockname()[1]))
            await client.perform(Offer("call", offer, OUTSIDE, INSIDE))
            answer = _with_events(bare_sdp(OFFICE, office.getsockname()[1]))
            await client.perform(Answer("call", answer, INSIDE, OUTSIDE))
            assert (await client.perform(Dial("call", "inside", "7", 40))).error is None
            assert (await client.perform(Dial("call", "nobody", "7", 40))).status == 500
            heard = []
            for sequence in range(1, 7):
                await loop.sock_sendto(phone, _rtp(sequence), (B1, 36044))
                heard.append((await loop.sock_recvfrom(office, 2048))[0])
            assert [data[1] for data in heard] == [0x80 | 101, 101, 101, 101, 8, 8]
            assert [data[3] for data in heard] == [1, 2, 3, 4, 5, 6]
            assert heard[0][12] == 7


async def test_events_are_kept_from_a_side_that_signaling_tells(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    told = replace(INSIDE, events=False)
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36048)
        async with _engine(path, settings), _client(path) as (client, reports):
            offer = _with_events(bare_sdp(PHONE, phone.getsockname()[1]))
            await client.perform(Offer("call", offer, OUTSIDE, told))
            answer = _with_events(bare_sdp(OFFICE, office.getsockname()[1]))
            await client.perform(Answer("call", answer, told, OUTSIDE))
            end = bytes([0x80, 101, 0, 2, 0, 0, 4, 0, 0, 0, 0, 0, 5, 0x8A, 2, 128])
            for data in (_rtp(1), end, _rtp(3)):
                await loop.sock_sendto(phone, data, (B1, 36048))
            heard = [(await loop.sock_recvfrom(office, 2048))[0] for _ in range(2)]
            assert [(data[1], data[3]) for data in heard] == [(8, 1), (8, 2)]
            assert await reports.get() == DigitDialled("call", "outside", "5", 80)


async def test_a_call_becomes_a_fax_and_speech_again(tmp_path: Path) -> None:
    """T.38 over UDPTL (RFC 3362): a re-INVITE to m=image and back, each latching by itself."""
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with _peer(PHONE) as phone, _peer(OFFICE) as office, _peer(MOVED) as stranger:
        settings = MediaSettings(threads=1, first_port=36052)
        async with _engine(path, settings), _client(path) as (client, _):

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
            await loop.sock_sendto(phone, _rtp(1), (B1, speech[0]))
            assert (await loop.sock_recvfrom(office, 2048))[0] == _rtp(1)
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
            await loop.sock_sendto(phone, _rtp(2), (B1, again[0]))
            assert (await loop.sock_recvfrom(office, 2048))[0] == _rtp(2)


async def test_errors_have_a_status_and_ports_come_back(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    settings = MediaSettings(threads=1, rest_seconds=0, first_port=36000)
    async with _engine(path, settings), _client(path) as (client, reports):
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
    async with _engine(path, MediaSettings(threads=2)):
        async with _client(path) as (client, _):
            await client.perform(Offer("call", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
        async with _client(path) as (client, _):
            assert await client.sessions() == ["call"]
            assert len((await client.perform(Query("call"))).stats) == 4


async def test_garbage_is_answered_and_harms_nobody(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    async with _engine(path, MediaSettings(threads=1)):
        reader, writer = await asyncio.open_unix_connection(str(path))
        for line in (b"hello", b"[]", b'{"id":3,"op":"offer"}', b'{"id":4,"op":"x","session":""}'):
            writer.write(line + b"\n")
            assert b'"status":500' in await reader.readline()
        writer.write(b"x" * (1024 * 1024))
        with suppress(ConnectionError):  # it closed with our bytes unread, or unsent
            assert await reader.read() == b""
        writer.close()
        async with _client(path) as (client, _):
            assert await client.sessions() == []


@asynccontextmanager
async def _process(
    path: Path, *more: str, first: int = 36200
) -> AsyncIterator[asyncio.subprocess.Process]:
    places = [f"{name}={ip}:{first}-{first + 99}" for name, ip in (("B1", B1), ("A1", A1))]
    command = [sys.executable, "-m", "farline.runtime.media_process", "--socket", str(path)]
    command += ["--threads", "1", "--interface", places[0], "--interface", places[1], *more]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_a_request_in_flight_is_answered_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How soon it is there is the supervisor's matter: a busy machine may take its time.
    monkeypatch.setattr(media_client, "AWAY_SECONDS", media_client.REQUEST_SECONDS)
    path = tmp_path / "media.sock"
    offer = Offer("call", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE)
    client = MediaClient(path, lambda _: None)
    client.start()
    async with _process(path) as process:
        await client.wait_connected()
        os.kill(process.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(client.perform(offer))
        await asyncio.wait({waiting}, timeout=0)
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    async with _process(path):
        assert (await waiting).status == 0
    await client.stop()


async def test_a_call_goes_on_after_the_process_was_killed(tmp_path: Path) -> None:
    path, state = tmp_path / "media.sock", tmp_path / "state"
    phone, office, stranger = _peer(PHONE), _peer(OFFICE), _peer(MOVED)
    client = MediaClient(path, lambda _: None)
    client.start()
    with ExitStack() as stack:
        for each in (phone, office, stranger):
            stack.enter_context(each)
        sdp = {peer: bare_sdp(*peer.getsockname()) for peer in (phone, office)}
        async with _process(path, "--state", str(state), first=36400) as process:
            await client.wait_connected()
            offered = await client.perform(Offer("call", sdp[phone], OUTSIDE, INSIDE))
            answered = await client.perform(Answer("call", sdp[office], INSIDE, OUTSIDE))
            to_office = (B1, _media_port(answered.sdp))
            to_phone = (A1, _media_port(offered.sdp))
            assert stat.S_IMODE((state / "sessions.journal").stat().st_mode) == 0o600
            await _heard(phone, to_office, office, 1)
            process.kill()
            await process.wait()
        async with _process(path, "--state", str(state), first=36400):
            await _heard(phone, to_office, office, 2)
            await _heard(office, to_phone, phone, 3)
            stranger.sendto(_rtp(4), to_office)
            await _refused(client)
            assert await client.sessions() == ["call"]
            again = await client.perform(Offer("call", sdp[phone], OUTSIDE, INSIDE))
            assert _media_port(again.sdp) == to_phone[1]
            reply = await client.perform(Delete("call", "over"))
            assert [one.refused_packets for one in reply.stats[:1]] == [1]
    assert not state.exists()  # nothing was left when it ended
    await client.stop()


async def test_a_recording_outlives_a_kill_and_goes_on_in_another_file(tmp_path: Path) -> None:
    path, state, files = tmp_path / "media.sock", tmp_path / "state", tmp_path / "files"
    options = ("--state", str(state), "--recordings", str(files))
    news: asyncio.Queue[MediaReport] = asyncio.Queue()
    client = MediaClient(path, news.put_nowait)
    client.start()
    recorded = replace(INSIDE, record=True)
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        sdp = {peer: bare_sdp(*peer.getsockname()) for peer in (phone, office)}
        async with _process(path, *options, first=36700) as process:
            await client.wait_connected()
            await client.perform(Offer("call", sdp[phone], OUTSIDE, recorded))
            answered = await client.perform(Answer("call", sdp[office], recorded, OUTSIDE))
            to_office = (B1, _media_port(answered.sdp))
            await _heard(phone, to_office, office, 1)
            first = await news.get()
            assert isinstance(first, CallRecorded) and first.state == "began"
            (part,) = files.iterdir()
            process.kill()
            await process.wait()
        async with _process(path, *options, first=36700):
            await _heard(phone, to_office, office, 2)
            second = await news.get()
            assert (files / first.file).stat().st_size >= 44 and not part.exists()
            await client.perform(Delete("call", "over"))
            ended = await news.get()
    assert isinstance(second, CallRecorded) and isinstance(ended, CallRecorded)
    assert second.file != first.file
    assert (ended.state, ended.file, ended.dropped_packets) == ("ended", second.file, 0)
    assert sorted(one.name for one in files.iterdir()) == sorted((first.file, second.file))
    with wave.open(str(files / second.file)) as file:
        assert file.getnframes() / 8000 == pytest.approx(ended.seconds, abs=0.001)
    await client.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Room for a quarter of a second."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=8k", "none", str(disk))
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    yield disk
    subprocess.run(("umount", str(disk)), check=True)


@pytest.mark.root
async def test_a_full_disk_ends_the_recording_and_not_the_call(
    tmp_path: Path, small_disk: Path
) -> None:
    settings = MediaSettings(threads=1, recordings=small_disk)
    path, recorded = tmp_path / "media.sock", replace(INSIDE, record=True)
    with _peer(PHONE) as phone, _peer(OFFICE) as office:
        sdp = {peer: bare_sdp(*peer.getsockname()) for peer in (phone, office)}
        async with _engine(path, settings, first=36800), _client(path) as (client, news):
            await client.perform(Offer("call", sdp[phone], OUTSIDE, recorded))
            answered = await client.perform(Answer("call", sdp[office], recorded, OUTSIDE))
            to_office, number = (B1, _media_port(answered.sdp)), 0
            told: list[MediaReport] = []
            while len(told) < 2:
                number += 1
                await _heard(phone, to_office, office, number % 256)
                with suppress(asyncio.QueueEmpty):
                    told.append(news.get_nowait())
            assert [getattr(one, "state", "") for one in told] == ["began", "failed"]
            assert "No space left" in getattr(told[1], "why", "")
            await _heard(phone, to_office, office, 0)


async def _refused(client: MediaClient) -> None:
    """Until the relay has judged a packet of a stranger: it reads its ports beside us."""
    async with asyncio.timeout(30):
        while not any(one.refused_packets for one in (await client.perform(Query("call"))).stats):
            pass  # each look is a request of its own


async def _heard(one: socket.socket, to: tuple[str, int], other: socket.socket, n: int) -> None:
    """Packets of `one` to a port of the relay arrive at `other`."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        while True:
            one.sendto(_rtp(n), to)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    while await loop.sock_recv(other, 2048) != _rtp(n):
                        pass
                    return


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
                _engine(tmp_path / "media.sock", settings, first=36300),
                _client(tmp_path / "media.sock") as (client, _),
            ):
                replies = [
                    await client.perform(Offer(f"{n}", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE))
                    for n in range(50)
                ]
                assert [reply.error for reply in replies] == [None] * 50
    finally:
        gc.enable()
