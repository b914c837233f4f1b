"""The driver of a SIP core: sockets, timers and media on one side, the core on the other.

It does what the core's outputs say and reports back what happened; it decides nothing about SIP.
Limits here are those that must hold before a message exists: connections, unfinished messages,
writers that do not read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from farline.media.engine import Media
from farline.runtime import clock
from farline.runtime.ids import RealIds
from farline.runtime.sip_listen import Listener
from farline.runtime.sip_orders import SipOrders
from farline.runtime.sip_ports import SipPorts
from farline.runtime.sip_seen import seen, shown
from farline.sip.effects import (
    Close,
    Closed,
    Core,
    Expired,
    KeptAlive,
    Lookup,
    Open,
    Opened,
    Received,
    Send,
)
from farline.sip.transport import Address, Flow, Transport
from farline.store.state import Persist
from farline.trace.events import Note, Refused, Trace

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from farline.media.engine import MediaReply, MediaRequest
    from farline.runtime.quarantine import Quarantine
    from farline.runtime.sip_ports import Calls
    from farline.runtime.sip_stream import Connection
    from farline.sip.dns import Found, Question
    from farline.trace.events import Direction, Event

__all__ = ["Listener", "SipDriver"]

log = logging.getLogger(__name__)

TIMER_GRAIN = 0.005
"""Seconds: timers of a core are looked after no oftener, all that are due together."""


class SipDriver:
    """Owns the sockets of named signaling interfaces and drives one core with them.

    Args:
        core: see `farline.sip.effects.Core`.
        listeners: the signaling interfaces; outgoing connections leave from their addresses.
        tls_client: how servers that we connect to are verified; None: TLS cannot be opened.
        tls_for: the same by the TLS client profile that the core names, where servers differ.
        media: performs a media request; None: every request is answered with an error.
        trace: takes every message and event; None: nothing is traced.
        on_output: takes outputs that are not for the driver.
        quarantine: keeps messages that make the core fail, and their like out; None: nothing does.
        keep: writes down records, at once; what a core sends in the same turn leaves afterwards.
        on_pong: told of a CRLF on a connection (answer to a keep-alive, RFC 5626 section 3.5.1).
    """

    def __init__(
        self,
        core: Core,
        listeners: Sequence[Listener],
        *,
        tls_client: ssl.SSLContext | None = None,
        tls_for: Callable[[str | None], ssl.SSLContext | None] | None = None,
        media: Callable[[MediaRequest], Awaitable[MediaReply]] | None = None,
        trace: Callable[[Event], None] | None = None,
        on_output: Callable[[object], None] | None = None,
        on_pong: Callable[[Flow], None] | None = None,
        quarantine: Quarantine | None = None,
        keep: Callable[[Sequence[Persist]], None] | None = None,
    ) -> None:
        self.core = core
        self.ids = RealIds()
        self.tls_for = tls_for or (lambda _profile: tls_client)
        self.media = media
        self.resolve: Callable[[Question], Awaitable[Found]] | None = None
        """Asks the DNS; never raises."""

        self._trace = trace
        self.on_output = on_output
        self._on_pong = on_pong
        self.tells_keep_alives = False
        """The core wants `KeptAlive`."""

        self._quarantine = quarantine
        self._keep = keep
        self._ports = SipPorts(self, listeners)
        self._streams: dict[int, Connection] = {}
        self._accepted: Counter[str] = Counter()
        self._websockets: Counter[tuple[str, str]] = Counter()
        """How many each source has on an interface."""

        self._next_token = 0
        self._orders = SipOrders(self)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._stopped = False

    # ---- life ----

    async def start(self) -> None:
        """Open every port. Raises OSError naming interface, transport and address."""
        await self._ports.open()
        self._after()

    async def relisten(self, listeners: Sequence[Listener], calls: Calls) -> None:
        """Listen where these do, from now on; ports that are gone go on for their calls.

        Raises OSError naming interface, transport and address; then nothing has changed.
        """
        await self._ports.adopt(listeners, calls)

    def remark(self, classes: Mapping[str, int]) -> None:
        """Give signaling interfaces other DS bytes, for what has none of its own."""
        self._ports.remark(classes)

    async def stop(self) -> None:
        """Close everything; the core is told nothing more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        await self._ports.stop()
        for stream in list(self._streams.values()):
            stream.close()
        await self._orders.stop()

    def ports(self, interface: str) -> dict[Transport, int]:
        """The ports that an interface really listens on (after 0 was asked for)."""
        return self._ports.ports(interface)

    def listener(self, interface: str) -> Listener:
        """How an interface listens, also one that is gone."""
        return self._ports.listener(interface)

    def close_at(self, interface: str, transport: Transport, local: Address) -> None:
        """Close the connections that were accepted at a port."""
        for stream in list(self._streams.values()):
            at = stream.interface, stream.kind, stream.local
            if stream.ticket is None and at == (interface, transport, local):
                stream.close()

    # ---- to the core ----

    def handle(self, event: object) -> None:
        """Give the core an input, do what it says, and arm its next timer."""
        if self._stopped:
            return
        try:
            self.core.handle(event, clock.monotonic())
        except Exception as error:
            # The last line of defence: a defect met by one message must not end the others' calls.
            log.exception("the core failed on %s", type(event).__name__)
            self.event(Refused("handler-failed", repr(error), "", ""))
            if self._quarantine is not None and isinstance(event, Received):
                mark = self._quarantine.take(seen("in", event.flow, event.data), error)
                if mark is not None:
                    self.event(Note("quarantine", f"its like is dropped from now on: {mark}"))
        self._after()

    def _after(self) -> None:
        poll = self.core.poll
        changes: list[Persist] = []
        outputs: list[object] = []
        while (output := poll()) is not None:
            if isinstance(output, Persist):
                changes.append(output)
            else:
                outputs.append(output)
        if changes and self._keep is not None:
            self._keep(changes)
        for output in outputs:
            if isinstance(output, Send):
                self._send(output.flow, output.data, output.ds_byte)
            else:
                self._perform(output)
        deadline = self.core.next_deadline()
        if deadline is None or self._stopped:
            return
        if self._timer is None or deadline.at < self._timer_at - 0.0005:
            if self._timer is not None:
                self._timer.cancel()
            delay = max(TIMER_GRAIN, deadline.at - clock.monotonic())
            self._timer_at = deadline.at
            self._timer = asyncio.get_running_loop().call_later(delay, self._expired)

    def _expired(self) -> None:
        self._timer = None
        self.handle(Expired())

    def received(self, flow: Flow, data: bytes) -> None:
        """A whole message came in."""
        if self._quarantine is not None and self._quarantine.holds(data):
            text = "like a message that made a handler fail"
            self.event(Refused("quarantine", text, flow.interface, shown(flow.remote)))
            return
        if self._ports.refuses(flow, data):
            text = "nothing begins on a port that ends"
            self.event(Refused("port", text, flow.interface, shown(flow.remote)))
            return
        if self._trace is not None:
            self._seen("in", flow, data)
        self.handle(Received(flow, data))

    # ---- from the core ----

    def _perform(self, output: object) -> None:
        if isinstance(output, Trace):
            self.event(output.event)
        elif isinstance(output, Open):
            self._orders.open(output)
        elif isinstance(output, Close):
            stream = self._streams.get(output.flow.token)
            if stream is not None:
                stream.close()
        elif isinstance(output, Media):
            self._orders.do_media(output)
        elif isinstance(output, Lookup):
            self._orders.look_up(output)
        elif self.on_output is not None:
            self.on_output(output)

    def _send(self, flow: Flow, data: bytes, ds_byte: int | None) -> None:
        if not flow.token:
            udp = self._ports.udp(flow)
            if udp is not None:
                udp.send(data, flow.remote, ds_byte)
        else:
            stream = self._streams.get(flow.token)
            if stream is None:
                asyncio.get_running_loop().call_soon(
                    self.handle, Closed(flow, "connection is gone")
                )
                return
            if ds_byte is not None:
                stream.mark(ds_byte)
            stream.send(data)
        if self._trace is not None and len(data) > 4 and data[0] >= 0x20:
            self._seen("out", flow, data)

    # ---- connections (called by StreamConnection) ----

    def admit(self, connection: Connection) -> bool:
        """Whether one more accepted connection fits the interface's limits."""
        if connection.ticket is not None:
            return True
        interface, remote = connection.interface, connection.remote
        limits = self._ports.listener(interface).limits
        full = ""
        if self._accepted[interface] >= limits.max_connections:
            full = f"limit {limits.max_connections}"
        elif connection.kind.is_websocket:
            if self._websockets[interface, remote.host] >= limits.websockets_per_source:
                full = f"limit {limits.websockets_per_source} of one source"
            else:
                self._websockets[interface, remote.host] += 1
        if full:
            self.refused("connections", full, interface, remote)
            return False
        self._accepted[interface] += 1
        connection.admitted = True
        return True

    def opened(self, connection: Connection) -> Flow:
        """Number a new connection and tell the core."""
        connection.mark(self._ports.ds_byte(connection.interface))
        self._next_token += 1
        flow = Flow(
            self._next_token,
            connection.interface,
            connection.kind,
            connection.local,
            connection.remote,
        )
        self._streams[flow.token] = connection
        self.handle(Opened(flow, connection.ticket))
        return flow

    def closed(self, connection: Connection, flow: Flow | None, reason: str) -> None:
        """Forget a connection and tell the core; `flow` None: SIP never began on it."""
        if connection.admitted:
            connection.admitted = False
            self._accepted[connection.interface] -= 1
            if connection.kind.is_websocket:
                self._leave(connection.interface, connection.remote.host)
        if flow is not None and self._streams.pop(flow.token, None) is not None:
            self.handle(Closed(flow, reason))

    def _leave(self, interface: str, host: str) -> None:
        self._websockets[interface, host] -= 1
        if not self._websockets[interface, host]:
            del self._websockets[interface, host]

    def pong(self, flow: Flow) -> None:
        """A keep-alive was answered."""
        if self._on_pong is not None:
            self._on_pong(flow)

    def kept_alive(self, flow: Flow, data: bytes = b"") -> None:
        """A keep-alive came; `data`: a STUN message."""
        if self.tells_keep_alives:
            self.handle(KeptAlive(flow, data))

    def refused(self, reason: str, detail: str, interface: str, remote: Address) -> None:
        """A peer did something on a connection that is not served."""
        self.event(Refused(reason, detail, interface, str(remote)))

    # ---- trace ----

    def _seen(self, direction: Direction, flow: Flow, data: bytes) -> None:
        self.event(seen(direction, flow, data))

    def event(self, event: Event) -> None:
        """Trace an event."""
        if self._trace is not None:
            self._trace(event)
