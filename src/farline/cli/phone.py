"""`farline phone`: a desk phone that registers straight at the office."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

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
    talk,
)
from farline.cli.failing import fail
from farline.mobile.commands import CallState
from farline.mobile.line import Account
from farline.mobile.steps import StepError
from farline.runtime.ids import RealIds
from farline.runtime.named_files import reason
from farline.runtime.phones.phone import Phone, PhoneOptions
from farline.runtime.phones.reaching import client_tls, local_address
from farline.sip.transport import Transport


def phone(
    registrar: Annotated[str, typer.Option(help="IP:PORT of the registrar.")],
    domain: Annotated[str, typer.Option(help="SIP domain.")],
    extension: Annotated[str, typer.Option(help="Extension.")],
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the password (mode 600).")
    ] = None,
    secrets: Annotated[
        tuple[Path, str] | None, typer.Option(help="Secrets file and the secret's name.")
    ] = None,
    transport: Annotated[str, typer.Option(help="SIP over udp, tcp or tls.")] = "udp",
    ca: Annotated[Path | None, typer.Option(help="Authority of the server's certificate.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Verify no certificate.")] = False,
    local_ip: Annotated[str | None, typer.Option(help="Own address.")] = None,
    answer_after_ms: Annotated[
        int, typer.Option(min=-1, help="Ringing before a call is answered; -1: never.")
    ] = 500,
    call: Annotated[str | None, typer.Option(help="Extension to call once registered.")] = None,
    play: Annotated[Path | None, typer.Option(help="WAV played in calls.")] = None,
    record: Annotated[Path | None, typer.Option(help="WAV for what is heard.")] = None,
    hangup_after: Annotated[
        float | None, typer.Option(min=0, help="Seconds after the answer; else the peer does.")
    ] = None,
    calls: Annotated[int, typer.Option(min=0, help="End after so many calls; 0: never.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Events as JSON lines.")] = False,
) -> None:
    """Register as a desk phone, answer calls, until Ctrl-C.

    Ends with 0 when all was done, 1 when it could not register, 2 for wrong options, 3 when its
    own call came to nothing.

    Example: farline phone --registrar 10.10.10.13:5060 --domain ipo1xp.ipolab.com
    --extension 3003 --name Dora --secrets run/secrets.yaml dora
    --play src/farline/lab/speech/dora.wav --record heard.wav --hangup-after 6
    """
    server = read_address(registrar)
    if server is None or transport not in ("udp", "tcp", "tls"):
        raise typer.BadParameter("--transport is udp, tcp or tls")
    account = Account(
        domain=domain,
        extension=extension,
        password=read_password(password_file, secrets),
        server=server,
        instance=RealIds().uuid(),
        transport=Transport[transport.upper()],
        display_name=name,
        user_agent="Farline Phone",
        answer_after=answer_after_ms / 1000.0 if answer_after_ms >= 0 else None,
    )
    try:
        own = local_ip or local_address(server.host)
    except OSError as error:
        fail(f"no way to {server.host}: {reason(error)}; name this machine's address: --local-ip")
    try:
        tls = client_tls(ca, insecure=insecure)
    except OSError as error:
        refuse_authorities(ca, error)
    options = PhoneOptions(local_ip=own, speech=read_speech(play), record=record, tls=tls)
    desk = Desk(account, options, Printer(as_json=as_json), hangup_after)
    raise typer.Exit(run_until_signal(desk.run(call, calls)))


class Desk:
    """A phone on a desk: every answered call takes the same course."""

    def __init__(
        self,
        account: Account,
        options: PhoneOptions,
        printer: Printer,
        hangup_after: float | None,
    ) -> None:
        self._printer = printer
        self._course = Course(hangup_after)
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._phone = Phone(account, options, self._event)

    async def run(self, call: str | None, calls: int) -> int:
        """Register and serve; the exit status."""
        try:
            await self._phone.register()
        except (StepError, OSError) as error:
            self._printer({"event": "failed", "detail": str(error)})
            await self._phone.abandon()
            return LOGIN_FAILED
        try:
            if call is not None:
                return 0 if await place(self._phone, call, self._course) else CALL_FAILED
            while not calls or self._printer.calls_ended < calls:
                self._ended.clear()
                await self._ended.wait()
            return 0
        finally:
            await self._phone.stop()

    def _event(self, event: dict[str, Any]) -> None:
        self._printer(event)
        if event["event"] != "call" or not event["call"].startswith("in-"):
            return
        if event["state"] == CallState.ANSWERED:
            task = asyncio.ensure_future(talk(self._phone, event["call"], self._course))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif event["state"] == CallState.ENDED:
            self._ended.set()
