"""A recording sent through a configuration in virtual time (`farline replay`).

What peers sent is given to a scratch border at the times of the recording. Peers answer what the
recorded border sent, so their messages are fitted to what this one sends: a response gets the Via
of the request that it answers and goes over that connection, a request names this border's token.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farline.border.explain.keys import (
    Emitted,
    Key,
    Transaction,
    emitted_of,
    key_of,
    request_of,
    transaction_of,
)
from farline.border.explain.scratch import Scratch
from farline.sip import Flow, Message, NameAddr, WireError
from farline.trace.events import Decision, Refused
from farline.trace.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farline.border.explain.recording import Connection, Recorded
    from farline.border.explain.scratch import Outcome
    from farline.config import Border
    from farline.trace.events import Event

_TOKEN = re.compile(rb"subid_ipcs=([0-9A-Za-z]{1,64})")


@dataclass(slots=True)
class Happened:
    """One input of the replay and what came of it."""

    recorded: Recorded
    flow: Flow | None
    """None: it reached nobody, `why` says so."""

    data: bytes
    outcome: Outcome | None = None
    why: str = ""
    emitted: list[Emitted] = field(default_factory=list)


@dataclass(slots=True)
class Played:
    """A whole replay: inputs with their outcomes, messages sent, and why any were refused."""

    happened: list[Happened] = field(default_factory=list)
    emitted: list[Emitted] = field(default_factory=list)
    reasons: dict[Transaction, str] = field(default_factory=dict)
    """The last refusal of each transaction, with the form that decided."""

    one_sided: bool = False
    """The recording has the outside alone: what this sent to servers compares with nothing."""


class Replay:
    """One run of a recording through one configuration."""

    def __init__(self, border: Border, scratch: Scratch | None = None) -> None:
        self.scratch = scratch or Scratch(border)
        self.played = Played()
        self._waiting: defaultdict[Key, deque[tuple[Flow, bytes]]] = defaultdict(deque)
        self._requests: dict[Key, tuple[Flow, str]] = {}
        """Of each request sent, by its key: the flow and our Via."""

        self._bodies: dict[Key, bytes] = {}
        self._connections: dict[Connection, Flow] = {}
        self._met: set[Connection] = set()
        self._ours: set[Connection] = set()
        """Connections on which the recorded border spoke first."""
        self._tokens: dict[bytes, bytes] = {}
        self._start: float | None = None
        self._answered: set[Key] = set()
        """Requests to servers whose answers are recorded."""

    def run(self, recording: Sequence[Recorded]) -> Played:
        """All of it."""
        for _ in self.steps(recording):
            pass
        return self.played

    def steps(self, recording: Sequence[Recorded]) -> Iterator[Happened]:
        """Message by message, so that each can be explained before the next."""
        self._answered = {key for one in recording if one.arrived and (key := request_of(one.data))}
        self.played.one_sided = self._is_one_sided(recording)
        for one in recording:
            if self._start is None:
                self._start = one.time - self.scratch.now
            self._note(self.scratch.advance(max(one.time - self._start, self.scratch.now)), None)
            if one.connection not in self._met:
                self._met.add(one.connection)
                if not one.arrived and one.transport.reliable:
                    self._ours.add(one.connection)
            if one.arrived:
                yield self._arrive(one)
            else:
                self._learn(one)

    # ---- what peers sent ----

    def _arrive(self, one: Recorded) -> Happened:
        try:
            message = Message.parse(one.data)
        except WireError:
            flow = self._flow(one)
            return self._give(Happened(one, flow, one.data, why="" if flow else self._deaf(one)))
        if message.is_request:
            flow = self._flow(one)
            why = "" if flow else self._deaf(one)
            return self._give(Happened(one, flow, self._with_tokens(one.data), why=why))
        asked = self._requests.get(key_of(message, "request"))
        if asked is None:
            why = "it answers a request that was not sent"
            return self._give(Happened(one, None, one.data, why=why))
        flow, via = asked
        if message.pop("Via") is not None:
            message.prepend("Via", via)
        return self._give(Happened(one, flow, self._with_tokens(message.to_bytes())))

    def _give(self, happened: Happened) -> Happened:
        self.played.happened.append(happened)
        if happened.flow is not None:
            happened.outcome = self.scratch.receive(happened.flow, happened.data)
            self._note(happened.outcome, happened)
        else:
            if not summarise(happened.data).status:
                self.played.reasons.setdefault(transaction_of(happened.data), happened.why)
        return happened

    def _flow(self, one: Recorded) -> Flow | None:
        """Where a message arrives: on a connection of ours, or at an interface."""
        known = self._connections.get(one.connection)
        if known is not None:
            return known
        ours = one.connection in self._ours
        for interface in self.scratch.plan.interfaces.values():
            port = interface.port(one.transport)
            # A connection that the border itself made has any port there.
            fits = port is not None and (ours or port == one.local.port)
            if interface.ip == one.local.host and fits:
                return self.scratch.flow(interface.name, one.transport, one.remote)
        return None

    def _deaf(self, one: Recorded) -> str:
        return f"no signaling interface listens on {one.local} ({one.transport})"

    def _with_tokens(self, data: bytes) -> bytes:
        """The recorded border's tokens replaced by ours."""
        if not self._tokens:
            return data
        return _TOKEN.sub(lambda found: b"subid_ipcs=" + self._tokens.get(found[1], found[1]), data)

    # ---- what came of it ----

    def _note(self, outcome: Outcome, happened: Happened | None) -> None:
        if happened is not None:
            transaction = transaction_of(happened.data)
            for event in outcome.events:
                self._reason(transaction, event)
        for flow, data in outcome.sent:
            emitted = emitted_of(self.scratch.now + (self._start or 0.0), flow.transport,
                                 str(flow.remote), data)  # fmt: skip
            if emitted is None:
                continue
            if flow.interface not in self.scratch.plan.subscriber_flows:
                emitted = replace(emitted, inside=True)
            self.played.emitted.append(emitted)
            if happened is not None:
                happened.emitted.append(emitted)
            self._waiting[emitted.key].append((flow, data))
            if emitted.key[0] == "request":
                via = Message.parse(data).values("Via")[:1]
                self._requests[emitted.key] = (flow, via[0] if via else "")
                self._bodies[emitted.key] = data

    def _reason(self, transaction: Transaction, event: Event) -> None:
        reasons = self.played.reasons
        if isinstance(event, Refused):
            if event.detail not in reasons.get(transaction, ""):
                reasons[transaction] = f"{event.reason}: {event.detail}"
        elif isinstance(event, Decision) and event.value.startswith(("refused", "answered")):
            form = f" ({event.form})" if event.form else ""
            reasons[transaction] = f"{event.stage} {event.value}: {event.because}{form}"

    def _learn(self, one: Recorded) -> None:
        """The recorded border sent this: which of ours is it, and what is it called here?"""
        emitted = emitted_of(one.time, one.transport, str(one.remote), one.data)
        if emitted is None:
            return
        if not self._waiting[emitted.key]:
            self._stand_in(one)
        if not (waiting := self._waiting[emitted.key]):
            return
        flow, data = waiting.popleft()
        if one.transport.reliable:
            self._connections.setdefault(one.connection, flow)
        recorded, ours = _TOKEN.search(one.data), _TOKEN.search(data)
        if recorded is not None and ours is not None:
            self._tokens[recorded[1]] = ours[1]

    def _is_one_sided(self, recording: Sequence[Recorded]) -> bool:
        """Whether every message passed an address that only subscriber flows have."""
        plan = self.scratch.plan
        outside = {plan.interfaces[name].ip for name in plan.subscriber_flows}
        inside = {plan.interfaces[name].ip for name in plan.server_flows} - outside
        return bool(inside) and all(one.local.host in outside for one in recording)

    def _stand_in(self, one: Recorded) -> None:
        """Answer for a server that is not in the recording, as its answer reached the phone."""
        key = request_of(one.data)
        if key is None or key in self._answered or key not in self._requests:
            return
        flow, _ = self._requests[key]
        if flow.interface in self.scratch.plan.subscriber_flows:
            return
        answer = Message.parse(one.data)
        asked = Message.parse(self._bodies[key])
        answer.set_all("Via", asked.all("Via"))
        if answer.get("Record-Route") is not None:
            answer.set_all("Record-Route", asked.all("Record-Route"))
        if asked.method == "REGISTER":
            with suppress(WireError):
                answer.set("Contact", _moved(asked, answer))
        self._note(self.scratch.receive(flow, answer.to_bytes()), None)


def recorded_output(recording: Iterable[Recorded]) -> Played:
    """What the recorded border sent, as a replay gives it."""
    played = Played()
    for one in recording:
        emitted = emitted_of(one.time, one.transport, str(one.remote), one.data)
        if not one.arrived and emitted is not None:
            played.emitted.append(emitted)
    return played


def _moved(asked: Message, answer: Message) -> str:
    """The Contact of the answer with the URI that was asked for: the phone's was put back in it."""
    contact = NameAddr.parse((answer.values("Contact") or [""])[0])
    return str(contact.with_uri(NameAddr.parse((asked.values("Contact") or [""])[0]).uri))
