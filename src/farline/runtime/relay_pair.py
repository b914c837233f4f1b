"""One relayed connection: a client's, the one made for it inside, and the bytes between them.

A side is read only as fast as the other takes the bytes: beyond HIGH_WATER waiting to be sent,
reading stops. End of stream is passed on and the other direction goes on (over TLS it ends the
connection, after everything has been sent: a TLS stream of asyncio has no half-close). A reset is
passed on as a reset.

Where the relay looks at what it passes on (`Inspector`), the connection inside is made when there
is something for the server, and an end is passed on as the inspector says.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import TYPE_CHECKING, cast

from farline.runtime.relay_remote import OutsideError, remote_addresses, try_each

if TYPE_CHECKING:
    from farline.border.relays.inspection import Inspector, Passage
    from farline.border.relays.ledger import Ending
    from farline.runtime.relay import ByteRelay

log = logging.getLogger(__name__)

HIGH_WATER, LOW_WATER = 64 * 1024, 16 * 1024
"""Bytes waiting to be sent at which reading the other side stops, and goes on."""
LINGER_SECONDS = 5.0
"""For a client to take its refusal."""
_LINGER_NONE = struct.pack("ii", 1, 0)


class Side(asyncio.Protocol):
    """One of the two connections of a relayed connection."""

    __slots__ = ("bytes_in", "ended", "pair", "tls", "transport")

    def __init__(self, pair: Pair, *, tls: bool) -> None:
        self.pair = pair
        self.tls = tls
        self.transport: asyncio.Transport | None = None
        self.bytes_in = 0
        self.ended = False
        """Nothing more comes from here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what may wait to be sent here."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self.pair.made(self, self.transport)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the other side."""
        pair = self.pair
        self.bytes_in += len(data)
        pair.last_heard = pair.loop.time()
        transport = (pair.inside if self is pair.outside else pair.outside).transport
        if pair.inspector is not None:
            pair.inspect(self, data)
        elif transport is None:
            pair.hold(data)
        elif not transport.is_closing():
            transport.write(data)

    def eof_received(self) -> bool:
        """This side says no more."""
        self.ended = True
        return self.pair.eof(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """This side is gone."""
        self.ended = True
        self.pair.lost(self, exc)

    def pause_writing(self) -> None:
        """Too much waits to be sent here: read no more of the other side."""
        other = self.pair.other(self).transport
        if other is not None and not other.is_closing():
            other.pause_reading()

    def resume_writing(self) -> None:
        """Most of it has been sent: go on reading."""
        other = self.pair.other(self).transport
        if other is not None and not other.is_closing():
            other.resume_reading()


class Pair:
    """A client's connection, the one made for it inside, and what is known of both."""

    __slots__ = (
        "_connecting",
        "_early",
        "_ending",
        "_idle",
        "_login",
        "_missed",
        "_request",
        "inside",
        "inspector",
        "known",
        "last_heard",
        "loop",
        "outside",
        "relay",
        "source",
        "source_port",
        "started",
    )

    def __init__(self, relay: ByteRelay) -> None:
        self.relay = relay
        self.loop = relay.loop
        self.outside = Side(self, tls=relay.server_tls is not None)
        self.inside = Side(self, tls=relay.client_tls is not None)
        self.source = ""
        self.source_port = 0
        self.started = False
        self.last_heard = self.loop.time()
        self._early: list[bytes] = []
        """What the client sent before there was a connection inside: one read of the loop."""
        self._ending: Ending | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        self.inspector: Inspector | None = None
        self.known = True
        """A phone was registered from the client's address when it came."""
        self._missed = False
        """The last look found no phone registered from there."""
        self._request: asyncio.TimerHandle | None = None
        self._login: asyncio.TimerHandle | None = None

    def other(self, side: Side) -> Side:
        """The opposite side."""
        return self.inside if side is self.outside else self.outside

    def made(self, side: Side, transport: asyncio.Transport) -> None:
        """A connection is there: the client's, then the one made for it."""
        if side is self.outside:
            self._accepted(transport)
        elif self._ending is not None or self.outside.transport is None:  # the client has left
            _reset(transport)
        else:
            self._joined(self.outside.transport, transport)

    def hold(self, data: bytes) -> None:
        """Keep what comes before there is a connection inside, and read no more until then.

        uvloop begins to read after `connection_made`, whatever that did, so it cannot be helped.
        """
        if self.started and self._connecting is not None and not self._connecting.done():
            self._early.append(data)
            if self.outside.transport is not None:
                self.outside.transport.pause_reading()

    def _joined(self, outside: asyncio.Transport, inside: asyncio.Transport) -> None:
        for data in self._early:
            inside.write(data)
        self._early.clear()
        if not self.outside.ended:
            outside.resume_reading()
        elif self.inside.tls:
            inside.close()
        else:
            inside.write_eof()

    def _accepted(self, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        self.source, self.source_port = str(peer[0]), int(peer[1])
        self.known = self.relay.knows(self.source)
        verdict = self.relay.ledger.admit(self.source, known=self.known)
        if not verdict.value:
            self.relay.refused(self, verdict.because)
            transport.abort()
            return
        self.started = True
        self.relay.pairs.add(self)
        self.inspector = self.relay.inspector(self.source)
        self._watch_login(first=True)
        if self.inspector is None:
            transport.pause_reading()  # until there is somewhere to put it
            self._connecting = self.loop.create_task(self._connect())
        else:
            self._watch_request()

    async def _connect(self) -> None:
        plan = self.relay.plan
        host, port = plan.remote
        try:
            async with asyncio.timeout(plan.connect_seconds):
                addresses = await remote_addresses(plan, self.relay.ask)
                await try_each(addresses, plan.connect_seconds, self._open)
        except (OSError, TimeoutError) as error:
            if isinstance(error, OutsideError):
                self.relay.ledger.reasons["dns"] += 1
            reason = str(error) or f"no answer in {plan.connect_seconds:.0f} s"
            self.relay.note(self, "relay connect failed", f"{host}:{port}: {reason}")
            self.abort("connect failed")
            return
        self.relay.note(self, "relay opened", f"-> {host}:{port}")
        self._watch_idle()

    async def _open(self, address: str) -> None:
        """The connection inside, with the certificate checked for the name that is configured."""
        plan, tls = self.relay.plan, self.relay.client_tls
        await self.loop.create_connection(
            lambda: self.inside,
            address,
            plan.remote[1],
            ssl=tls,
            server_hostname=plan.remote[0] if tls is not None else None,
            local_addr=(plan.connect_ip, 0),
        )

    def inspect(self, side: Side, data: bytes) -> None:
        """Pass on what the inspector lets through."""
        if self.inspector is None or self._ending is not None:
            return
        up = side is self.outside
        self._carry(self.inspector.up(data) if up else self.inspector.down(data))
        self._watch_request()

    def _carry(self, passage: Passage) -> None:
        outside, inside = self.outside.transport, self.inside.transport
        if passage.to_client and outside is not None and not outside.is_closing():
            outside.write(passage.to_client)
        if passage.to_server and not (passage.close and inside is None):
            self._to_server(passage.to_server)
        if passage.refused:
            self.relay.denied(self, passage.refused, passage.detail)
        if passage.close:
            self._end_gently("refused" if passage.refused else "closed")

    def _to_server(self, data: bytes) -> None:
        """Connect when there is something to say."""
        inside, outside = self.inside.transport, self.outside.transport
        if inside is not None:
            if not inside.is_closing():
                inside.write(data)
            return
        self._early.append(data)
        if outside is not None and not outside.is_closing():
            outside.pause_reading()
        if self._connecting is None:
            self._connecting = self.loop.create_task(self._connect())

    def _end_gently(self, ending: Ending) -> None:
        """The client gets what waits for it, in time; the server has heard all."""
        if self._ending is None:
            self._ending = ending
        if self._connecting is not None:
            self._connecting.cancel()
        if self.outside.transport is not None:
            self.outside.transport.close()
            self.loop.call_later(LINGER_SECONDS, self.abort, ending)
        if self.inside.transport is not None:
            self.inside.transport.close()

    def _watch_request(self) -> None:
        """What the client has begun must end within Request Timeout."""
        waiting = self.inspector is not None and self.inspector.waiting
        if not waiting and self._request is not None:
            self._request.cancel()
            self._request = None
        elif waiting and self._request is None and self._ending is None:
            seconds = self.relay.plan.request_seconds
            self._request = self.loop.call_later(seconds, self.abort, "slow")

    def _watch_login(self, *, first: bool = False) -> None:
        """Whitelist Flows: a phone must be registered from there, not only now and then."""
        whitelist = self.relay.plan.whitelist
        if whitelist is None or self._ending is not None or not self.started:
            return
        known = self.known if first else self.relay.knows(self.source)
        if not known and self._missed:
            self.abort("no login")
            return
        self._missed = not known
        self._login = self.loop.call_later(whitelist.login_seconds, self._watch_login)

    def _watch_idle(self) -> None:
        """One timer a connection, looked at again only when it may have run out."""
        until = self.last_heard + self.relay.plan.idle_seconds
        if self._ending is not None or not self.started:
            return
        if self.loop.time() >= until:
            self.abort("idle")
            return
        self._idle = self.loop.call_at(until, self._watch_idle)

    def eof(self, side: Side) -> bool:
        """Pass the end on. True keeps `side` open for the other direction."""
        if self.inspector is not None and self._ending is None:
            up = side is self.outside
            passage = self.inspector.up_end() if up else self.inspector.down_end()
            if passage is not None:
                self._carry(passage)
                return up and not side.tls and not passage.close
        other = self.other(side)
        if side is self.outside and other.transport is None and not side.tls:
            return self.started and self._ending is None  # `_joined` passes it on
        if other.transport is None or other.transport.is_closing() or other.ended or side.tls:
            return False  # `lost` closes the other one when what waits has been sent
        self.last_heard = self.loop.time()
        if other.tls:
            other.transport.close()  # sends what waits first
            return True
        other.transport.write_eof()
        return True

    def lost(self, side: Side, exc: Exception | None) -> None:
        """One side is gone: end the other in the same manner."""
        other = self.other(side).transport
        if exc is not None and self._ending is None:
            self.abort("reset")
        elif other is not None and not other.is_closing():
            other.close()
        if self._both_gone(side):
            self._finish()

    def abort(self, ending: Ending) -> None:
        """Break both connections off, with a reset where TCP allows it."""
        if self._ending is None:
            self._ending = ending
        connecting = self._connecting
        if connecting is not None and connecting is not asyncio.current_task():
            connecting.cancel()
        for side in (self.outside, self.inside):
            if side.transport is not None:  # also one that is closing but cannot send the rest
                _reset(side.transport)

    def _both_gone(self, side: Side) -> bool:
        side.transport = None
        return self.other(side).transport is None

    def _finish(self) -> None:
        if not self.started:
            return
        self.started = False
        for timer in (self._idle, self._request, self._login):
            if timer is not None:
                timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        self.relay.finished(self, self._ending or "closed")


def _reset(transport: asyncio.Transport) -> None:
    """Close with RST, so that the peer knows that the stream was broken off."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        except OSError:
            log.debug("socket already closed")
    transport.abort()
