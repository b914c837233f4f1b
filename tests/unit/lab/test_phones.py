"""What phones say is collected, timed and waited for; a phone that ends is noticed."""

import json
import sys
from pathlib import Path

import pytest

from farline.lab.children import Children
from farline.lab.lab import Lab
from farline.lab.phones import Phone, speech, start_dora, start_ruel
from farline.lab.prepare import prepare
from farline.mobile.wav import read_wav

TALKER = """
import json, sys, time
print("a warning of a library", flush=True)
print("[1, 2]", flush=True)
for state in sys.argv[1:]:
    print(json.dumps({"event": "call", "state": state}), flush=True)
time.sleep(600)
"""


@pytest.fixture
async def children():
    group = Children({})
    yield group
    await group.end()


async def phone(children, tmp_path, *states, code=TALKER):
    child = await children.start(
        "phone", [sys.executable, "-c", code, *states], tmp_path / "log", read=True
    )
    return Phone(child, tmp_path / "heard.wav", lambda event: None)


def answered(event):
    return event["state"] == "answered"


async def test_events_are_collected_until_one_is_wanted(children, tmp_path):
    talker = await phone(children, tmp_path, "calling", "answered")
    assert await talker.until(answered, 10)
    assert [event["state"] for event in talker.events] == ["calling", "answered"]
    assert talker.events[0]["at"] <= talker.events[1]["at"]
    assert await talker.until(answered, 10)  # it has been said already
    await talker.stop()
    assert talker.ended


async def test_waiting_has_an_end(children, tmp_path):
    talker = await phone(children, tmp_path, "calling")
    assert not await talker.until(answered, 0.05)
    assert not talker.ended


async def test_a_phone_that_ends_is_not_waited_for(children, tmp_path):
    silent = await phone(children, tmp_path, code="import sys; sys.exit('no such user')")
    assert not await silent.until(answered, 30)
    await silent.finished(10)
    assert silent.child.tail() == "  no such user"


class FakeLab:
    """Keeps the commands instead of running them."""

    def __init__(self, prepared, children):
        self.real = Lab(prepared, lambda text: None)
        self.commands = {}
        self.children = children

    def __getattr__(self, name):
        return getattr(self.real, name)

    def command(self, node, argv):
        self.commands[node] = argv
        return [sys.executable, "-c", ""]


async def test_no_password_stands_in_a_command(children, tmp_path):
    guide = Path(__file__).parents[3] / "examples/guide.yaml"
    prepared = prepare(guide, tmp_path / "run", loopback=False)
    lab = FakeLab(prepared, children)
    for start in (start_dora, start_ruel):
        started = await start(lab, lambda event: None)
        await started.finished(10)
    assert set(lab.commands) == {"office", "mobile"}
    text = json.dumps(lab.commands)
    for user in prepared.deployment.office.users:
        assert user.password.reveal() not in text
    dora, ruel = lab.commands["office"], lab.commands["mobile"]
    assert dora[dora.index("--registrar") + 1] == "10.10.10.13:5060"
    assert dora[dora.index("--local-ip") + 1] == "10.10.10.30"
    assert ruel[ruel.index("--dns") + 1] == "192.168.64.250:53"
    assert ruel[ruel.index("--secrets") + 2] == "ruel"
    assert ruel[ruel.index("--call") + 1] == "3003"


def test_the_speech_is_there():
    assert len(read_wav(speech("ruel"))) > 8000
