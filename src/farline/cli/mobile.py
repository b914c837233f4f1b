"""`farline mobile`: the mobile client and probe."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farline.cli.calling import (
    CALL_FAILED,
    LOGIN_FAILED,
    Course,
    Printer,
    place,
    read_address,
    read_password,
    read_speech,
    refuse_authorities,
    run_until_signal,
)
from farline.cli.failing import fail
from farline.mobile.clientlog import ClientLog
from farline.mobile.login import Settings
from farline.mobile.steps import StepError
from farline.runtime import clock
from farline.runtime.named_files import reason
from farline.runtime.phones.mobile import MobileClient, MobileOptions
from farline.sip.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable


def mobile(
    server: Annotated[str, typer.Option(help="Name or address of the portal, seen from outside.")],
    username: Annotated[str, typer.Option(help="User name, as in the office.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="REST port.")] = 8444,
    password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the password (mode 600).")
    ] = None,
    secrets: Annotated[
        tuple[Path, str] | None, typer.Option(help="Secrets file and the secret's name.")
    ] = None,
    xmpp_password_file: Annotated[
        Path | None, typer.Option(help="Another password for instant messaging.")
    ] = None,
    sip_password_file: Annotated[
        Path | None, typer.Option(help="Another password for SIP.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="Authority of the servers' certificates.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Verify no certificate.")] = False,
    dns: Annotated[str | None, typer.Option(help="Resolver, IP:PORT; else the system's.")] = None,
    local_ip: Annotated[str | None, typer.Option(help="Source address of everything.")] = None,
    transport: Annotated[str, typer.Option(help="SIP over tcp, udp or tls.")] = "tcp",
    sip_port: Annotated[
        int | None, typer.Option(help="SIP port, where it is not the one of sip-info.")
    ] = None,
    xmpp_port: Annotated[
        int | None, typer.Option(help="XMPP port, where it is not the one of im-info.")
    ] = None,
    call: Annotated[str | None, typer.Option(help="Extension or SIP URI to call.")] = None,
    play: Annotated[Path | None, typer.Option(help="WAV played after the answer.")] = None,
    record: Annotated[Path | None, typer.Option(help="WAV for what is heard.")] = None,
    talk_seconds: Annotated[float, typer.Option(min=0, help="Length of a call of ours.")] = 6.0,
    hangup: Annotated[
        str, typer.Option(help="after: hang up after the talk; never: the peer does.")
    ] = "after",
    digits: Annotated[str, typer.Option(help="Keys pressed after the answer.")] = "",
    answer: Annotated[bool, typer.Option("--answer", help="Answer incoming calls.")] = False,
    answer_after_ms: Annotated[int, typer.Option(min=0, help="Ringing before that.")] = 500,
    login_only: Annotated[bool, typer.Option("--login-only", help="End once registered.")] = False,
    user_agent: Annotated[str, typer.Option(help="User-Agent header.")] = "Farline Mobile",
    log_file: Annotated[Path | None, typer.Option(help="The client's log goes there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Events as JSON lines.")] = False,
) -> None:
    """Log in from outside in the guide's order, then call, or stay registered until Ctrl-C.

    Ends with 0 when all was done, 1 when a step of the login failed, 2 for wrong options, 3 when
    the call came to nothing.

    Example: farline mobile --server ipo1xp.ipolab.com --username Ruel --secrets run/secrets.yaml
    ruel --ca run/tls/ca.pem --call 3003 --play src/farline/lab/speech/ruel.wav --record heard.wav
    """
    settings = Settings(
        server=server,
        port=port,
        username=username,
        password=read_password(password_file, secrets),
        transport=_transport(transport),
        verify=not insecure,
        sip_port=sip_port,
        xmpp_port=xmpp_port,
        xmpp_password=read_password(xmpp_password_file, None) if xmpp_password_file else None,
        sip_password=read_password(sip_password_file, None) if sip_password_file else None,
    )
    options = MobileOptions(
        speech=read_speech(play),
        dns=read_address(dns),
        local_ip=local_ip,
        ca=ca,
        insecure=insecure,
        record=record,
        answer_after=answer_after_ms / 1000.0 if answer else None,
        user_agent=user_agent,
    )
    if hangup not in ("after", "never"):
        raise typer.BadParameter("--hangup is after or never")
    course = Course(talk_seconds if hangup == "after" else None, digits)
    printer = Printer(as_json=as_json)
    log = ClientLog(_log_writer(log_file), clock.wall, os.getpid())
    try:
        client = MobileClient(settings, options, on_event=printer, log=log)
    except OSError as error:
        refuse_authorities(ca, error)
    raise typer.Exit(run_until_signal(_run(client, call, course, login_only=login_only)))


async def _run(client: MobileClient, call: str | None, course: Course, *, login_only: bool) -> int:
    try:
        await client.login()
    except StepError:
        await client.close()
        return LOGIN_FAILED  # the step's event has said which door and why
    watch = asyncio.ensure_future(client.watch_network())
    try:
        if call is not None:
            return 0 if await place(client.phone, call, course) else CALL_FAILED
        if not login_only:
            await asyncio.Event().wait()
        return 0
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await client.close()


def _transport(text: str) -> Transport:
    if text.upper() not in Transport.__members__:
        raise typer.BadParameter("--transport is tcp, udp or tls")
    return Transport[text.upper()]


def _log_writer(path: Path | None) -> Callable[[str], None]:
    """Lines into the file, or nowhere: the events say the same to people."""
    if path is None:
        return lambda line: None
    try:
        file = path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        fail(f"{path} cannot be written: {reason(error)}")
    return lambda line: print(line, file=file)
