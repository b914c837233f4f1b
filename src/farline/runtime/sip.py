"""The driver of a SIP core: sockets, timers and media on one side, the core on the other.

It does what the core's outputs say and reports back what happened; it decides nothing about SIP.
Limits here are those that must hold before a message exists: connections, unfinished messages,
writers that do not read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from farline.media.engine import Media
from farline.runtime import clock
from farline.runtime.ids import RealIds
from farline.runtime.sip_connections import SipConnections
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
    Received,
    Send,
)
from farline.store.state import Persist
from farline.trace.events import Note, Refused, Trace

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from farline.media.engine import MediaReply, MediaRequest
    from farline.runtime.quarantine import Quarantine
    from farline.runtime.sip_ports import Calls
    from farline.sip.dns import Found, Question
    from farline.sip.transport import Address, Flow, Transport
    from farline.trace.events import Direction, Event

__all__ = ["Listener", "SipDriver"]

log = logging.getLogger(__name__)

TIMER_GRAIN = 0.005
"""Seconds: timers of a core are looked after no oftener, all that are due together."""
TOLERANCE = 0.0005
"""Seconds: a timer that comes sooner by less does not move the one that is set."""


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
        self.connections = SipConnections(self, self._ports)
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
        self.connections.close_all()
        await self._orders.stop()

    def ports(self, interface: str) -> dict[Transport, int]:
        """The ports that an interface really listens on (after 0 was asked for)."""
        return self._ports.ports(interface)

    def listener(self, interface: str) -> Listener:
        """How an interface listens, also one that is gone."""
        return self._ports.listener(interface)

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
        """Do what the core says; what is to be kept is written down before anything leaves."""
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
                self._send(output)
            else:
                self._perform(output)
        deadline = self.core.next_deadline()
        if deadline is not None and (self._timer is None or deadline.at < self._timer_at):
            self._arm(deadline.at)

    def _arm(self, at: float) -> None:
        if self._stopped:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at - TOLERANCE
        delay = max(TIMER_GRAIN, at - clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._expired)

    def _expired(self) -> None:
        self._timer = None
        self.handle(Expired())

    def received(self, flow: Flow, data: bytes) -> None:
        """A whole message came in."""
        quarantine, ports = self._quarantine, self._ports
        if quarantine is not None and quarantine.kept and quarantine.holds(data):
            text = "like a message that made a handler fail"
            self.event(Refused("quarantine", text, flow.interface, shown(flow.remote)))
            return
        if ports.ending and ports.refuses(flow, data):
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
            self.connections.close(output.flow)
        elif isinstance(output, Media):
            self._orders.do_media(output)
        elif isinstance(output, Lookup):
            self._orders.look_up(output)
        elif self.on_output is not None:
            self.on_output(output)

    def _send(self, output: Send) -> None:
        flow, data = output.flow, output.data
        if not flow.token:
            ports = self._ports
            udp = ports.udp(flow) if ports.ending else ports.udp_of.get(flow.interface)
            if udp is not None:
                udp.send(data, flow.remote, output.ds_byte)
        else:
            stream = self.connections.by_token.get(flow.token)
            if stream is None:
                asyncio.get_running_loop().call_soon(
                    self.handle, Closed(flow, "connection is gone")
                )
                return
            if output.ds_byte is not None:
                stream.mark(output.ds_byte)
            stream.send(data)
        if self._trace is not None and len(data) > 4 and data[0] >= 0x20:
            self._seen("out", flow, data)

    # ---- what connections and ports tell ----

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
