"""`farline shield`: who is banned, and what is kept in quarantine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from farline.cli.failing import ask
from farline.trace.packet import parse_endpoint
from farline.trace.summary import printable

app = typer.Typer(help="Bans and quarantine of a running border.", no_args_is_help=True)

RunDir = Annotated[Path, typer.Option(help="Run directory of the deployment.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Who = Annotated[str, typer.Argument(help="An address, or address:port for one device.")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command()
def bans(run_dir: RunDir = Path("run"), as_json: AsJson = False) -> None:
    """List who is banned, or in preview would be, with the reason and the time left.

    Example: farline shield bans --run-dir run
    """
    state = ask(run_dir, "border", "show")
    found, mode = state["bans"], state["shield"]["mode"]
    if as_json:
        typer.echo(json.dumps({"mode": mode, "bans": found}, indent=2))
        return
    if mode == "preview":
        typer.echo("preview: these would be banned, and are heard")
    for one in found:
        typer.echo(f"{one['who']:<24} {one['seconds left']:>6} s  {printable(one['why'])}")
    if not found:
        typer.echo("nobody is banned")


@app.command()
def ban(
    who: Who,
    lasting: Annotated[str, typer.Option("--for", help="How long: 90s, 10m, 1h, 7d.")] = "1h",
    reason: Annotated[str, typer.Option(help="Why.")] = "by hand",
    run_dir: RunDir = Path("run"),
    as_json: AsJson = False,
) -> None:
    """Ban a device or an address for a time. Registered phones are heard all the same.

    Example: farline shield ban 198.51.100.7 --for 1h --reason "guesses passwords"
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", lasting)
    if found is None:
        raise typer.BadParameter(f"{lasting!r} is no time; write 90s, 10m, 1h or 7d")
    host, port = _who(who)
    seconds = int(found[1]) * _UNITS[found[2]]
    ask(run_dir, "border", "ban", host=host, port=port, seconds=seconds, reason=reason)
    _done(as_json, f"{who} is banned for {lasting}")


@app.command()
def lift(who: Who, run_dir: RunDir = Path("run"), as_json: AsJson = False) -> None:
    """End the ban of a device, or of an address and all its devices.

    Example: farline shield lift 198.51.100.7:5060
    """
    host, port = _who(who)
    ask(run_dir, "border", "lift", host=host, port=port)
    _done(as_json, f"{who} is heard again")


@app.command()
def quarantine(
    release: Annotated[str | None, typer.Option(help="Let this kind in again: its mark.")] = None,
    run_dir: RunDir = Path("run"),
    as_json: AsJson = False,
) -> None:
    """List messages that made a handler fail, or let one kind in again.

    Each has a capture and the failure in RUN_DIR/quarantine/MARK.pcap and MARK.txt: send us both.

    Example: farline shield quarantine --run-dir run
    """
    if release is not None:
        ask(run_dir, "border", "release", mark=release)
        _done(as_json, f"{release} is let in again")
        return
    found = ask(run_dir, "border", "show")["quarantine"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        typer.echo(f"{one['mark']}  {one['dropped']:>6} dropped  {printable(one['why'])}")
    if not found:
        typer.echo("nothing is kept")


def _who(text: str) -> tuple[str, int | None]:
    try:
        if re.fullmatch(r"\d+(\.\d+){3}:\d+|\[[0-9A-Fa-f:.]+\]:\d+", text):
            endpoint = parse_endpoint(text)
            return str(endpoint.ip), endpoint.port
        return str(
            parse_endpoint(f"[{text.strip('[]')}]:1" if ":" in text else f"{text}:1").ip
        ), None
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no address; write 192.0.2.1, 192.0.2.1:5060 or [2001:db8::1]:5060"
        ) from None


def _done(as_json: bool, text: str) -> None:
    typer.echo(json.dumps({"ok": True}) if as_json else text)
