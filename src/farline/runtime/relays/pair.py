"""One relayed connection: a client's, the one made for it inside, and the bytes between them.

A side is read only as fast as the other takes the bytes: beyond `side.HIGH_WATER` waiting to be
sent, reading stops. End of stream is passed on and the other direction goes on (over TLS it ends
the connection, after everything has been sent: `leaving`). A reset is passed on as a reset.

Where an `Inspector` looks at what is passed on, the connection inside is made when there is
something for the server, and an end is passed on as it says.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from farline.runtime.relays.leaving import LINGER_SECONDS, Leaving
from farline.runtime.relays.remote import OutsideError, remote_addresses, try_each
from farline.runtime.relays.side import Side, reset
from farline.runtime.relays.turns import Intake
from farline.runtime.relays.watches import Watches

if TYPE_CHECKING:
    from farline.border.relays.inspection import Inspector, Passage
    from farline.border.relays.ledger import Ending
    from farline.runtime.relays.stream import ByteRelay


class Pair:
    """A client's connection, the one made for it inside, and what is known of both."""

    __slots__ = (
        "_connecting",
        "_watches",
        "early",
        "ending",
        "inside",
        "inspector",
        "intake",
        "known",
        "last_heard",
        "leaving",
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
        self.early: list[bytes] = []
        """What the client sent before there was a connection inside: one read of the loop."""
        self.ending: Ending | None = None
        """What it is counted as; None: nothing has ended it yet."""
        self._watches = Watches(self)
        self._connecting: asyncio.Task[None] | None = None
        self.inspector: Inspector | None = None
        self.intake = Intake(self, relay.turns)
        self.leaving = Leaving(self)
        self.known = True
        """A phone was registered from the client's address when it came."""

    def other(self, side: Side) -> Side:
        """The opposite side."""
        return self.inside if side is self.outside else self.outside

    def made(self, side: Side, transport: asyncio.Transport) -> None:
        """A connection is there: the client's, then the one made for it."""
        if side is self.outside:
            self._accepted(transport)
        elif self.leaving or (self.ending is None and self.outside.transport is not None):
            self._joined(transport)
        else:  # the client has left
            reset(transport)

    def hold(self, data: bytes) -> None:
        """Keep what comes before there is a connection inside (uvloop begins to read by itself)."""
        if self.started and self._connecting is not None and not self._connecting.done():
            self.early.append(data)
            if self.outside.transport is not None:
                self.outside.transport.pause_reading()

    def _joined(self, inside: asyncio.Transport) -> None:
        for data in self.early:
            inside.write(data)
        self.early.clear()
        if self.leaving:
            self.leaving.go_on()
        elif not self.outside.ended:
            self.read_client()
        elif self.intake:
            return  # `all_looked_at` passes it on
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
        self._watches.login(first=True)
        if self.inspector is None:
            transport.pause_reading()  # until there is somewhere to put it
            self._connecting = self.loop.create_task(self._connect())
        else:
            self._watches.request()

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
        self._watches.idle()

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
        if self.inspector is None or self.ending is not None:
            return
        if side is self.inside:
            self._carry(self.inspector.down(data))
            self._watches.request()
        elif self.opaque and not self.intake:
            self.look(data)
        else:
            self.intake.take(data)

    @property
    def opaque(self) -> bool:
        """The inspector lets everything through."""
        return self.inspector is not None and self.inspector.opaque

    def look(self, data: bytes) -> None:
        """The inspector's turn to look at what the client has said."""
        if self.inspector is not None and self.ending is None:
            self._carry(self.inspector.up(data))
            self._watches.request()

    def all_looked_at(self, *, ended: bool) -> None:
        """Nothing of what the client has said waits for the inspector."""
        outside = self.outside.transport
        if self.leaving:
            self.leaving.go_on()
        elif not ended:
            self.read_client()
        elif self.started and not self.eof(self.outside) and outside is not None:
            outside.close()

    def pause_client(self) -> None:
        """Read no more of the client."""
        if self.outside.transport is not None and not self.outside.transport.is_closing():
            self.outside.transport.pause_reading()

    def read_client(self) -> None:
        """Read the client again, unless what it has said waits to be looked at or sent."""
        outside, inside = self.outside.transport, self.inside.transport
        if outside is None or outside.is_closing() or self.outside.ended or self.intake:
            return
        waits = self._connecting is not None if inside is None else self.inside.full
        if not waits:
            outside.resume_reading()

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
        inside = self.inside.transport
        if inside is not None:
            if not inside.is_closing():
                inside.write(data)
            return
        self.early.append(data)
        self.pause_client()
        if self._connecting is None:
            self._connecting = self.loop.create_task(self._connect())

    def _end_gently(self, ending: Ending) -> None:
        """The client gets what waits for it, in time; the server hears all."""
        if self.ending is None:
            self.ending = ending
        if self._connecting is not None and not (self.early and ending == "closed"):
            self._connecting.cancel()
            self.early.clear()
            self.leaving.stop()
        if self.outside.transport is not None:
            self.outside.transport.close()
            self.loop.call_later(LINGER_SECONDS, self.abort, ending)
        if self.inside.transport is not None:
            self.inside.transport.close()
        self._finish_if_gone()

    def eof(self, side: Side) -> bool:
        """Pass the end on. True keeps `side` open for the other direction."""
        if self.leaving:  # nobody waits for the server's answer
            return False
        if side is self.outside and self.ending is None and self.intake.end():
            return not side.tls
        up = side is self.outside
        if self.inspector is not None and self.ending is None:
            passage = self.inspector.up_end() if up else self.inspector.down_end()
            if passage is not None:
                self._carry(passage)
                return up and not side.tls and not passage.close
        other = self.other(side)
        if up and other.transport is None and not side.tls:
            return self.started and self.ending is None  # `_joined` passes it on
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
        side.transport = None
        other = self.other(side).transport
        if exc is not None and self.ending is None:
            self.abort("reset")
        elif side is self.outside and self.leaving.begin():
            return
        elif other is not None and not other.is_closing():
            other.close()
        if side is self.inside:
            self.leaving.stop()
        self._finish_if_gone()

    def abort(self, ending: Ending) -> None:
        """Break both connections off, with a reset where TCP allows it."""
        if self.ending is None:
            self.ending = ending
        connecting = self._connecting
        if connecting is not None and connecting is not asyncio.current_task():
            connecting.cancel()
        for side in (self.outside, self.inside):
            if side.transport is not None:  # also one that is closing but cannot send the rest
                reset(side.transport)
        self.leaving.stop()
        self._finish_if_gone()

    def _finish_if_gone(self) -> None:
        gone = self.outside.transport is None and self.inside.transport is None
        if not self.started or not gone or self.leaving:
            return
        self.started = False
        self._watches.stop()
        self.intake.stop()
        if self._connecting is not None:
            self._connecting.cancel()
        self.relay.finished(self, self.ending or "closed")
