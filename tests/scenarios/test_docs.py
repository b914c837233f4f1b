"""Every command that README and docs show, run in order against a deployment of its own."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.lab.loopback import to_loopback
from farline.lab.namespaces import missing_for_namespaces
from farline.lab.prepare import CLAIM, dump_deployment
from farline.runtime.control import ControlError, call
from farline.testing.pages import commands, quotes

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if commands(page.read_text(encoding="utf-8"))
)
REASON = missing_for_namespaces()
pytestmark = pytest.mark.timeout(400)

NOT_RUN = {
    r"make test": "this test is part of it",
    r"sudo apt(-get)? .*": "changes the machine",
    r"sudo systemctl .*": "changes the machine",
    r"export PATH=.*": "done by the test",
}
"""Commands that pages show and nobody runs here, and why."""

SERVERS = {
    r"make run": "Serving until Ctrl-C",
    r"farline lab run(?!.* --once).*": "Serving until Ctrl-C",
    r"farline run --role (\S+) .*": None,
    r"farline run(?!.* --role) .*": "border is ready",
    r"sudo farline lab exec .* -- tcpdump .*": "listening on",
}
"""Commands that go on until Ctrl-C, and the sign that they serve (None: the role answers)."""

EMS_PORT = re.compile(r"^ems:.*?^  port: (\d+)", re.MULTILINE | re.DOTALL)
"""Each loopback lab has its own, counted from the guide's 8090."""

ADDRESS = re.compile(r"\b127\.\d+\.\d+\.\d+\b")


