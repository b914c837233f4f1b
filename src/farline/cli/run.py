"""`farline run`: serve a deployment, or one role of it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from farline.cli.failing import REFUSED, fail
from farline.cli.files import (
    SECRETS_ENV,
    check_text,
    fail_config,
    read_checked,
    read_deployment,
    say_warnings,
)
from farline.cli.roles import load, serve
from farline.config import ConfigError, Deployment
from farline.runtime.huge_pages import gather
from farline.runtime.named_files import reason
from farline.runtime.process import die_with_parent, run_until_signal
from farline.runtime.role import ROLES, RoleContext, roles_of
from farline.runtime.tls.profiles import TlsError


def run(
    config: Annotated[Path, typer.Option(help="The deployment file.")],
    role: Annotated[
        str | None, typer.Option(help=f"Run one role alone: {', '.join(ROLES)}.")
    ] = None,
    run_dir: Annotated[Path, typer.Option(help="Where sockets, traces and state go.")] = Path(
        "run"
    ),
    secrets: Annotated[
        Path | None, typer.Option(help="Secrets file; default: secrets.yaml beside the deployment.")
    ] = None,
    trace: Annotated[bool, typer.Option(help="Write the trace of messages and decisions.")] = True,
    standby: Annotated[
        bool, typer.Option(hidden=True, help="Serve when a line comes on standard input.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print problems as JSON.")] = False,
) -> None:
    """Serve until Ctrl-C: one process a role, each started again when it dies.

    Example: farline run --config examples/guide.yaml
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        fail(f"{run_dir} cannot be a run directory: {reason(error)}; give another --run-dir")
    try:
        if role is None:
            status = _run_all(config, secrets, run_dir, traced=trace)
            raise typer.Exit(status)
        deployment = read_deployment(config, secrets)
    except ConfigError as error:
        fail_config(error, config, as_json)
    if role not in ROLES:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}")
    if role not in roles_of(deployment):
        fail(f"{config} has no section {role!r}")
    die_with_parent()
    if standby:
        ready = run_dir / "control" / f"{role}.spare"
        deployment = wait_for_word(role, deployment, config, secrets, ready)
    context = RoleContext(
        role,
        deployment,
        config.resolve().parent,
        run_dir,
        traced=trace,
        reload=lambda: read_deployment(config, secrets),
    )
    try:
        status = run_until_signal(serve(context))
    except (OSError, TlsError) as error:  # a port that is taken, a certificate that is not there
        fail(f"{role}: {error}", REFUSED)
    raise typer.Exit(status)


def _run_all(config: Path, secrets: Path | None, run_dir: Path, *, traced: bool) -> int:
    """Supervise every role, and take changes. Raises ConfigError."""
    # Here, because the roles' own processes start by this module too and need none of it.
    from farline.runtime.changes import Changes
    from farline.runtime.supervisor import Supervisor
    from farline.store.versions import Versions

    def notice(text: str) -> None:
        typer.echo(text, err=True)

    def check(text: str) -> Deployment:
        return check_text(text, config, secrets, run_dir)[0]

    die_with_parent()
    versions = Versions(run_dir / "state" / "versions.sqlite")
    fleet = Supervisor(config, run_dir, notice, traced=traced)
    changes = Changes(versions, config, check, fleet, notice)
    changes.before_start()
    deployment, warnings = read_checked(config, secrets, run_dir)
    say_warnings(warnings, config)
    if secrets is not None:
        os.environ[SECRETS_ENV] = str(secrets.resolve())
    changes.begin()

    async def serve_all() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.run(roles_of(deployment)))
            group.create_task(changes.serve(run_dir / "control" / "farline.sock"))

    return run_until_signal(serve_all())


def wait_for_word(
    role: str, deployment: Deployment, config: Path, secrets: Path | None, ready: Path
) -> Deployment:
    """Be ready to serve a role, and return when the supervisor says so.

    `ready` is a file that is there meanwhile. The deployment is read again where its file was
    changed.
    """
    load(role)
    if role == "border":
        gather()  # run_border has then little left, at a death when others need the processor
    before = _stamp(config)
    ready.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    ready.write_text(f"{os.getpid()}\n", encoding="ascii")
    word = sys.stdin.readline()
    ready.unlink(missing_ok=True)
    if not word:
        raise typer.Exit(0)  # the supervisor is gone
    if _stamp(config) == before:
        return deployment
    try:
        return read_deployment(config, secrets)
    except ConfigError as error:
        text = f"{config} was changed and cannot be used; {role} goes on with what it was: {error}"
        typer.echo(text, err=True)
        return deployment


def _stamp(config: Path) -> tuple[int, int]:
    found = config.stat()
    return found.st_mtime_ns, found.st_size


if __name__ == "__main__":
    # A role's process: it imports what its role needs, not the whole command.
    typer.run(run)
