"""The conductor: takes inputs, leads each message through the stages, and gives out effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.arrivals import Arrivals
from farline.border.calls import media_news
from farline.border.context import Context
from farline.border.interworking.scripts import Manipulated
from farline.border.routing import heartbeat
from farline.border.routing.far_ends import FarEnds
from farline.border.shield import guard
from farline.border.shield.bans import Banned, Lifted
from farline.border.shield.limits import Limits
from farline.border.show import calls, show
from farline.border.steps import Unreachable
from farline.border.survival import restoring
from farline.media.engine import MediaDone
from farline.media.reports import MediaReport
from farline.sip import Message, WireError, responses, stun
from farline.sip.effects import (
    Close,
    Closed,
    Deadline,
    Expired,
    KeptAlive,
    LookedUp,
    Opened,
    OpenFailed,
    Received,
    Send,
    Started,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from farline.border.relays.rtcp_actors import FarEnd
    from farline.config import Border
    from farline.sip import Flow
    from farline.sip.ids import Ids
    from farline.sip.transaction import Timers
    from farline.sip.transport import Transport


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """Input: the border goes by another configuration from now on; running calls stay."""

    border: Border


class BorderCore:
    """A session border controller without I/O (`farline.sip.effects.Core`).

    Inputs: `Started`, `Received`, `KeptAlive`, `Opened`, `OpenFailed`, `LookedUp`, `Manipulated`,
    `Closed`, `Expired`, `Reconfigured`, `Banned`, `Lifted`, `MediaDone`, `MediaReport`,
    `MediaSessions`; before all others `Restored`. Outputs: `Send`, `Open`, `Lookup`, `Manipulate`,
    `Close`, `Media`, `Trace`, `Charged`, `Push`, `Dropped`; `Persist` before what the turn sends.
    """

    def __init__(
        self,
        config: Border,
        ids: Ids,
        *,
        timers: Timers | None = None,
        limits: Limits | None = None,
        wall: Callable[[float], float] = lambda then: then,
        country: Callable[[str], str | None] = lambda _host: None,
        traced: bool = True,
    ) -> None:
        """`wall`: the wall-clock time of a monotonic one; `country`: an address' ISO 3166 code.

        `traced`: False where nobody reads `Trace`: then there are none of decisions and notes.
        """
        limits = limits or Limits()
        self._context = Context(config, ids, timers, limits, wall, country, traced=traced)
        self._far_ends = FarEnds(self._context)
        self._arrivals = Arrivals(self._context)

    # ---- the three calls of a core ----

    def handle(self, event: object, now: float) -> None:
        """Take one input."""
        context = self._context
        context.now = now
        context.call = context.interface = ""
        if isinstance(event, Received):
            self._received(event.flow, event.data)
        elif isinstance(event, Expired):
            context.layer.expire(now)
            context.schedule.run(now)
        elif isinstance(event, MediaDone):
            context.media_done(event.ticket, event.reply)
        elif isinstance(event, MediaReport):
            media_news.take(context, event)
        elif isinstance(event, Opened | OpenFailed | LookedUp | Manipulated):
            self._answered(event)
        elif isinstance(event, Started):
            heartbeat.start(context)
            context.accounts.start()
            context.begin_restored()
        elif isinstance(event, Closed):
            self._closed(event)
        elif isinstance(event, KeptAlive):
            self._kept_alive(event)
        elif isinstance(event, Banned | Lifted | Reconfigured):
            self._ordered(event)
        else:
            restoring.handle(context, event)
        self._arrivals.pump()
        context.keeper.flush()

    def _answered(self, event: Opened | OpenFailed | LookedUp | Manipulated) -> None:
        """What an operation asked for is there."""
        context = self._context
        if isinstance(event, Opened):
            if event.ticket is not None and not context.hand_over(event.ticket, event.flow):
                context.put(Close(event.flow))
        elif isinstance(event, OpenFailed):
            context.hand_over(event.ticket, Unreachable(event.reason))
        elif isinstance(event, Manipulated):
            context.script_done(event)
        else:
            context.hand_over(event.ticket, event.found)

    def poll(self) -> object | None:
        """The next output, None when there is none left."""
        out = self._context.out
        return out.popleft() if out else None

    def next_deadline(self) -> Deadline | None:
        """When `Expired` is wanted next."""
        context = self._context
        one, other = context.layer.next_deadline(), context.schedule.next_deadline()
        if one is None or other is None:
            return one or other
        return one if one.at <= other.at else other

    def registered_from(self, host: str) -> bool:
        """Whether a phone is registered from an address."""
        return self._context.bindings.any_from(host)

    def calls(self) -> dict[Hashable, frozenset[tuple[str, Transport]]]:
        """The calls that there are, each with the interfaces and transports that it uses."""
        return calls(self._context)

    def far_end(self, host: str, port: int) -> FarEnd | None:
        """The end of a call whose RTCP comes from a media address of ours."""
        return self._far_ends.find(host, port)

    def show(self, now: float | None = None) -> dict[str, object]:
        """Bindings, sessions and counters, for people."""
        return show(self._context, self._context.now if now is None else now)

    def _kept_alive(self, event: KeptAlive) -> None:
        """STUN is answered on flows of registered phones: nobody else has a flow to keep."""
        context, flow = self._context, event.flow
        if not context.heard(flow):
            return
        reply = stun.answer(event.data, flow.remote) if event.data else None
        if reply is not None:
            context.put(Send(flow, reply))

    def _ordered(self, order: Banned | Lifted | Reconfigured) -> None:
        """What the people who run the border want of it."""
        if isinstance(order, Reconfigured):
            self._context.reconfigure(order.border)
            heartbeat.start(self._context)
            self._context.accounts.start()
        else:
            guard.by_hand(self._context, order)

    # ---- messages ----

    def _received(self, flow: Flow, data: bytes) -> None:
        context = self._context
        registered = context.heard(flow)
        self._arrivals.flow = flow
        context.interface = flow.interface
        outside = context.is_outside(flow)
        if outside and not guard.look(context, flow, data, registered=registered):
            return
        try:
            message = Message.parse(data)
        except WireError as error:
            self._unreadable(flow, None, error, outside=outside)
            return
        context.call = context.plan.call_ids.canonical(message.call_id)
        if outside and not guard.judge(context, message, flow, registered=registered):
            return
        try:
            message.validate()
        except WireError as error:
            self._unreadable(flow, message, error, outside=outside)
            return
        if flow.token and message.is_request:
            self._arrivals.via = message.get("Via") or ""
        context.layer.receive(message, flow, context.now)

    def _unreadable(
        self, flow: Flow, message: Message | None, error: WireError, *, outside: bool
    ) -> None:
        """Answer a request that breaks the rules once, if it can be answered; count it."""
        context = self._context
        context.refused("malformed", f"{error.where}: {error.reason}", flow)
        if outside:
            guard.offence(context, flow, f"unreadable: {error.where}: {error.reason}")
        if message is None:
            return
        response = responses.for_error(message, error, to_tag=context.ids.token())
        if response is not None:
            context.layer.send_stateless(response, flow)

    # ---- connections and media ----

    def _closed(self, event: Closed) -> None:
        context = self._context
        context.ways.lost(event.flow)
        context.marking.forget(event.flow)
        if not context.upstreams.lost(event.flow):
            for binding in context.bindings.flow_lost(event.flow):
                context.note("binding unreachable", f"{binding.aor}: {event.reason}")
        context.layer.flow_lost(event.flow, context.now)
