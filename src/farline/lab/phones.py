"""Ruel's client and Dora's phone as processes: their commands, and what they say as JSON lines."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from farline.lab.errors import LabError
from farline.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.lab.children import Child
    from farline.lab.lab import Lab
    from farline.lab.verdict import JsonEvent

MAX_EVENTS = 10_000
ANSWER_AFTER_MS = 500
HANGUP_AFTER = 6
"""Seconds after the answer; the speech of each side is shorter."""
_CLI = (sys.executable, "-m", "farline.cli.main")


def speech(name: str) -> Path:
    """The WAV file of what "ruel" or "dora" says."""
    return Path(str(files("farline.lab") / "speech" / f"{name}.wav"))


class Phone:
    """A phone that runs, and all that it has said, each event with "at" (monotonic seconds)."""

    def __init__(self, child: Child, recording: Path, heard: Callable[[JsonEvent], None]) -> None:
        self.child = child
        self.recording = recording
        self.events: list[JsonEvent] = []
        self._heard = heard
        self._news = asyncio.Event()
        self._listening = asyncio.ensure_future(self._listen())

    @property
    def ended(self) -> bool:
        """Whether it will say nothing more."""
        return self._listening.done()

    async def until(self, wanted: Callable[[JsonEvent], bool], seconds: float) -> bool:
        """Wait for an event that is wanted; False when the phone ends or `seconds` pass first."""
        try:
            async with asyncio.timeout(seconds):
                while not any(wanted(event) for event in self.events):
                    if self.ended:
                        return False
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def finished(self, seconds: float) -> None:
        """Give it so long to end by itself, which is after it has removed its registration."""
        await asyncio.wait((self._listening,), timeout=seconds)

    async def stop(self) -> None:
        """End it and hear it out."""
        await self.child.end()
        await asyncio.wait((self._listening,), timeout=1.0)
        self._listening.cancel()

    async def _listen(self) -> None:
        try:
            while line := await self.child.line():
                try:
                    event = json.loads(line)
                except ValueError:
                    continue  # not for us: a warning of a library
                if isinstance(event, dict) and len(self.events) < MAX_EVENTS:
                    event["at"] = clock.monotonic()
                    self.events.append(event)
                    self._heard(event)
                    self._news.set()
        finally:
            self._news.set()


async def start_dora(lab: Lab, heard: Callable[[JsonEvent], None]) -> Phone:
    """Dora's desk phone in the office network: answers, speaks, hangs up."""
    office, form = lab.deployment.office, lab.form
    if office is None or office.registrar.udp_port is None:
        raise LabError("the desk phone needs the office's registrar with a UDP port")
    recording = lab.prepared.run_dir.resolve() / "audio" / "dora-heard.wav"
    argv = [*_CLI, "phone"]
    argv += ["--registrar", f"{office.ip}:{office.registrar.udp_port}"]
    argv += ["--domain", office.registrar.domain, "--extension", form.desk_phone.extension]
    argv += ["--name", form.desk_phone.username, *_secret(lab, form.desk_phone.username)]
    argv += ["--local-ip", form.desk_phone.ip, "--answer-after-ms", str(ANSWER_AFTER_MS)]
    argv += ["--play", str(speech("dora")), "--record", str(recording)]
    argv += ["--hangup-after", str(HANGUP_AFTER), "--calls", "1", "--json"]
    command = lab.command("office", argv)
    child = await lab.children.start("dora", command, lab.log("dora"), read=True)
    return Phone(child, recording, heard)


async def start_ruel(lab: Lab, heard: Callable[[JsonEvent], None]) -> Phone:
    """Ruel's client outside: logs in, calls Dora, speaks."""
    form = lab.form
    recording = lab.prepared.run_dir.resolve() / "audio" / "ruel-heard.wav"
    argv = [*_CLI, "mobile", "--server", form.mobile.server, "--port", str(form.mobile.port)]
    argv += ["--username", form.mobile.username, *_secret(lab, form.mobile.username)]
    argv += ["--ca", str(lab.prepared.ca.resolve()), "--dns", str(lab.dns(outside=True))]
    argv += ["--local-ip", form.mobile.ip, "--transport", "tcp"]
    argv += ["--call", form.desk_phone.extension]
    argv += ["--play", str(speech("ruel")), "--record", str(recording), "--json"]
    argv += ["--hangup", "never", "--log-file", str(lab.log("client").resolve())]
    command = lab.command("mobile", argv)
    child = await lab.children.start("ruel", command, lab.log("ruel"), read=True)
    return Phone(child, recording, heard)


def _secret(lab: Lab, user: str) -> list[str]:
    """The options that tell a phone its password: a file and the name in it, never the value."""
    office = lab.deployment.office
    if office is None or all(entry.name != user for entry in office.users):
        raise LabError(f"the office has no user {user}")
    return ["--secrets", str(lab.prepared.secrets.resolve()), lab.prepared.secret_names[user]]
