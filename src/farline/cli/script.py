"""`farline script`: signaling manipulation scripts, tried on recorded messages."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from farline.border.interworking.scripts import judge
from farline.cli.failing import fail
from farline.cli.offline import echo_json, is_capture, read_bytes
from farline.config.scripts import SignalingScript
from farline.runtime.scripts.runner import Script
from farline.sip import Message, WireError
from farline.trace.capture import Capture
from farline.trace.pcap_read import PcapError
from farline.trace.summary import summarise

app = typer.Typer(help="Signaling manipulation scripts.", no_args_is_help=True)

DIRECTIONS = ("from_phone", "to_server", "from_server", "to_phone")
MAX_MESSAGES = 10_000


@app.command("test")
def try_script(
    script: Annotated[Path, typer.Argument(help="The Python file.")],
    recorded: Annotated[list[Path], typer.Argument(help="Messages: pcap, pcapng, or one as text.")],
    direction: Annotated[
        str, typer.Option(help=f"What the script is told: {', '.join(DIRECTIONS)}.")
    ] = "to_server",
    time_limit: Annotated[int, typer.Option(help="Milliseconds for a message.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run a script on recorded messages, as the border would, and print what it changes.

    The script runs in the same sandbox. Status 1 when it fails on a message, 2 when it cannot be
    run at all.

    Example: farline script test examples/add-site.py vectors/guide/09-invite-phone.sip
    """
    if direction not in DIRECTIONS:
        fail(f"{direction!r} is none of {', '.join(DIRECTIONS)}")
    read_bytes(script)
    messages = [message for path in recorded for message in _messages(path)][:MAX_MESSAGES]
    try:
        form = SignalingScript(name=script.stem[:64] or "script", file=script.resolve(),
                               time_limit_ms=time_limit)  # fmt: skip
        rows = asyncio.run(_run(Script(form, Path()), messages, direction))
    except (OSError, ValueError) as error:
        fail(f"{script}: {error}")
    failed = any(row.error for row in rows)
    if as_json:
        echo_json(
            {"script": str(script), "messages": [asdict(row) for row in rows], "failed": failed}
        )
    else:
        for row in rows:
            said = row.error or ("changed" if row.diff else "as it was")
            typer.echo("\n  ".join([f"{row.message}: {said}", *row.diff]))
    raise typer.Exit(1 if failed else 0)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a script made of one message: an error, or the lines of a unified diff."""

    message: str
    error: str
    diff: tuple[str, ...]


async def _run(script: Script, messages: list[bytes], direction: str) -> list[Tried]:
    rows: list[Tried] = []
    try:
        for before in messages:
            after, error = await script.run(before, direction)
            if not error and after != before:
                judged = judge(Message.parse(before), after)
                error = judged if isinstance(judged, str) else ""
            diff = () if error else tuple(_diff(before, after))
            rows.append(Tried(str(summarise(before)), error, diff))
    finally:
        await script.stop()
    return rows


def _diff(before: bytes, after: bytes) -> list[str]:
    one, other = (_lines(data) for data in (before, after))
    return list(difflib.unified_diff(one, other, "before", "after", lineterm="", n=1))


def _lines(data: bytes) -> list[str]:
    """Lines that may be printed: what peers sent must not reach the terminal raw."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return ["".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
            for line in text.split("\n")]  # fmt: skip


def _messages(path: Path) -> list[bytes]:
    data = read_bytes(path)
    try:
        if is_capture(data):
            return [one.data for one in Capture(data).messages()]
        Message.parse(data)
    except (PcapError, WireError) as error:
        fail(f"{path}: {error}")
    return [data]
