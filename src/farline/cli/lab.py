"""`farline lab`: the guide's networks on this machine, its scenario, and tools in its nodes."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farline.cli.failing import fail
from farline.cli.files import fail_config
from farline.config import ConfigError
from farline.lab import session
from farline.lab.errors import LabError
from farline.lab.namespaces import enter, missing_for_namespaces
from farline.lab.prepare import certificate_hosts, prepare, read_for_certificates
from farline.lab.state import read_state
from farline.lab.topology import NODES
from farline.lab.view import View
from farline.runtime.named_files import reason
from farline.runtime.tls.lab_authority import make_certificates

if TYPE_CHECKING:
    from farline.lab.prepare import Prepared

app = typer.Typer(
    help="The guide's networks on this machine: run its scenario, or keep it up and use it.",
    no_args_is_help=True,
)
Config = Annotated[Path, typer.Option(help="The deployment file.")]
RunDir = Annotated[Path, typer.Option(help="Where everything of the run goes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Loopback = Annotated[
    bool, typer.Option("--loopback", help="On addresses 127.x.y.z instead of namespaces: no root.")
]
GUIDE = Path("examples/guide.yaml")
RUN = Path("run")


@app.command()
def run(
    config: Config = GUIDE,
    run_dir: RunDir = RUN,
    loopback: Loopback = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write verdict and steps to this file.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once/--serve", help="End after the verdict, or go on serving.")
    ] = False,
) -> None:
    """Ruel logs in from outside and talks to Dora; every step is proved and shown.

    Exit status: 0 every step held, 1 one did not, 2 the lab could not be built.

    Example: sudo .venv/bin/farline lab run --once --json verdict.json
    """
    prepared = _prepare(config, run_dir, loopback)
    main = session.run_scenario(prepared, View(), json_file=json_file, serve=not once)
    try:
        held = session.run_to_end(main)
    except LabError as error:
        fail(str(error))
    raise typer.Exit(0 if held else 1)


@app.command()
def up(
    config: Config = GUIDE,
    run_dir: RunDir = RUN,
    loopback: Loopback = False,
    as_json: AsJson = False,
) -> None:
    """Build the lab, start the servers in it, and leave it running in the background.

    Example: sudo .venv/bin/farline lab up --run-dir /tmp/lab
    """
    _refuse_second(run_dir)
    if not loopback:
        _need_namespaces()
    options = ["--config", str(config), "--run-dir", str(run_dir)]
    options += ["--loopback"] if loopback else []
    try:
        state = session.up(
            [sys.executable, "-m", "farline.cli.main", "lab", "hold", *options], run_dir
        )
    except LabError as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(asdict(state)))
        return
    typer.echo(f"The lab is up (process {state.pid}). Use it:")
    for line in session.usage(run_dir, loopback=loopback):
        typer.echo(f"  {line}")


@app.command(hidden=True)
def hold(config: Config = GUIDE, run_dir: RunDir = RUN, loopback: Loopback = False) -> None:
    """Keep a lab up until a signal: what `up` starts in the background."""
    prepared = _prepare(config, run_dir, loopback)
    try:
        session.run_to_end(session.hold(prepared, View()))
    except LabError as error:
        fail(str(error))


@app.command(name="exec", context_settings={"ignore_unknown_options": True})
def execute(
    node: Annotated[str, typer.Argument(help=f"One of {', '.join(NODES)}.")],
    command: Annotated[list[str], typer.Argument(help="The command, after --.")],
    run_dir: RunDir = RUN,
) -> None:
    """Run a command in a node of the running lab; its exit status is the command's.

    Example: farline lab exec mobile -- dig +short ipo1xp.ipolab.com
    """
    state = read_state(run_dir)
    if state is None:
        fail(f"no lab is running in {run_dir}; start one: farline lab up --run-dir {run_dir}")
    if not state.nodes:
        fail("this lab is on loopback addresses: it has no nodes; run the command as it is")
    if node not in state.nodes:
        raise typer.BadParameter(f"{node!r} is none of {', '.join(state.nodes)}")
    argv = enter(state.nodes[node], command, Path.cwd())
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - the command is what the user asked for
    except OSError as error:
        fail(f"{argv[0]}: {error.strerror}")


@app.command()
def down(run_dir: RunDir = RUN, as_json: AsJson = False) -> None:
    """Take the running lab down: its servers, then its networks.

    Example: sudo .venv/bin/farline lab down --run-dir /tmp/lab
    """
    try:
        state = session.down(run_dir)
    except LabError as error:
        fail(str(error))
    except PermissionError:
        fail("the lab belongs to another user: use sudo")
    typer.echo(json.dumps({"ended": state.pid}) if as_json else "The lab is down.")


@app.command()
def status(run_dir: RunDir = RUN, as_json: AsJson = False) -> None:
    """Say whether a lab runs, and where its nodes are. Exit status 3 without one.

    Example: farline lab status --json
    """
    state = read_state(run_dir)
    if as_json:
        typer.echo(json.dumps(None if state is None else asdict(state)))
    elif state is None:
        typer.echo(f"no lab is running in {run_dir}")
    else:
        ready = "ready" if state.ready else "starting"
        typer.echo(f"{ready}: process {state.pid}, {state.mode}")
        for name, pid in state.nodes.items():
            typer.echo(f"  {name:<8} process {pid}")
    raise typer.Exit(0 if state is not None else 3)


@app.command()
def certificates(
    directory: Annotated[Path, typer.Argument(help="Where the files go.")],
    config: Config = GUIDE,
    as_json: AsJson = False,
) -> None:
    """Make a throw-away authority and a certificate for each TLS server profile.

    Example: farline lab certificates examples/tls --config examples/guide.yaml
    """
    try:
        hosts = certificate_hosts(read_for_certificates(config))
        make_certificates(directory, hosts)
    except ConfigError as error:
        fail_config(error, config, as_json)
    except LabError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{directory}: no file can be made there: {reason(error)}")
    if as_json:
        typer.echo(json.dumps(hosts))
        return
    for name, subjects in hosts.items():
        typer.echo(f"{directory / name}.pem  {', '.join(subjects)}")
    typer.echo(f"{directory / 'ca.pem'}  the authority that clients must believe")


def _prepare(config: Path, run_dir: Path, loopback: bool) -> Prepared:
    if not loopback:
        _need_namespaces()
    _refuse_second(run_dir)
    try:
        return prepare(config, run_dir, loopback=loopback)
    except ConfigError as error:
        fail_config(error, config, as_json=False)
    except LabError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{run_dir} cannot be a run directory: {reason(error)}")


def _refuse_second(run_dir: Path) -> None:
    state = read_state(run_dir)
    if state is not None:
        fail(f"a lab runs in {run_dir} already (process {state.pid}); farline lab down ends it")


def _need_namespaces() -> None:
    reason = missing_for_namespaces()
    if reason is not None:
        fail(reason)
