"""`farline media`: the media engine alone, for another SIP proxy."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from farline.cli.calling import read_address
from farline.cli.failing import REFUSED, fail
from farline.runtime.media_process import MediaPlace, MediaSettings, read_place
from farline.runtime.ng_server import NgServer
from farline.runtime.process import die_with_parent, run_until_signal
from farline.runtime.relay_watch import MediaBrokenError
from farline.runtime.secret_directory import is_ours
from farline.store.sqlite import StoreError


def media(
    ng: Annotated[str, typer.Option(help="IP:PORT on which ng requests are taken (UDP).")],
    interface: Annotated[
        list[str],
        typer.Option(
            help="NAME=IP:FIRST-LAST, a media interface and its ports; the first serves "
            "calls that name none."
        ),
    ],
    threads: Annotated[int, typer.Option(min=0, help="Relay threads; 0: one a core.")] = 0,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds of silence that end a call; 0: never.")
    ] = 60.0,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Directory, in memory (/dev/shm) and for nobody else, in which calls outlive this "
            "process: keys stand in it. Default: they do not."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Events as JSON lines.")] = False,
) -> None:
    """Relay media for Kamailio or OpenSIPS, in place of rtpengine, until Ctrl-C.

    Whoever reaches the ng address commands the engine: keep it to this machine or a network of
    your own. Ends with 1 when it cannot listen, 2 for wrong options.

    Example: farline media --ng 127.0.0.1:2223 --interface pub=192.168.64.96:35000-40000
    --interface priv=10.10.10.7:35000-40000
    """
    address = read_address(ng)
    if address is None:
        raise typer.BadParameter("--ng is IP:PORT")
    places = _places(interface)

    def say(event: str, **fields: object) -> None:
        shown = ", ".join(f"{name} {value}" for name, value in fields.items())
        typer.echo(json.dumps({"event": event, **fields}) if as_json else f"{event}: {shown}")

    async def serve() -> None:
        settings = MediaSettings(threads=threads, timeout_seconds=timeout, state=state)
        server = NgServer(places, settings)
        names = [f"{one.name} {one.ip}:{one.first}-{one.last}" for one in places]
        try:
            await server.run(
                address.host, address.port, lambda at: say("ready", ng=at, interfaces=names)
            )
        finally:
            server.close()
            say("ended", calls=len(server.service), **asdict(server.counters))

    if state is not None and not is_ours(state):
        raise typer.BadParameter(f"--state {state}: no directory of ours with mode 700")
    die_with_parent()
    try:
        raise typer.Exit(run_until_signal(serve()))
    except (OSError, ValueError, StoreError, MediaBrokenError) as error:
        fail(f"farline media: {error}", REFUSED)


def _places(texts: list[str]) -> list[MediaPlace]:
    places: list[MediaPlace] = []
    for text in texts:
        try:
            place = read_place(text)
        except ValueError as error:
            raise typer.BadParameter(f"--interface {text}: {error}") from None
        if not place.name or not 1024 <= place.first < place.last <= 65535:
            raise typer.BadParameter(f"--interface {text}: NAME=IP:FIRST-LAST, ports from 1024 on")
        if place.name in {one.name for one in places}:
            raise typer.BadParameter(f"--interface {place.name} is there twice")
        places.append(place)
    return places
