"""The media process: the relay's threads, and a Unix socket for border and office.

One JSON object a line. {"id": n, ...request of farline.media.wire} is answered by {"id": n,
...reply}; {"id": n, "op": "sessions"} by {"id": n, "sessions": [...], "no_fast_path": why the
kernel relays nothing, or null}. {"event": ..., "session": ..., ...} goes to every client
(`farline.media.reports`). Sessions belong to this process: a border that comes back finds them.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farline._core import Relay
from farline.media.engine import Delete, MediaReply, Query, Quiet
from farline.media.music import Studio
from farline.media.reports import CallRecorded, encode_report
from farline.media.sessions import MediaSessions
from farline.media.wire import MediaWireError, read_number, read_request, write_reply
from farline.runtime.ids import RealIds
from farline.runtime.line_server import LineServer
from farline.runtime.media_memory import MediaMemory
from farline.runtime.music import MusicShelf
from farline.runtime.process import die_with_parent, run_until_signal
from farline.runtime.relay_watch import RelayWatch
from farline.runtime.unix_socket import listen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farline.media.reports import MediaReport
    from farline.runtime.tls.identity import DtlsIdentity
    from farline.sip.ids import Ids

log = logging.getLogger(__name__)

LINE_LIMIT = 256 * 1024
"""Bytes of a request: the largest SDP, escaped, fits several times."""
EVENT_BACKLOG = 1024 * 1024
"""Bytes that a client may leave unread before it is cut off."""
FAST_PATHS = ("auto", "off", "xdp")
VOICE_QOS = 184
"""The guide's Voice QoS as the DS byte: DSCP 46, expedited forwarding."""


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """A media interface as the process needs it."""

    name: str
    ip: str
    first: int
    last: int
    traffic_class: int = VOICE_QOS
    """DS byte of the packets that leave here."""

    shown: str = ""
    """What SDP says instead of `ip` (1:1 NAT); empty: `ip`."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Settings of the whole process."""

    threads: int = 0
    """Relay threads; 0: one a core."""
    rest_seconds: float = 5.0
    """How long a pair of ports is not given again after a call."""
    timeout_seconds: float = 60.0
    """After how long without a packet a session is reported; 0: never."""
    first_port: int | None = None
    """Where each range begins to be used, in order; None: each port is drawn at random."""
    fast_path: str = "off"
    """Whether the kernel relays settled flows: "auto" (where it can), "xdp" (in the network card's
    driver besides), "off"."""
    instance: str = ""
    """Names the kernel's tables: the same over a restart, no other process's."""
    state: Path | None = None
    """Directory in which sessions outlive the process; None: they do not."""
    recordings: Path | None = None
    """Directory of recordings; None: calls are not recorded."""
    base: Path = Path()
    """Where relative names of files of music start."""
    music: tuple[str, ...] = ()
    """Files that are made ready at the start; others are when they are first asked for."""


