"""Scripts in their sandbox: what they can do, what they cannot, and that they are killed."""

import asyncio
import re
from pathlib import Path

import pytest

from farline.border.interworking.scripts import Manipulate
from farline.config.scripts import SignalingScript
from farline.runtime.scripts.runner import Script, Scripts
from farline.sip import Message

INVITE = (Path(__file__).parents[4] / "vectors" / "guide" / "09-invite-phone.sip").read_bytes()
BODY = "def manipulate(message, direction):\n"


@pytest.fixture
async def script(tmp_path):
    made = []

    def make(body, **limits):
        path = tmp_path / f"s{len(made)}.py"
        path.write_text(BODY + "".join(f"    {line}\n" for line in body.splitlines()))
        form = SignalingScript(name="s", file=path, **{"time_limit_ms": 2000, **limits})
        made.append(Script(form, tmp_path))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


async def test_changes_a_message(script):
    one = script("message.set('X-Site', direction)\nmessage.remove('User-Agent')")
    for _ in range(3):
        data, error = await one.run(INVITE, "to_server")
        assert error == ""
        assert Message.parse(data).get("X-Site") == "to_server"
        assert Message.parse(data).get("User-Agent") is None
    assert one.show()["runs"] == 3


async def test_what_it_raises_is_told(script):
    one = script("raise KeyError('x')")
    assert await one.run(INVITE, "to_server") == (b"", "KeyError: 'x'")
    assert "invalid syntax" in (await script("this is no python").run(INVITE, "to_server"))[1]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("open('/etc/passwd').read()", "OSError|PermissionError"),
        ("open('/tmp/x', 'w')", "OSError|PermissionError"),
        ("import socket; socket.socket()", "ModuleNotFoundError|ImportError|OSError"),
        ("import os; os.fork()", "PermissionError|BlockingIOError"),
        ("import os; os.execv('/bin/sh', ['sh'])", "PermissionError|OSError"),
        ("import os; os.kill(os.getppid(), 9)", "PermissionError"),
        ("x = bytearray(1 << 30)", "MemoryError"),
    ],
)
async def test_what_it_cannot_do(script, body, error):
    data, said = await script(body).run(INVITE, "to_server")
    assert data == b""
    assert re.match(error, said), said


@pytest.mark.parametrize(("limit", "error"), [(16, "MemoryError"), (256, "")])
async def test_memory_limit(script, limit, error):
    one = script("x = bytearray(100 << 20)", memory_mb=limit)
    assert (await one.run(INVITE, "to_server"))[1].partition(":")[0] == error


async def test_it_is_killed_when_it_is_late_and_starts_again(script):
    one = script("while message.get('User-Agent') == 'slow': pass")
    assert (await one.run(INVITE, "to_server"))[1] == ""
    slow = Message.parse(INVITE)
    slow.set("User-Agent", "slow")
    _, error = await one.run(slow.to_bytes(), "to_server")
    assert error == "it took longer than 2000 ms and was killed"
    assert (await one.run(INVITE, "to_server"))[1] == ""
    assert one.show()["killed"] == 1


async def test_one_that_ends_its_process(script):
    one = script("import os; os._exit(3)")
    assert (await one.run(INVITE, "to_server"))[1] == "its process died"


async def test_the_filter_of_system_calls_is_there(script):
    one = script("pass")
    await one.run(INVITE, "to_server")
    assert "system calls" in one.show()["closed"]


def marking(value):
    return f"{BODY}    message.set('X-Mark', '{value}')\n"


async def marks(scripts, done, *names):
    """What each script writes into a message."""
    for name in names:
        scripts.take(Manipulate(1, name, INVITE, "to_server"))
    answers = [await done.get() for _ in names]
    return [Message.parse(one.data).get("X-Mark") if one.data else one.error for one in answers]


async def test_scripts_come_change_and_go(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(marking(name))
    forms = {name: SignalingScript(name=name, file=Path(f"{name}.py")) for name in ("a", "b")}
    done = asyncio.Queue()
    scripts = Scripts([forms["a"]], tmp_path, done.put_nowait)
    await scripts.start()
    assert await marks(scripts, done, "a") == ["a"]
    await scripts.adopt([forms["a"], forms["b"]], tmp_path)
    assert sorted(await marks(scripts, done, "a", "b")) == ["a", "b"]
    assert [one["runs"] for one in scripts.show()] == [2, 1]  # the same a goes on
    (tmp_path / "a.py").write_text(marking("other"))
    scripts.take(Manipulate(1, "a", INVITE, "to_server"))
    await asyncio.sleep(0)  # it waits for the old one, whose process ends behind it
    await scripts.adopt([forms["a"]], tmp_path)
    assert Message.parse((await done.get()).data).get("X-Mark") == "a"
    assert await marks(scripts, done, "a") == ["other"]
    assert await marks(scripts, done, "b") == ["no such script"]
    with pytest.raises(OSError, match="gone"):
        await scripts.adopt([SignalingScript(name="a", file=Path("gone.py"))], tmp_path)
    assert await marks(scripts, done, "a") == ["other"]
    await scripts.stop()
