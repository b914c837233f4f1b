"""The media role: what the Media Engine form makes of it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farline.config import load_deployment
from farline.lab.loopback import to_loopback
from farline.media.engine import Answer, Offer, Side
from farline.media.reports import CallRecorded
from farline.runtime.control import call
from farline.runtime.media import border_places, run_border_media
from farline.runtime.media_client import MediaClient
from farline.runtime.role import RoleContext
from farline.testing.media import audio_sdp, tone

if TYPE_CHECKING:
    from farline.media.reports import MediaReport

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "x" * 12)


@pytest.mark.parametrize(("setting", "said"), [("auto", "none: loopback"), ("off", "none: off")])
async def test_the_form_decides_over_the_fast_path_and_show_says_what_came_of_it(
    tmp_path: Path, setting: str, said: str
) -> None:
    form = f"border:\n  media_engine: {{fast_path: {setting}}}\n  # Device"
    text = GUIDE.replace("border:\n  # Device", form, 1)
    deployment = to_loopback(load_deployment(text, SECRETS), variant=93)
    context = RoleContext("media", deployment, tmp_path, tmp_path)
    context.control_path.parent.mkdir()
    role = asyncio.ensure_future(run_border_media(context))
    try:
        while not context.control_path.exists():
            assert not role.done(), role.result()
            await asyncio.sleep(0.01)
        assert (await call(context.control_path, "show"))["fast_path"] == said
    finally:
        role.cancel()
        await asyncio.gather(role, return_exceptions=True)


async def test_music_is_made_ready_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rule = "border:\n  media_rules: [{name: avaya-low-med-enc, hold_music: m.wav}]\n  # Device"
    deployment = to_loopback(
        load_deployment(GUIDE.replace("border:\n  # Device", rule, 1), SECRETS), 94
    )
    context = RoleContext("media", deployment, tmp_path, tmp_path)
    context.control_path.parent.mkdir()
    role = asyncio.ensure_future(run_border_media(context))
    try:
        while "hold music m.wav is not played" not in caplog.text:
            assert not role.done(), role.result()
            await asyncio.sleep(0.01)
        field = f"Domain Policies > Media Rules > Hold Music: {tmp_path / 'm.wav'}: cannot be read"
        assert field in caplog.text
        assert "No such file" in caplog.text and "name another file" in caplog.text
    finally:
        role.cancel()
        await asyncio.gather(role, return_exceptions=True)


async def test_a_recording_directory_that_cannot_be_is_said_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "rec").write_text("")
    entry = "border:\n  media_engine: {recording_directory: rec}\n  # Device"
    text = GUIDE.replace("border:\n  # Device", entry, 1)
    deployment = to_loopback(load_deployment(text, SECRETS), variant=92)
    context = RoleContext("media", deployment, tmp_path, tmp_path / "run")
    context.control_path.parent.mkdir(parents=True)
    role = asyncio.ensure_future(run_border_media(context))
    try:
        while not context.control_path.exists():  # it serves all the same
            assert not role.done(), role.result()
            await asyncio.sleep(0.01)
    finally:
        role.cancel()
        await asyncio.gather(role, return_exceptions=True)
    said = f"Media Engine > Recording Directory: {tmp_path}/rec is a file"
    assert said in caplog.text and "name another directory" in caplog.text


async def test_show_names_an_interface_once_whatever_its_ds_bytes(tmp_path: Path) -> None:
    deployment = to_loopback(load_deployment(GUIDE, SECRETS), variant=95)
    assert deployment.border is not None
    context = RoleContext("media", deployment, tmp_path, tmp_path / "run")
    context.control_path.parent.mkdir(parents=True)
    role = asyncio.ensure_future(run_border_media(context))
    try:
        while not context.control_path.exists():
            assert not role.done(), role.result()
            await asyncio.sleep(0.01)
        shown = await call(context.control_path, "show")
    finally:
        role.cancel()
        await asyncio.gather(role, return_exceptions=True)
    assert len(border_places(deployment.border)) > len(deployment.border.media_interfaces)
    assert shown["interfaces"] == [
        f"{one.name} {one.ip}:35000-40000" for one in deployment.border.media_interfaces
    ]


@pytest.mark.parametrize(("form", "where"), [("", "run/recordings"), ("files", "base/files")])
async def test_recordings_go_where_the_form_says(tmp_path: Path, form: str, where: str) -> None:
    entry = f"border:\n  media_engine: {{recording_directory: '{form}'}}\n  # Device"
    text = GUIDE.replace("border:\n  # Device", entry, 1)
    deployment = to_loopback(load_deployment(text, SECRETS), variant=93)
    assert deployment.border is not None
    inner, outer = deployment.border.media_interfaces
    context = RoleContext("media", deployment, tmp_path / "base", tmp_path / "run")
    for directory in (context.base, context.run_dir, context.control_path.parent):
        directory.mkdir(exist_ok=True)
    news: asyncio.Queue[MediaReport] = asyncio.Queue()
    role = asyncio.ensure_future(run_border_media(context))
    client = MediaClient(context.media_path, news.put_nowait)
    client.start()
    try:
        await client.wait_connected()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            sides = [
                Side("outside", outer.name, "127.0.0.1", record=True),
                Side("inside", inner.name, "127.0.0.1"),
            ]
            await client.perform(Offer("call", audio_sdp(peer), sides[0], sides[1]))
            answered = await client.perform(Answer("call", audio_sdp(peer), sides[1], sides[0]))
            assert answered.sdp is not None
            port = int(answered.sdp.split(b"m=audio ")[1].split()[0])
            peer.sendto(tone(1), (outer.ip, port))
            began = await news.get()
        assert isinstance(began, CallRecorded) and began.state == "began"
        (part,) = (tmp_path / where).iterdir()
        assert part.name.startswith(began.file)
    finally:
        await client.stop()
        role.cancel()
        await asyncio.gather(role, return_exceptions=True)
