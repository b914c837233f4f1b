"""`farline trace`: what passed and what was decided, as a list, a ladder, a pcap or JSON."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from farline.cli.failing import fail
from farline.runtime.named_files import reason
from farline.runtime.trace_files import Follower, read_records
from farline.trace import encode_event
from farline.trace.events import (
    CallChanged,
    Decision,
    Event,
    MediaSeen,
    MessageSeen,
    Note,
    Refused,
)
from farline.trace.ladder import ladder
from farline.trace.pcap import PcapFile
from farline.trace.reader import Filter, Index, Once, Reader, endpoints
from farline.trace.summary import printable, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farline.trace import Record

SERVERS = ("border", "office", "portal", "media", "ems")
"""Roles that are shown unless others are asked for: a phone's own trace repeats what they saw."""
NO_CALL = 3
"""Exit status: there is no such call."""


def trace(
    run_dir: Annotated[Path, typer.Option(help="Run directory of the deployment.")] = Path("run"),
    call: Annotated[
        str | None, typer.Option(help="A Call-ID, or `last`: that call, all its legs.")
    ] = None,
    as_ladder: Annotated[bool, typer.Option("--ladder", help="Draw the call.")] = False,
    pcap: Annotated[
        Path | None, typer.Option(help="Write a pcap file; - for standard output.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the events as JSON lines.")
    ] = False,
    decisions: Annotated[bool, typer.Option(help="Only decisions and refusals, with why.")] = False,
    follow: Annotated[bool, typer.Option(help="Go on with what happens from now.")] = False,
    role: Annotated[list[str] | None, typer.Option(help="Only this role; repeat for more.")] = None,
    interface: Annotated[str | None, typer.Option(help="Only this signaling interface.")] = None,
    width: Annotated[int, typer.Option(help="Columns of the ladder; 0: the terminal's.")] = 0,
) -> None:
    """Show messages and decisions of a running or finished deployment.

    TLS messages are shown and written in clear; in a pcap their port 5061 becomes 5060, so that
    tools read them as SIP. Digest responses and keys are masked.

    Example: farline trace --run-dir run --call last --ladder
    """
    chosen = sum((as_ladder, pcap is not None, as_json))
    if chosen > 1 or (as_ladder and (follow or decisions)):
        raise typer.BadParameter("choose one of --ladder, --pcap, --json; a ladder cannot follow")
    if not run_dir.is_dir():
        fail(f"{run_dir}: no such run directory; give --run-dir of what runs or ran")
    if not follow and not any(run_dir.glob("trace/*.jsonl*")):
        fail(f"{run_dir}: nothing has been traced there; give --run-dir of what runs or ran")
    calls = _legs(run_dir, call or ("last" if as_ladder else None))
    wanted = Filter(calls=calls, interface=interface, roles=frozenset(role or SERVERS))
    reader = Reader()
    records = _follow(run_dir, reader) if follow else read_records(run_dir, reader)
    records = (record for record in records if wanted.wants(record))
    if decisions:
        records = (r for r in records if isinstance(r.event, Decision | Refused))
    if pcap is not None:
        _write_pcap(records, pcap)
    elif as_ladder:
        for line in ladder(_first_sights(records), width=width or _columns()):
            typer.echo(line)
    else:
        for record in records:
            typer.echo(_as_json(record) if as_json else describe(record))
    if reader.skipped:
        typer.echo(f"{reader.skipped} lines were no events and are left out", err=True)


def _legs(run_dir: Path, call: str | None) -> frozenset[str] | None:
    if call is None:
        return None
    index = Index()
    for record in read_records(run_dir, Reader()):
        index.add(record)
    if call == "last":
        last = index.last()
        if last is None:
            fail(f"{run_dir}: no call has been traced", NO_CALL)
        call = last
    elif all(info.call != call for info in index.calls()):
        fail(f"{run_dir}: no call {printable(call)!r}", NO_CALL)
    return index.legs(call)


def _follow(run_dir: Path, reader: Reader) -> Iterator[Record]:
    follower = Follower(run_dir, reader)
    try:
        while True:
            yield from follower.poll()
            follower.wait()
    except KeyboardInterrupt:
        return
    finally:
        follower.close()


def _first_sights(records: Iterable[Record]) -> Iterator[Record]:
    once = Once()
    return (record for record in records if once.first(record))


def _write_pcap(records: Iterable[Record], path: Path) -> None:
    file = PcapFile()
    if str(path) == "-":
        _fill(sys.stdout.buffer, file, records)
    else:
        try:
            with path.open("wb") as target:
                _fill(target, file, records)
        except OSError as error:
            fail(f"{path} cannot be written: {reason(error)}")
        typer.echo(f"{path}: TLS in clear, its port 5061 written as 5060", err=True)
    if file.skipped:
        typer.echo(f"{file.skipped} messages had no readable address", err=True)


def _fill(target: BinaryIO, file: PcapFile, records: Iterable[Record]) -> None:
    target.write(file.header())
    target.flush()
    for record in _first_sights(records):
        if packets := file.packets(record):
            target.write(packets)
            target.flush()


def _columns() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def _as_json(record: Record) -> str:
    return encode_event(record.event, record.time, record.role)


def describe(record: Record) -> str:
    """One line of the list, printable characters only."""
    at = datetime.fromtimestamp(record.time, UTC).astimezone()
    clock = at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03d}"
    interface = getattr(record.event, "interface", "")
    return printable(f"{clock} {record.role:<7} {interface:<10} {_what(record.event)}")


def _what(event: Event) -> str:
    match event:
        case MessageSeen(transport=transport, data=data):
            source, target = endpoints(event)
            return f"{transport} {source} > {target}  {summarise(data)}"
        case Decision(stage=stage, value=value, because=because, form=form):
            return f"{stage}: {value}, because {because}" + (f" ({form})" if form else "")
        case Refused(reason=reason, detail=detail, remote=remote):
            return f"refused {remote}: {reason}: {detail}"
        case CallChanged(call=call, state=state, detail=detail):
            return f"call {call} {state} {detail}".rstrip()
        case MediaSeen(what=what, detail=detail) | Note(what=what, detail=detail):
            return f"{what}: {detail}"
