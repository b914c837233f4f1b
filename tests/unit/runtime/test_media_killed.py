"""Calls and recordings of a media process that dies go on with the next one; a full disk."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import wave
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from farline.media.engine import Answer, Delete, Offer
from farline.media.reports import CallRecorded
from farline.runtime import media_client
from farline.runtime.media_client import MediaClient
from farline.runtime.media_process import MediaSettings
from farline.testing.media import bare_sdp
from farline.testing.media_process import (
    A1,
    B1,
    INSIDE,
    MOVED,
    OFFICE,
    OUTSIDE,
    PHONE,
    asking,
    heard,
    media_port,
    packet,
    peer,
    process,
    refused,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farline.media.reports import MediaReport


async def test_a_request_in_flight_is_answered_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How soon it is there is the supervisor's matter: a busy machine may take its time.
    monkeypatch.setattr(media_client, "AWAY_SECONDS", media_client.REQUEST_SECONDS)
    path = tmp_path / "media.sock"
    offer = Offer("call", bare_sdp(PHONE, 5000), OUTSIDE, INSIDE)
    client = MediaClient(path, lambda _: None)
    client.start()
    async with process(path) as running:
        await client.wait_connected()
        os.kill(running.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(client.perform(offer))
        await asyncio.wait({waiting}, timeout=0)
        running.kill()
        assert await running.wait() == -signal.SIGKILL
    async with process(path):
        assert (await waiting).status == 0
    await client.stop()


async def test_a_call_goes_on_after_the_process_was_killed(tmp_path: Path) -> None:
    path, state = tmp_path / "media.sock", tmp_path / "state"
    phone, office, stranger = peer(PHONE), peer(OFFICE), peer(MOVED)
    client = MediaClient(path, lambda _: None)
    client.start()
    with ExitStack() as stack:
        for each in (phone, office, stranger):
            stack.enter_context(each)
        sdp = {one: bare_sdp(*one.getsockname()) for one in (phone, office)}
        async with process(path, "--state", str(state), first=36400) as running:
            await client.wait_connected()
            offered = await client.perform(Offer("call", sdp[phone], OUTSIDE, INSIDE))
            answered = await client.perform(Answer("call", sdp[office], INSIDE, OUTSIDE))
            to_office = (B1, media_port(answered.sdp))
            to_phone = (A1, media_port(offered.sdp))
            assert stat.S_IMODE((state / "sessions.journal").stat().st_mode) == 0o600
            await heard(phone, to_office, office, 1)
            running.kill()
            await running.wait()
        async with process(path, "--state", str(state), first=36400):
            await heard(phone, to_office, office, 2)
            await heard(office, to_phone, phone, 3)
            stranger.sendto(packet(4), to_office)
            await refused(client)
            assert await client.sessions() == ["call"]
            again = await client.perform(Offer("call", sdp[phone], OUTSIDE, INSIDE))
            assert media_port(again.sdp) == to_phone[1]
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
    with peer(PHONE) as phone, peer(OFFICE) as office:
        sdp = {one: bare_sdp(*one.getsockname()) for one in (phone, office)}
        async with process(path, *options, first=36700) as running:
            await client.wait_connected()
            await client.perform(Offer("call", sdp[phone], OUTSIDE, recorded))
            answered = await client.perform(Answer("call", sdp[office], recorded, OUTSIDE))
            to_office = (B1, media_port(answered.sdp))
            await heard(phone, to_office, office, 1)
            first = await news.get()
            assert isinstance(first, CallRecorded) and first.state == "began"
            (part,) = files.iterdir()
            running.kill()
            await running.wait()
        async with process(path, *options, first=36700):
            await heard(phone, to_office, office, 2)
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
    with peer(PHONE) as phone, peer(OFFICE) as office:
        sdp = {one: bare_sdp(*one.getsockname()) for one in (phone, office)}
        async with serving(path, settings, first=36800), asking(path) as (client, news):
            await client.perform(Offer("call", sdp[phone], OUTSIDE, recorded))
            answered = await client.perform(Answer("call", sdp[office], recorded, OUTSIDE))
            to_office, number = (B1, media_port(answered.sdp)), 0
            told: list[MediaReport] = []
            while len(told) < 2:
                number += 1
                await heard(phone, to_office, office, number % 256)
                with suppress(asyncio.QueueEmpty):
                    told.append(news.get_nowait())
            assert [getattr(one, "state", "") for one in told] == ["began", "failed"]
            assert "No space left" in getattr(told[1], "why", "")
            await heard(phone, to_office, office, 0)
