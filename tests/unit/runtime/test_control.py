"""The control socket: private, in directories however deep, and never left without an answer."""

import asyncio
import stat

import pytest

from farline.runtime.control import ControlError, ControlServer, call


def refuse():
    raise LookupError("no such call")


@pytest.fixture
async def path(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "border.sock"
    server = ControlServer(deep, {"show": lambda what="all": {"shown": what}, "refuse": refuse})
    await server.start()
    yield deep
    await server.stop()
    assert not deep.exists()


async def test_a_command_is_answered_in_a_directory_deeper_than_a_socket_path(path):
    assert len(str(path)) > 108
    assert await call(path, "show", what="calls") == {"shown": "calls"}


async def test_only_the_owner_may_use_it(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_one_left_behind_is_replaced(path):
    again = ControlServer(path, {"show": lambda: "new"})
    await again.start()
    assert await call(path, "show") == "new"
    await again.stop()
    path.touch()


@pytest.mark.parametrize(
    ("command", "arguments", "text"),
    [
        ("refuse", {}, "no such call"),
        ("reboot", {}, "commands: refuse, show"),
        ("show", {"nonsense": 1}, "unexpected keyword"),
    ],
)
async def test_what_goes_wrong_is_said(path, command, arguments, text):
    with pytest.raises(ControlError, match=text):
        await call(path, command, **arguments)


async def test_a_role_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ControlError, match="office is not running"):
        await call(tmp_path / "office.sock", "show")
    with pytest.raises(ControlError, match="office is not running"):
        await call(tmp_path / "nowhere" / "office.sock", "show")


async def test_garbage_is_answered(path):
    from farline.runtime.unix_socket import short_path

    with short_path(path) as name:
        reader, writer = await asyncio.open_unix_connection(name)
    for line in (b"hello", b"[]", b'{"command": []}', b"{}"):
        writer.write(line + b"\n")
        assert b'"ok": false' in await reader.readline()
    writer.close()


async def test_a_role_that_dies_before_it_has_answered(tmp_path):
    """The connection is reset, or ends in the middle of a line."""

    async def die(reader, writer):
        writer.transport.abort()  # what was sent is not read: the kernel resets the connection

    async def half(reader, writer):
        await reader.readline()
        writer.write(b'{"ok": tr')
        writer.close()

    for number, serve in enumerate((die, half)):
        path = tmp_path / str(number) / "border.sock"
        path.parent.mkdir()
        server = await asyncio.start_unix_server(serve, path)
        with pytest.raises(ControlError, match=r"^border (gave no|closed the control socket)"):
            await call(path, "show")
        server.close()
        await server.wait_closed()