class MediaServer:
    """Answers requests on a Unix socket."""

    def __init__(
        self, places: Sequence[MediaPlace], settings: MediaSettings, ids: Ids | None = None
    ) -> None:
        chance = ids or RealIds()
        self._memory = MediaMemory(settings.state)
        identity = self._memory.identity()
        self._relay = make_relay(places, settings, identity, self._memory.cells)
        reason = self._relay.no_fast_path()
        if reason is None:
            self._memory.hold_pins(settings.instance)
            log.info("the kernel relays settled flows")
        elif settings.fast_path != "off":
            log.warning("the kernel relays nothing, the media process relays alone: %s", reason)
        addresses = {place.name: place.shown or place.ip for place in places}
        shelf = MusicShelf(self._relay, settings.base)
        new_file = None if settings.recordings is None else partial(recording_name, chance)
        studio = Studio(new_file, shelf.has)
        for name in settings.music:
            shelf.has(name)
        self._sessions = MediaSessions(self._relay, addresses, chance, identity.fingerprint, studio)
        for name in self._relay.repaired():
            log.warning("recording %s, which a process had left unfinished, is finished", name)
        self._memory.restore(self._sessions, self._relay)
        self._clients: set[asyncio.Transport] = set()
        self._recording: dict[str, bytes] = {}
        """That each file which is open has begun: a border that comes later is told so too."""
        self._watch = RelayWatch(self._relay, self._sessions)

    async def run(self, path: Path, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until cancelled; raises MediaBrokenError when the relay is no longer whole."""
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(self._client, sock=listen(path))
        beating = loop.create_task(self._memory.beat())
        try:
            with self._watch.listening(self._report):
                self._relay.adopt()
                ready()
                await self._watch.broken()
        finally:
            beating.cancel()
            server.close()
            for client in list(self._clients):
                client.close()
            path.unlink(missing_ok=True)
            self._memory.close(over=not len(self._sessions))

    def _report(self, report: MediaReport) -> None:
        """Pass on what happened to a session."""
        event = encode_report(report)
        if isinstance(report, CallRecorded):
            self._recording.pop(report.file, None)
            if report.state == "began":
                self._recording[report.file] = _line(event)
        for client in list(self._clients):
            self._tell(client, event)

    def _tell(self, client: asyncio.Transport, event: dict[str, Any]) -> None:
        if client.get_write_buffer_size() > EVENT_BACKLOG:
            log.warning("a client of the media process does not read: cut off")
            client.abort()
            return
        client.write(_line(event))

    def _client(self) -> LineServer:
        return LineServer(
            self._answer,
            self._clients,
            LINE_LIMIT,
            lambda: b"".join(self._recording.values()),
        )

    def _answer(self, line: bytes) -> bytes:
        try:
            number, request = read_request(line)
        except MediaWireError as error:
            return write_reply(read_number(line), MediaReply(error=str(error), status=500))
        if request is None:
            reason = self._relay.no_fast_path()
            names = self._sessions.names()
            return _line({"id": number, "sessions": names, "no_fast_path": reason})
        if isinstance(request, Delete):
            log.debug("session %r ends: %r", request.session, request.reason)
        reply = self._sessions.perform(request)
        if not isinstance(request, Query | Quiet):  # these leave the session as it is
            self._memory.keep(self._sessions, request.session)
        return write_reply(number, reply)


async def serve(
    socket_path: Path,
    interfaces: Sequence[MediaPlace],
    settings: MediaSettings | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run the media engine until cancelled. `ready` is called once requests are answered."""
    await MediaServer(interfaces, settings or MediaSettings()).run(socket_path, ready)


def make_relay(
    places: Sequence[MediaPlace],
    settings: MediaSettings,
    identity: DtlsIdentity,
    state: Path | None = None,
) -> Relay:
    """The relay of a process; its threads run at once."""
    return Relay(
        [_place(place, settings.first_port) for place in places],
        threads=settings.threads or os.cpu_count() or 1,
        rest_ms=round(settings.rest_seconds * 1000),
        silence_ms=round(settings.timeout_seconds * 1000),
        identity=(identity.certificate, identity.key),
        fast_path=None if settings.fast_path == "off" else (settings.instance, settings.fast_path),
        state=state,
        recordings=None
        if settings.recordings is None
        else (settings.recordings, settings.instance or "none"),
    )


def recording_name(ids: Ids) -> str:
    """When it began (UTC), and something that nobody guesses: nothing that a peer has written."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{ids.token(8)}"


def instance_name(path: Path) -> str:
    """A name for the kernel's tables of the process whose socket this is."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:20]


def _place(place: MediaPlace, first_port: int | None) -> tuple[str, str, int, int, int | None, int]:
    return place.name, place.ip, place.first, place.last, first_port, place.traffic_class


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def read_place(text: str) -> MediaPlace:
    """Read NAME=IP:FIRST-LAST (an IPv6 address in brackets or not); raises ValueError."""
    name, _, rest = text.partition("=")
    host, _, ports = rest.rpartition(":")
    first, _, last = ports.partition("-")
    host = host.removeprefix("[").removesuffix("]")
    return MediaPlace(name, str(ip_address(host)), int(first), int(last))


def main() -> int:
    """Run a media process of its own: `python -m farline.runtime.media_process`."""
    parser = argparse.ArgumentParser(description="The media engine as a process of its own.")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument(
        "--interface",
        type=read_place,
        action="append",
        required=True,
        help="NAME=IP:FIRST-LAST, once for each media interface",
    )
    parser.add_argument("--threads", type=int, default=0, help="relay threads; 0: one a core")
    parser.add_argument("--timeout", type=float, default=60.0, help="media time-out, seconds")
    parser.add_argument("--first-port", type=int, help="port to begin with; default: random")
    parser.add_argument(
        "--fast-path",
        choices=FAST_PATHS,
        default="off",
        help="whether the kernel relays settled flows (default: off)",
    )
    parser.add_argument("--recordings", type=Path, help="directory of recordings of calls")
    parser.add_argument("--state", type=Path, help="directory in which calls outlive the process")
    given = parser.parse_args()
    die_with_parent()
    settings = MediaSettings(
        threads=given.threads,
        timeout_seconds=given.timeout,
        first_port=given.first_port,
        fast_path=given.fast_path,
        instance=instance_name(given.socket),
        state=given.state,
        recordings=given.recordings,
    )
    return run_until_signal(serve(given.socket, given.interface, settings))


if __name__ == "__main__":
    raise SystemExit(main())
