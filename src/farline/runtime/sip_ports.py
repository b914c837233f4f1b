"""The ports of signaling interfaces, and the way from one set of them to another.

A port that is no longer wanted closes at once where no call uses it. Else it goes on for the calls
that are there, and nothing new begins on it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from farline.runtime.sip_listen import StreamServer, UdpSocket, bind_device
from farline.sip.transport import Address, Transport
from farline.trace.events import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set

    from farline.runtime.sip import SipDriver
    from farline.runtime.sip_listen import Listener
    from farline.sip.transport import Flow

    Calls = Callable[[], Mapping[Hashable, Set[tuple[str, Transport]]]]
    """The calls that there are, each with the interfaces and transports that it uses."""

LOOK_SECONDS = 1.0
"""How often ports that end are looked at."""

_GOES_ON = re.compile(rb"SIP/2\.0 |ACK |CANCEL ")
_TO_TAG = re.compile(rb"\r?\n(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=", re.IGNORECASE)


class Place(NamedTuple):
    """One port, as it was asked for."""

    interface: str
    transport: Transport
    ip: str
    port: int
    device: str | None

    @property
    def held(self) -> tuple[bool, str, int]:
        """What no other socket can have at the same time."""
        return self.transport is Transport.UDP, self.ip, self.port


@dataclass(slots=True)
class Ending:
    """A port that goes on for some calls."""

    socket: UdpSocket | StreamServer
    calls: set[Hashable]


class SipPorts:
    """Every socket that a driver listens with."""

    def __init__(self, driver: SipDriver, listeners: Sequence[Listener]) -> None:
        self._driver = driver
        self._listeners = {listener.interface: listener for listener in listeners}
        self._former: dict[str, Listener] = {}
        """Interfaces that are gone: calls may still leave by them."""

        self._classes = {listener.interface: listener.qos for listener in listeners}
        self._open: dict[Place, UdpSocket | StreamServer] = {}
        self.udp_of: dict[str, UdpSocket] = {}
        """The socket of each interface; while ports are ending, `udp` finds the right one."""

        self.ending: dict[tuple[str, Transport, Address], Ending] = {}
        """Ports that go on for some calls."""

        self._looking: asyncio.Task[None] | None = None

    # ---- what there is ----

    def listener(self, interface: str) -> Listener:
        """An interface, also one that is gone."""
        return self._listeners.get(interface) or self._former[interface]

    def ds_byte(self, interface: str) -> int:
        """The DS byte of what leaves by an interface and has none of its own."""
        return self._classes.get(interface, 0)

    def ports(self, interface: str) -> dict[Transport, int]:
        """The ports that an interface really listens on (after 0 was asked for)."""
        found: dict[Transport, int] = {}
        for place, sock in self._open.items():
            if place.interface == interface:
                found.setdefault(place.transport, sock.local.port)
        return found

    def udp(self, flow: Flow) -> UdpSocket | None:
        """The socket that a datagram of a flow leaves by."""
        if self.ending:
            ending = self.ending.get((flow.interface, Transport.UDP, flow.local))
            if ending is not None and isinstance(ending.socket, UdpSocket):
                return ending.socket
        return self.udp_of.get(flow.interface)

    def refuses(self, flow: Flow, data: bytes) -> bool:
        """Whether a message begins something on a port that ends."""
        if not self.ending or (flow.interface, flow.transport, flow.local) not in self.ending:
            return False
        return _GOES_ON.match(data) is None and _TO_TAG.search(data, 0, 8192) is None

    # ---- what changes ----

    async def open(self) -> None:
        """Open every port. Raises OSError naming interface, transport and address."""
        for listener in self._listeners.values():
            for place in _places(listener):
                self._open[place] = await self._listen(listener, place)

    async def adopt(self, listeners: Sequence[Listener], calls: Calls) -> None:
        """Listen where these do, from now on.

        Raises OSError naming interface, transport and address; then everything is as before.
        """
        wanted = {place: listener for listener in listeners for place in _places(listener)}
        gone = {place: sock for place, sock in self._open.items() if place not in wanted}
        taken = {place.held for place in wanted if place not in self._open}
        in_the_way = {place: sock for place, sock in gone.items() if place.held in taken}
        await self._close(in_the_way.values())
        self._end_now({key for key, one in self.ending.items() if _held(key) in taken})
        fresh: dict[Place, UdpSocket | StreamServer] = {}
        try:
            for place, listener in wanted.items():
                if place not in self._open:
                    fresh[place] = await self._listen(listener, place)
        except OSError:
            await self._close(fresh.values())
            for place in in_the_way:
                listener = self._listeners[place.interface]
                self._open[place] = await self._listen(listener, place)
            raise
        self._former |= self._listeners
        self._listeners = {listener.interface: listener for listener in listeners}
        self._open = {place: fresh.get(place) or self._open[place] for place in wanted}
        self.udp_of = {}
        for place, sock in self._open.items():
            self._note(place, sock, wanted[place])
        for place, sock in gone.items():
            if place not in in_the_way:
                self._end(place, sock, calls())
        if self.ending and self._looking is None:
            self._looking = asyncio.ensure_future(self._look(calls))

    def remark(self, classes: Mapping[str, int]) -> None:
        """Give interfaces other DS bytes, for what has none of its own."""
        for interface, ds_byte in classes.items():
            self._classes[interface] = ds_byte
            if interface in self.udp_of:
                self.udp_of[interface].mark(ds_byte)

    async def stop(self) -> None:
        """Close every port."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for sock in (*self._open.values(), *(one.socket for one in self.ending.values())):
            sock.close()

    # ---- how ----

    async def _listen(self, listener: Listener, place: Place) -> UdpSocket | StreamServer:
        sock: UdpSocket | StreamServer
        try:
            if place.transport is Transport.UDP:
                loop = asyncio.get_running_loop()
                _, sock = await loop.create_datagram_endpoint(
                    lambda: UdpSocket(self._driver, place.interface),
                    local_addr=(place.ip, place.port),
                )
                bind_device(sock.raw, place.device)
            else:
                sock = StreamServer(self._driver, listener, place.transport)
                await sock.open(place.port)
        except OSError as error:
            where = f"{place.interface}: {place.transport} {place.ip}:{place.port}"
            # uvloop's own error for UDP has no text; the system's stands behind it.
            reason = error.strerror or str(error.__cause__ or error)
            raise OSError(error.errno, f"cannot listen on {where}: {reason}") from error
        self._note(place, sock, listener)
        text = f"{place.transport} {place.ip}:{place.port}"
        self._driver.event(Note("listening", text, place.interface))
        return sock

    def _note(self, place: Place, sock: UdpSocket | StreamServer, listener: Listener) -> None:
        """What of a listener its socket goes by."""
        if isinstance(sock, UdpSocket):
            self.udp_of[place.interface] = sock
            sock.mark(self._classes.setdefault(place.interface, listener.qos))
        else:
            self._classes.setdefault(place.interface, listener.qos)
            sock.listener = listener

    def _end(
        self,
        place: Place,
        sock: UdpSocket | StreamServer,
        calls: Mapping[Hashable, Set[tuple[str, Transport]]],
    ) -> None:
        users = {call for call, at in calls.items() if (place.interface, place.transport) in at}
        key = (place.interface, place.transport, sock.local)
        self.ending[key] = Ending(sock, users)
        if users:
            text = f"{place.transport} {sock.local} for {len(users)} calls only"
            self._driver.event(Note("port ends", text, place.interface))
        else:
            self._end_now({key})

    async def _look(self, calls: Calls) -> None:
        """Close ports once their calls are over."""
        while self.ending:
            await asyncio.sleep(LOOK_SECONDS)
            there = calls()
            for ending in self.ending.values():
                ending.calls &= set(there)
            self._end_now({key for key, one in self.ending.items() if not one.calls})
        self._looking = None

    def _end_now(self, keys: Set[tuple[str, Transport, Address]]) -> None:
        for key in keys:
            interface, transport, local = key
            self.ending.pop(key).socket.close()
            self._driver.connections.close_at(*key)
            self._driver.event(Note("port closed", f"{transport} {local}", interface))

    async def _close(self, sockets: Iterable[UdpSocket | StreamServer]) -> None:
        for sock in sockets:
            sock.close()
            if isinstance(sock, UdpSocket):
                await sock.closed.wait()


def _places(listener: Listener) -> Iterator[Place]:
    for transport, port in listener.ports():
        yield Place(listener.interface, transport, listener.ip, port, listener.device)


def _held(key: tuple[str, Transport, Address]) -> tuple[bool, str, int]:
    _, transport, local = key
    return transport is Transport.UDP, local.host, local.port
