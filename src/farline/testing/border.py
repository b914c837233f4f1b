"""A border core with its surroundings in memory: connections, a media engine, and what was sent."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from farline.border import BorderCore, Dropped, Limits, Restored
from farline.border.explain.scratch import StandInEngine
from farline.border.interworking.scripts import Manipulate
from farline.border.policy.charging import Charged
from farline.border.registrations.push import Push
from farline.media.engine import Delete, Media, MediaDone, MediaReply
from farline.sip import Address, Flow, Message, Transport
from farline.sip.dns import Found, Question
from farline.sip.effects import (
    Close,
    Closed,
    Expired,
    LookedUp,
    Lookup,
    Open,
    Opened,
    OpenFailed,
    Received,
    Send,
)
from farline.sip.stun import is_stun
from farline.store.state import MemoryState, Persist
from farline.testing.chance import SeededIds
from farline.testing.clock import ManualClock
from farline.testing.leaks import LeakAudit
from farline.trace.events import Decision, Refused, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farline.config import Border
    from farline.media.engine import MediaRequest
    from farline.trace.events import Event

FIRST_LOCAL_PORT = 43873
"""Local port of the first upstream connection, as in the guide's traces."""


def changed(border: Border, **fields: Any) -> Border:  # noqa: ANN401 - values of any field
    """A border with other fields; for a list of forms a dict changes these fields of each.

    Nothing is read again, so this is quick; names are not checked either.
    """
    values = {
        name: tuple(form.model_copy(update=value) for form in getattr(border, name))
        if isinstance(value, dict)
        else value
        for name, value in fields.items()
    }
    return border.model_copy(update=values)


