"""A relay of datagrams: one association a client, each with a socket of its own towards the server.

Answers come back from the address and port that the client sent to, and only the server's do: the
socket inside is connected.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from farline.border.relays.ledger import RelayLedger
from farline.border.relays.rtcp_actors import RtcpActors
from farline.border.relays.rtcp_monitor import RtcpMonitor
from farline.runtime.relays.remote import OutsideError, remote_addresses, try_each
from farline.runtime.traceroute import Traceroutes
from farline.trace.events import Note, Refused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from farline.border.relays.ledger import Ending
    from farline.border.relays.plan import RelayPlan
    from farline.border.relays.rtcp_actors import FarEnd
    from farline.runtime.relays.remote import Ask
    from farline.trace.events import Event

    Client = tuple[str, int]

MAX_EARLY = 8
"""Datagrams of one client kept until its socket inside is there."""


class Association(asyncio.DatagramProtocol):
    """One client's socket towards the server."""

    def __init__(self, relay: UdpRelay, client: Client, *, known: bool) -> None:
        self.relay = relay
        self.client = client
        self.known = known
        self.missed = not known
        self.last_heard = relay.loop.time()
        self.bytes_up = self.bytes_down = 0
        self.early: deque[bytes] = deque(maxlen=MAX_EARLY)
        self.transport: asyncio.DatagramTransport | None = None
        self.task: asyncio.Task[None] | None = None
        self.timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self.transport = cast("asyncio.DatagramTransport", transport)
        if self.relay.associations.get(self.client) is not self:
            self.transport.abort()
            return
        while self.early:
            self.transport.sendto(self.early.popleft())

    def send(self, data: bytes) -> None:
        """A datagram of the client's."""
        self.last_heard = self.relay.loop.time()
        self.bytes_up += len(data)
        if self.transport is None:
            self.early.append(data)
        else:
            self.transport.sendto(data)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """A datagram of the server's (the kernel drops others')."""
        self.last_heard = self.relay.loop.time()
        self.bytes_down += len(data)
        self.relay.answer(data, self.client)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there now: the idle time-out, or the next datagram, decides."""


class UdpRelay(asyncio.DatagramProtocol):
    """One relay: its socket outside and everybody heard through it."""

    def __init__(
        self,
        plan: RelayPlan,
        *,
        trace: Callable[[Event], None],
        ask: Ask | None = None,
        registered: Callable[[str], bool] | None = None,
        far_end: Callable[[str, int], FarEnd | None] | None = None,
    ) -> None:
        """`far_end`: who is behind a media address of ours (for the RTCP actors)."""
        self.plan = plan
        self.ledger = RelayLedger(plan)
        self.loop = asyncio.get_running_loop()
        self.associations: dict[Client, Association] = {}
        self.monitor = RtcpMonitor() if plan.monitoring else None
        self._routes = Traceroutes()
        self._far_end = far_end or (lambda _host, _port: None)
        self.actors = self._acting(plan)
        self._ask = ask
        self._registered = registered
        self._trace = trace
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = False
        self._emptied = asyncio.Event()

    @property
    def port(self) -> int:
        """The port listened on (the plan's, or the one found for port 0)."""
        if self._transport is None:
            return self.plan.listen[1]
        return int(self._transport.get_extra_info("sockname")[1])

    async def start(self) -> None:
        """Listen, or admit again after `close`. Raises OSError naming relay, address and port."""
        self._closed = False
        if self._transport is not None:
            return
        ip, port = self.plan.listen
        try:
            transport, _ = await self.loop.create_datagram_endpoint(
                lambda: self, local_addr=(ip, port)
            )
        except OSError as error:
            text = f"relay {self.plan.name!r} cannot listen on {ip}:{port}: {error.strerror}"
            raise OSError(error.errno, text) from error
        self._transport = transport
        self._trace(Note("listening", f"relay {self.plan}", self.plan.name))

    def change(self, plan: RelayPlan, _client_tls: ssl.SSLContext | None) -> None:
        """Go by another plan for the same address; whoever is there keeps the server."""
        self.plan = self.ledger.plan = plan
        if (self.monitor is not None) != plan.monitoring:
            self.monitor = RtcpMonitor() if plan.monitoring else None
        if (self.actors.actors if self.actors is not None else None) != plan.actors:
            self.actors = self._acting(plan)

    def _acting(self, plan: RelayPlan) -> RtcpActors | None:
        if plan.actors is None:
            return None
        return RtcpActors(plan.actors, self._far_end, self._routes.way)

    def close(self) -> None:
        """Admit nobody new; the socket is needed until the last answer."""
        self._closed = True

    async def emptied(self) -> None:
        """Wait until nobody is there."""
        while self.associations:
            self._emptied.clear()
            await self._emptied.wait()

    async def stop(self) -> None:
        """Listen no more and forget everybody."""
        await self._routes.stop()
        if self._transport is not None:
            self._transport.abort()
        for association in tuple(self.associations.values()):
            self._end(association, "stopped")

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """A datagram from outside."""
        client = (str(addr[0]), int(addr[1]))
        association = self.associations.get(client) or self._admit(client)
        if association is not None:
            if self.monitor is not None:
                self.monitor.take(client[0], data)
            if self.actors is not None:
                data = self.actors.act(client[0], data)
            association.send(data)

    def answer(self, data: bytes, client: Client) -> None:
        """A datagram for a client."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, client)

    def show(self) -> dict[str, object]:
        """Plan, occupancy and counters; bytes include those of open associations."""
        shown, counters = self.ledger.show(), self.ledger.counters
        now = self.associations.values()
        shown["bytes_up"] = counters.bytes_up + sum(one.bytes_up for one in now)
        shown["bytes_down"] = counters.bytes_down + sum(one.bytes_down for one in now)
        if self.monitor is not None:
            shown["rtcp"] = self.monitor.show()
        if self.actors is not None:
            shown["actors"] = dict(self.actors.counters)
        return shown

    def _knows(self, host: str) -> bool:
        if self.plan.whitelist is None:
            return True
        return self._registered is not None and self._registered(host)

    def _admit(self, client: Client) -> Association | None:
        if self._closed:
            return None
        known = self._knows(client[0])
        verdict = self.ledger.admit(client[0], known=known)
        if not verdict.value:
            detail, remote = f"{self.plan.name}: {verdict.because}", f"{client[0]}:{client[1]}"
            self._trace(Refused("relay-limit", detail, self.plan.name, remote))
            return None
        association = self.associations[client] = Association(self, client, known=known)
        association.task = self.loop.create_task(self._connect(association))
        self._watch_idle(association)
        if self.plan.whitelist is not None:
            seconds = self.plan.whitelist.login_seconds
            association.timers.append(
                self.loop.call_later(seconds, self._watch_login, association, seconds)
            )
        return association

    async def _connect(self, association: Association) -> None:
        plan = self.plan

        async def connect(address: str) -> None:
            await self.loop.create_datagram_endpoint(
                lambda: association,
                local_addr=(plan.connect_ip, 0),
                remote_addr=(address, plan.remote[1]),
            )

        try:
            async with asyncio.timeout(plan.connect_seconds):
                addresses = await remote_addresses(plan, self._ask)
                await try_each(addresses, plan.connect_seconds, connect)
        except (OSError, TimeoutError) as error:
            if isinstance(error, OutsideError):
                self.ledger.reasons["dns"] += 1
            reason = str(error) or f"no answer in {plan.connect_seconds:.0f} s"
            self._trace(Note("relay connect failed", reason, plan.name))
            self._end(association, "connect failed")

    def _watch_idle(self, association: Association) -> None:
        until = association.last_heard + self.plan.idle_seconds
        if self.loop.time() >= until:
            self._end(association, "idle")
            return
        timer = self.loop.call_at(until, self._watch_idle, association)
        association.timers = [
            *(one for one in association.timers if one.when() > self.loop.time()), timer
        ]  # fmt: skip

    def _watch_login(self, association: Association, seconds: float) -> None:
        """Whitelist Flows: a phone must still be registered from there."""
        known = self._knows(association.client[0])
        if not known and association.missed:
            self._end(association, "no login")
            return
        association.missed = not known
        association.timers.append(
            self.loop.call_later(seconds, self._watch_login, association, seconds)
        )

    def _end(self, association: Association, ending: Ending) -> None:
        if self.associations.get(association.client) is not association:
            return
        del self.associations[association.client]
        self._emptied.set()
        for timer in association.timers:
            timer.cancel()
        if association.transport is not None:
            association.transport.abort()
        if association.task is not None and association.task is not asyncio.current_task():
            association.task.cancel()
        up, down = association.bytes_up, association.bytes_down
        host, port = association.client
        self.ledger.ended(host, ending, up, down, known=association.known)
        detail = f"{host}:{port} {ending}, {up} bytes up, {down} bytes down"
        self._trace(Note("relay closed", detail, self.plan.name))
