"""What the commands `mobile` and `phone` share: events on the terminal, speech, a call's course."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import typer

from farline.cli.failing import fail
from farline.config import ConfigError, Secret, load_secrets
from farline.mobile.commands import CallState
from farline.mobile.wav import RATE, WavError, read_wav
from farline.runtime.named_files import reason
from farline.runtime.process import die_with_parent
from farline.sip.transport import Address

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from numpy.typing import NDArray

    from farline.runtime.phones.phone import Phone

LOGIN_FAILED = 1
CALL_FAILED = 3

_QUIET = frozenset({"event", "call_id", "peer", "call", "state", "detail"})


class Printer:
    """Prints events as they happen: a line for people, or one JSON object a line."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.calls_ended = 0

    def __call__(self, event: dict[str, Any]) -> None:
        """One event."""
        if event["event"] == "call" and event["state"] == CallState.ENDED:
            self.calls_ended += 1
        text = json.dumps(event) if self._as_json else _sentence(event)
        typer.echo(text)


def _sentence(event: dict[str, Any]) -> str:
    kind = event["event"]
    if kind == "step":
        mark = "ok  " if event["ok"] else "FAIL"
        return f"{mark} {event['name']:<10} {event['ms']:>8.1f} ms  {event['detail']}"
    if kind == "call":
        return f"call {event['call']} {event['state']}: {event['peer']} {event['detail']}".rstrip()
    if kind == "audio":
        return (
            f"audio {event['call']}: sent {event['sent_frames']} frames, "
            f"received {event['received_frames']}, lost {event['lost']}"
            + (f", recorded in {event['file']}" if "file" in event else "")
        )
    if kind == "registration":
        return f"registration {event['state']}: {event['detail']}"
    rest = ", ".join(f"{name} {value}" for name, value in event.items() if name not in _QUIET)
    return f"{kind} {event.get('state', '')} {event.get('detail', '')} {rest}".strip()


def read_password(file: Path | None, secrets: tuple[Path, str] | None) -> Secret:
    """From `--password-file` (its first line) or `--secrets FILE NAME`; ends the command else."""
    if (file is None) == (secrets is None):
        raise typer.BadParameter("give either --password-file F or --secrets FILE NAME")
    path = file if file is not None else Path()
    name = ""
    if secrets is not None:
        path, name = secrets
    try:
        text = path.read_text(encoding="utf-8")
        if path.stat().st_mode & 0o077:
            raise typer.BadParameter(f"{path}: others may read it (chmod 600 {path})")
        if not name:
            return Secret(text.partition("\n")[0].rstrip("\r"))
        values = load_secrets(text)
    except OSError as error:
        fail(f"{path} cannot be read: {reason(error)}")
    except UnicodeDecodeError:
        fail(f"{path} is no text in UTF-8")
    except ConfigError as error:
        fail(f"{path}: {error}")
    if name not in values:
        raise typer.BadParameter(f"{path} holds no secret {name!r}")
    return Secret(values[name])


def read_speech(path: Path | None) -> NDArray[np.int16]:
    """The samples to play; without a file a frame of silence."""
    if path is None:
        return np.zeros(RATE // 50, np.int16)
    try:
        return read_wav(path)
    except WavError as error:
        raise typer.BadParameter(str(error)) from None
    except OSError as error:
        raise typer.BadParameter(f"{path}: {reason(error)}") from None


def refuse_authorities(ca: Path | None, error: OSError) -> NoReturn:
    """End the command whose --ca cannot be used; OpenSSL's errors are OSErrors too."""
    fail(f"{ca} holds no authorities that can be used: {reason(error)}; give a PEM file: --ca")


def read_address(text: str | None) -> Address | None:
    """IP:PORT, with brackets around an IPv6 address."""
    if text is None:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise typer.BadParameter(f"{text!r} is not IP:PORT")
    return Address(host.strip("[]"), int(port))


@dataclass(frozen=True)
class Course:
    """What to do in a call."""

    talk_seconds: float | None = None
    """After the answer, hang up when so much time has passed; None: the peer hangs up."""
    digits: str = ""
    """Keys to press one second after the answer."""


async def place(phone: Phone, target: str, course: Course) -> bool:
    """One outgoing call from dialling to its end; whether it was answered."""
    return await _follow(phone, phone.dial(target), course)


async def _follow(phone: Phone, call: str, course: Course) -> bool:
    news = await phone.wait(call, CallState.ANSWERED)
    if news.state is CallState.ENDED:
        return False
    await talk(phone, call, course)
    return True


async def talk(phone: Phone, call: str, course: Course) -> None:
    """From the answer to the end."""
    if course.digits:
        phone.send_digits(call, course.digits)
    if course.talk_seconds is not None:
        try:
            async with asyncio.timeout(course.talk_seconds):
                await phone.wait(call, CallState.ENDED)
            return
        except TimeoutError:
            phone.hang_up(call)
    await phone.wait(call, CallState.ENDED)


def run_until_signal(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end, or until SIGINT or SIGTERM cancels it; the exit status."""

    async def whole() -> int:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return 0

    die_with_parent()  # a lab that was killed leaves no phone behind
    return asyncio.run(whole())
