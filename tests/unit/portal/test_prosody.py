"""The child process: refusals before it is started, and a program that is no good Prosody."""

import socket
from pathlib import Path

import pytest

from farline.portal.accounts import Accounts
from farline.portal.im import ImServerError
from farline.portal.im import prosody as module
from farline.portal.im.prosody import COMPONENT, Prosody
from farline.portal.im.prosody_files import ProsodyFiles, ProsodySettings, ProsodyTls
from farline.portal.status import ComponentStatus
from farline.testing.portal import IP
from farline.testing.ports import free_ports


def make(base, port, binary):
    settings = ProsodySettings(
        IP,
        port,
        "a.example",
        "mybuddy",
        ProsodyTls(base / "c.pem", base / "c.key"),
        "http://x",
        base,
    )
    status = ComponentStatus(lambda: 0.0)
    files = ProsodyFiles(base / "prosody", base / "log" / "prosody.log")
    return Prosody(settings, files, status=status, trace=lambda _: None, binary=binary), status


def program(base, text):
    path = base / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


async def test_a_missing_prosody_names_the_debian_package(tmp_path):
    server, _ = make(tmp_path, free_ports(1)[0], "no-such-prosody")
    with pytest.raises(ImServerError, match="apt-get install prosody"):
        await server.start(Accounts())


async def test_an_address_in_use_is_named_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind((IP, 0))
        taken.listen()
        port = taken.getsockname()[1]
        server, _ = make(tmp_path, port, program(tmp_path, f"touch {tmp_path}/ran"))
        with pytest.raises(OSError, match=f"{COMPONENT} cannot listen on {IP}:{port}"):
            await server.start(Accounts())
    assert not (tmp_path / "ran").exists()


async def test_one_that_ends_at_once_points_to_the_log(tmp_path):
    server, status = make(
        tmp_path, free_ports(1)[0], program(tmp_path, "echo bad configuration; exit 3")
    )
    with pytest.raises(ImServerError, match=r"status 3; see .*prosody\.log"):
        await server.start(Accounts())
    assert (tmp_path / "log" / "prosody.log").read_text() == "bad configuration\n"
    assert status.get(COMPONENT).status == "Unavailable"


async def test_one_that_never_answers_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.3)
    text = f"echo $$ > {tmp_path}/pid; exec sleep 60"
    server, _ = make(tmp_path, free_ports(1)[0], program(tmp_path, text))
    with pytest.raises(ImServerError, match="does not answer"):
        await server.start(Accounts())
    assert server.show()["running"] is False
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