def is_root_only(command):
    """Commands in the namespaces; pages use the run directory `lab` for them."""
    prepares = ("mkdir -p phone", 'echo "<sip:')
    return command.text.startswith(("sudo ", *prepares)) or "--run-dir lab" in command.text


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, directory):
        self.directory = directory
        self.servers = []
        self.claim = None
        for entry in ROOT.iterdir():
            if entry.name not in ("run", "lab", "target", ".git"):
                (directory / entry.name).symlink_to(entry)
        tools = directory / "tools"
        tools.mkdir()
        # The environment is built already: `make` is not to build it again under other tests.
        (tools / "make").write_text('#!/bin/sh\nexec /usr/bin/make -o .venv/.ready "$@"\n')
        (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
        for tool in tools.iterdir():
            tool.chmod(0o755)
        path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environ = {**os.environ, "PATH": path, "COLUMNS": "200"}

    def type(self, command):
        text = self.translated(command.text)
        if re.match(r"make run|farline lab run", command.text):
            self.release()
        for pattern, sign in SERVERS.items():
            if re.fullmatch(pattern, command.text) and not command.status:
                self.serve(text, sign)
                return
        ends_lab = command.text.startswith("farline lab down")
        with self.holding() if ends_lab else nullcontext():
            done = subprocess.run(
                ["bash", "-c", text],
                cwd=self.directory, env=self.environ, stdin=subprocess.DEVNULL, timeout=120,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
        where = f"line {command.line}: {text}\n{done.stdout}"
        assert done.returncode == command.status, f"exit {done.returncode}: {where}"
        for line in command.quoted:
            assert quotes(self.translated(line), done.stdout), f"no {line!r}: {where}"

    def serve(self, text, sign):
        if sign in ("Serving until Ctrl-C", "border is ready"):
            self.end()  # as the pages say: end one before you start the next
        log = self.directory / f"server-{len(self.servers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", "bash", "-c", f"exec {text}"],
                cwd=self.directory, env=self.environ, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.servers.append((process, text, log))
        until = time.monotonic() + 120
        while not self.serves(text, sign, log):
            words = log.read_text(errors="replace")
            assert process.poll() is None, f"{text}\n{words}"
            assert time.monotonic() < until, f"{text} does not serve\n{words}"
            time.sleep(0.05)  # until it says so; nothing else can be waited for

    def serves(self, text, sign, log):
        if sign is not None:
            return sign in log.read_text(errors="replace")
        role = re.search(r"--role (\S+)", text)[1]
        directory = self.directory / re.search(r"--run-dir (\S+)", text)[1]
        try:
            asyncio.run(call(directory / "control" / f"{role}.sock", "status"))
        except ControlError:
            return False
        return True

    @contextmanager
    def holding(self):
        """A lab ends in this block: keep its addresses, which are used on, from other labs.

        They are taken in the moment in which it lets go of them, else another lab would be first.
        """
        there = self.directory / "run" / "deployment.yaml"
        if self.claim is not None or not there.exists():
            yield
            return
        port = re.search(EMS_PORT, there.read_text(encoding="utf-8"))[1]
        over, claim = threading.Event(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

        def take():
            while True:
                last = over.wait(0.001)
                with suppress(OSError):  # a lab of this page has it still
                    claim.bind(f"\0{CLAIM}-{int(port) - 8090}")
                    self.claim = claim
                    return
                if last:
                    return

        taking = threading.Thread(target=take)
        taking.start()
        try:
            yield
        finally:
            over.set()
            taking.join()
            if self.claim is None:
                claim.close()

    def release(self):
        """A new lab takes addresses of its own."""
        if self.claim is not None:
            self.claim.close()
            self.claim = None

    def end(self):
        """Ctrl-C for every server, the last one first."""
        with self.holding():
            self.end_servers()

    def end_servers(self):
        while self.servers:
            process, text, log = self.servers.pop()
            with suppress(ProcessLookupError):  # its status says why it ended
                os.killpg(process.pid, signal.SIGINT)
            status = process.wait(60)
            words = log.read_text(errors="replace")
            if "tcpdump" not in text:
                assert status in (0, 130, -signal.SIGINT), f"{text} ended with {status}\n{words}"
            assert "Traceback" not in words, words

    def translated(self, text):
        """Pages show the addresses of the first lab on loopback; this may be the third."""
        there = self.directory / "run" / "deployment.yaml"
        if not there.exists() or not ADDRESS.search(text):
            return text
        ours = there.read_text(encoding="utf-8")
        guide = (ROOT / "examples/guide.yaml").read_text(encoding="utf-8")
        names = dict.fromkeys(re.findall(r"\{secret: (\w+)\}", guide))
        values = {name: f"value of {name}" for name in names}
        first = dump_deployment(to_loopback(load_deployment(guide, values)), values)
        shown, real = ADDRESS.findall(first), ADDRESS.findall(ours)
        assert len(shown) == len(real)
        known = dict(zip(shown, real, strict=True))
        text = ADDRESS.sub(lambda found: known.get(found[0], found[0]), text)
        port = re.search(EMS_PORT, ours)
        return text.replace(":8090", f":{port[1]}")


@pytest.fixture
def reader(tmp_path):
    directory = Path(f"/tmp/farline-docs-{os.getpid()}")  # Unix sockets have short names
    directory.mkdir(mode=0o700)
    reader = Reader(directory)
    try:
        yield reader
    finally:
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            stack.callback(reader.release)
            stack.callback(end_lab, reader, "run")
            stack.callback(end_lab, reader, "lab")
            stack.callback(reader.end)


def end_lab(reader, run_dir):
    """A page whose test failed half way may have left one."""
    if (reader.directory / run_dir / "lab.json").exists():
        subprocess.run(
            [sys.executable, "-m", "farline.cli.main", "lab", "down", "--run-dir", run_dir],
            cwd=reader.directory, check=False, timeout=100, capture_output=True,
        )  # fmt: skip


def is_run(command):
    return not any(re.fullmatch(pattern, command.text) for pattern in NOT_RUN)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page(page, reader):
    for command in commands(page.read_text(encoding="utf-8")):
        if is_run(command) and not is_root_only(command):
            reader.type(command)
    reader.end()


@pytest.mark.root
@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_as_root(page, reader):
    for command in commands(page.read_text(encoding="utf-8")):
        if is_run(command) and is_root_only(command):
            reader.type(command)
    reader.end()


def test_nothing_is_excused_that_no_page_shows():
    shown = [command.text for page in PAGES for command in commands(page.read_text("utf-8"))]
    for pattern in NOT_RUN:
        if not pattern.startswith("sudo apt"):
            assert any(re.fullmatch(pattern, text) for text in shown), pattern


def test_control_commands_are_those_of_the_page(reader):
    page = (ROOT / "docs/reference/control.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z-]+) \| ([a-z, -]+) \|$", page, re.MULTILINE)
    documented = dict(row for row in rows if row[0] not in ("role", "---"))
    reader.serve("farline lab run --loopback --serve --run-dir run", "Serving until Ctrl-C")
    for role, names in documented.items():
        with pytest.raises(ControlError, match=f"commands: {names}$"):
            asyncio.run(call(reader.directory / "run/control" / f"{role}.sock", "no such"))
    assert set(documented) == {"media", "office-media", "office", "portal", "border", "ems"}