class FakeEngine(StandInEngine):
    """The stand-in engine, which notes what it is asked and can fail or stay silent."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        """`addresses`: IP address by name of media interface."""
        super().__init__(addresses)
        self.requests: list[MediaRequest] = []
        self.fail: MediaReply | None = None
        """When set, the reply to everything but Delete."""

        self.silent = False
        """It never answers."""

    def perform(self, request: MediaRequest) -> MediaReply:
        """Answer one request."""
        self.requests.append(request)
        if self.fail is not None and not isinstance(request, Delete):
            return self.fail
        return super().perform(request)


class BorderWorld:
    """Drives a `BorderCore`: performs Open and Media at once, keeps what it sent by flow."""

    def __init__(
        self,
        config: Border,
        ids: SeededIds | None = None,
        limits: Limits | None = None,
        wall: Callable[[float], float] | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.config = config
        self._generation = 1000
        real = wall or (lambda then: then)
        self.core = BorderCore(config, ids or SeededIds(), limits=limits, wall=real)
        self.engine = FakeEngine(config.media_addresses())
        self.refusing: set[Address] = set()
        """Addresses to which no connection can be made."""

        self.events: list[Event] = []
        self.opened: list[Flow] = []
        """Upstream connections, in the order in which they were made."""

        self.orders: list[Manipulate] = []
        """Scripts that the border waits for; answer with `give(Manipulated(...))`."""

        self.names: dict[Question, Found] = {}
        """The DNS as this world has it."""

        self.asked: list[Question] = []
        self.verified: list[str | None] = []
        """What the certificate of each TLS connection must bear."""

        self.tls_profiles: list[str | None] = []
        """The TLS client profile of each."""

        self._held: list[Open] | None = None
        self.closed: list[Flow] = []
        self.memory = MemoryState()
        """What outlives the process."""

        self.dropped: list[Dropped] = []
        self.all_sent: list[tuple[Flow, bytes]] = []
        self.ds_bytes: list[tuple[Flow, int | None]] = []
        """How everything that was sent is marked."""

        self.charged: list[Charged] = []
        self.pushed: list[Push] = []
        self.leaks_allowed = False
        """The test makes the border tell something of the inside, or only report it."""

        self._leaks = LeakAudit(config)
        self._sent: dict[Flow, deque[Message]] = {}
        self._own = {item.name: item for item in config.signaling_interfaces}
        self._token = 100
        self._local = FIRST_LOCAL_PORT

    # ---- to the border ----

    def accept(
        self,
        interface: str,
        remote: str,
        port: int,
        transport: Transport = Transport.TCP,
    ) -> Flow:
        """A peer connects (or for UDP will send from there)."""
        own = self._own[interface]
        local = Address(own.ip, own.port(transport) or transport.default_port)
        if transport is Transport.UDP:
            return Flow(0, interface, transport, local, Address(remote, port))
        self._token += 1
        flow = Flow(self._token, interface, transport, local, Address(remote, port))
        self.give(Opened(flow))
        return flow

    def receive(self, flow: Flow, message: Message | bytes) -> None:
        """A message arrives."""
        data = message.to_bytes() if isinstance(message, Message) else message
        self.give(Received(flow, data))

    def close(self, flow: Flow) -> None:
        """A connection is lost."""
        self.give(Closed(flow, "reset by peer"))

    def hold_opens(self) -> list[Open]:
        """From now on connections take their time: what is asked for, for `open`."""
        self._held = []
        return self._held

    def give(self, event: object) -> None:
        """Any input; what the border puts out is performed or kept."""
        self.core.handle(event, self.clock.now)
        while (output := self.core.poll()) is not None:
            self._perform(output)

    def crash(self, config: Border | None = None, seconds: float = 0.5) -> None:
        """The process dies and another takes its place: connections are gone, records remain."""
        self._generation += 1
        self.core = BorderCore(config or self.config, SeededIds(self._generation))
        self.clock.advance(seconds)
        self._sent.clear()
        self.give(Restored(self.memory.load()))

    def wait(self, seconds: float) -> list[str]:
        """Let time pass; the names of the timers that fired."""
        end, fired = self.clock.now + seconds, []
        while (deadline := self.core.next_deadline()) is not None and deadline.at <= end:
            self.clock.set(max(deadline.at, self.clock.now))
            fired.append(deadline.timer)
            self.give(Expired())
        self.clock.set(end)
        return fired

    # ---- from the border ----

    def take(self, flow: Flow) -> Message:
        """The oldest unread message on a flow. Raises AssertionError when there is none."""
        waiting = self._sent.get(flow)
        if not waiting:
            others = [
                f"{f.remote}: {m.method} {m.status or ''}" for f, q in self._sent.items() for m in q
            ]
            raise AssertionError(f"nothing was sent to {flow.remote}; unread elsewhere: {others}")
        return waiting.popleft()

    def unread(self, flow: Flow | None = None) -> list[Message]:
        """The unread messages of a flow, or of all."""
        if flow is not None:
            return list(self._sent.get(flow, ()))
        return [message for waiting in self._sent.values() for message in waiting]

    def refusals(self) -> list[Refused]:
        """What was refused so far, oldest first."""
        return [event for event in self.events if isinstance(event, Refused)]

    def decisions(self, stage: str) -> list[Decision]:
        """The decisions of a stage so far, oldest first."""
        found = [event for event in self.events if isinstance(event, Decision)]
        return [decision for decision in found if decision.stage == stage]

    def _perform(self, output: object) -> None:
        if isinstance(output, Send):
            self._keep(output)
        elif isinstance(output, Trace):
            self.events.append(output.event)
        elif isinstance(output, Open):
            if self._held is None:
                self.open(output)
            else:
                self._held.append(output)
        elif isinstance(output, Manipulate):
            self.orders.append(output)
        elif isinstance(output, Lookup):
            self.asked.append(output.question)
            found = self.names.get(output.question, Found(error="does not exist"))
            self.give(LookedUp(output.ticket, found))
        elif isinstance(output, Media):
            reply = self.engine.perform(output.request)
            if output.ticket and not self.engine.silent:
                self.give(MediaDone(output.ticket, reply))
        elif isinstance(output, Close):
            self.closed.append(output.flow)
        else:
            self._note(output)

    def _note(self, output: object) -> None:
        """What a test may look at afterwards."""
        if isinstance(output, Charged):
            self.charged.append(output)
        elif isinstance(output, Push):
            self.pushed.append(output)
        elif isinstance(output, Persist):
            self.memory.write([output])
        elif isinstance(output, Dropped):
            self.dropped.append(output)
        else:
            raise AssertionError(f"unexpected output {output!r}")

    def _keep(self, output: Send) -> None:
        """Keep what was sent; the answer to a keep-alive is no message."""
        self.all_sent.append((output.flow, output.data))
        self.ds_bytes.append((output.flow, output.ds_byte))
        if is_stun(output.data):
            return
        if not self.leaks_allowed and output.flow not in self.opened:
            self._leaks.look(output.flow, output.data)
        self._sent.setdefault(output.flow, deque()).append(Message.parse(output.data))

    def open(self, order: Open) -> None:
        """Make a connection that the border asked for, or refuse it."""
        if order.remote in self.refusing:
            self.give(OpenFailed(order.ticket, "connection refused"))
            return
        if order.transport is Transport.TLS:
            self.verified.append(order.server_name)
            self.tls_profiles.append(order.tls_profile)
        self._token += 1
        local = Address(self._own[order.interface].ip, self._local)
        self._local += 1
        flow = Flow(self._token, order.interface, order.transport, local, order.remote)
        self.opened.append(flow)
        self.give(Opened(flow, order.ticket))
