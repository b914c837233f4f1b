"""`farline replay`: recorded traffic through a candidate configuration, and what differs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from farline.border.explain.difference import Difference, differences
from farline.border.explain.replay import Played, Replay, recorded_output
from farline.cli import offline
from farline.cli.failing import fail
from farline.trace.summary import printable

DIFFERENT = 1
"""Exit status: something comes out differently."""


def replay(
    config: Annotated[Path, typer.Option(help="The candidate: a deployment file.")],
    pcap: Annotated[Path | None, typer.Argument(help="A pcap or pcapng file.")] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Replay the border's trace of this run directory.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Compare with this deployment, not with the recording.")
    ] = None,
    secrets: Annotated[Path | None, typer.Option(help="Secrets file; none is needed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Send recorded SIP traffic through a configuration and say what comes out differently.

    Nothing is sent anywhere: the border's own code runs in virtual time on what phones and servers
    sent in the recording. Branches, tags, binding tokens and media ports count as equal. Status 1:
    something differs.

    Example: farline replay yesterday.pcap --config candidate.yaml --against current.yaml
    """
    candidate = offline.read_border(config, secrets, as_json)
    current = offline.read_border(against, secrets, as_json) if against is not None else None
    if (pcap is None) == (run_dir is None):
        fail("give a pcap file or --run-dir DIR")
    if pcap is not None:
        known = current if current is not None else candidate
        recording = offline.read_recording(pcap, offline.read_bytes(pcap), known)
    elif run_dir is not None:
        recording = offline.read_run(run_dir)
    after = Replay(candidate).run(recording)
    before = recorded_output(recording) if current is None else Replay(current).run(recording)
    found = differences(before, after)
    if as_json:
        offline.echo_json(_as_json(after, found))
    else:
        _print(after, found)
    if found:
        raise typer.Exit(DIFFERENT)


def _print(after: Played, found: list[Difference]) -> None:
    for one in found:
        for line in _lines(one):
            typer.echo(printable(line))
    arrived = len(after.happened)
    lost = sum(one.flow is None for one in after.happened)
    reached = f", {lost} of them to nobody" if lost else ""
    typer.echo(
        f"{arrived} messages replayed{reached}; {len(after.emitted)} sent; "
        f"{len(found)} difference(s)"
    )


def _lines(one: Difference) -> list[str]:
    clock = datetime.fromtimestamp(one.time, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
    words = {"missing": "not sent any more", "new": "sent now", "changed": "changed"}
    lines = [f"{clock} {words[one.kind]}: {one.what}"]
    for change in one.changes:
        lines.append(f"    {change.what}: {change.was or '(not there)'}")
        lines.append(f"    {'':<{len(change.what)}}  becomes {change.would_be or '(not there)'}")
    if one.because:
        lines.append(f"    because {one.because}")
    return lines


def _as_json(after: Played, found: list[Difference]) -> dict[str, object]:
    rows = [
        {
            "kind": one.kind,
            "time": one.time,
            "call": one.call,
            "what": one.what,
            "changes": [
                {"what": c.what, "was": c.was, "would_be": c.would_be} for c in one.changes
            ],
            "because": one.because,
        }
        for one in found
    ]
    return {
        "replayed": len(after.happened),
        "unheard": sum(one.flow is None for one in after.happened),
        "sent": len(after.emitted),
        "differences": rows,
    }
