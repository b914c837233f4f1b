"""Two transaction layers over a bad link: every transaction ends, in time, with one outcome."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from farline._core import Message
from farline.sip import Address, Flow, Transport, responses
from farline.sip.transaction import (
    CancelArrived,
    Event,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    State,
    TransactionEnded,
    TransactionLayer,
)
from farline.testing import (
    Impairment,
    LayerCore,
    Link,
    ManualClock,
    SeededIds,
    SeededRandom,
    sip_request,
)

A, B = Address("10.0.0.1", 5060), Address("10.0.0.2", 5060)
LONGEST = 32.0 + 32.0 + 5.0 + 1.0
"""Seconds in which everything must be over: an unanswered request (B or F), then the longest
linger of the other side (H, J, L), T4 and the link's own delays."""

SILENCE = 200.0 + 32.0
"""More for an INVITE that has rung and then hears nothing any more (C, then CANCEL)."""

plans = st.lists(
    st.tuples(
        st.sampled_from(["INVITE", "OPTIONS", "REGISTER"]),
        st.sampled_from([200, 302, 401, 486, 503, 603]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
impairments = st.builds(
    Impairment,
    latency=st.floats(0.001, 0.3),
    jitter=st.floats(0.0, 0.3),
    loss=st.floats(0.0, 1.0),
    duplicate=st.floats(0.0, 0.5),
    reorder=st.floats(0.0, 0.5),
)


class Pair:
    """A client side and a server side; the plan of a request says how it is answered."""

    def __init__(self, transport: Transport, seed: int, how: Impairment) -> None:
        self.clock = ManualClock()
        self.link = Link(self.clock, SeededRandom(seed), how)
        self.client = LayerCore(TransactionLayer(ids=SeededIds(seed)), self.on_client)
        self.server = LayerCore(TransactionLayer(ids=SeededIds(seed + 1)), self.on_server)
        self.link.bind(self.client, "a", transport, A)
        self.link.bind(self.server, "b", transport, B)
        if transport is Transport.UDP:
            self.flow = Flow(0, "a", transport, A, B)
        else:
            self.flow = self.link.connect(self.client, "a", A.host, transport, B)
        self.plans: dict[str, tuple[int, bool]] = {}
        self.tags = 0

    def send(self, number: int, method: str, status: int, ring: bool, cancel: bool) -> None:
        call_id = f"call-{number}"
        self.plans[call_id] = (status, ring)
        request = sip_request(method, via=None, call_id=call_id)
        tx = self.client.layer.request(request, self.flow, self.clock.now, sent_by=A)
        if cancel:
            self.client.layer.cancel(tx, self.clock.now)

    def on_client(self, event: Event, now: float) -> None:
        pass

    def on_server(self, event: Event, now: float) -> None:
        layer = self.server.layer
        if isinstance(event, RequestArrived):
            status, ring = self.plans[event.message.call_id]
            if ring:
                layer.respond(event.tx, responses.make(event.message, 180, to_tag="b"), now)
            else:
                layer.respond(event.tx, responses.make(event.message, status, to_tag="b"), now)
        elif isinstance(event, CancelArrived):
            layer.respond(event.tx, responses.make(event.tx.request, 487, to_tag="b"), now)


def finals(core: LayerCore) -> Counter[int]:
    """How many outcomes each client transaction had (2xx to INVITE may repeat and count once)."""
    seen: dict[int, set[str]] = {}
    for event in core.events:
        if isinstance(event, ResponseArrived) and event.message.status >= 200:
            seen.setdefault(id(event.tx), set()).add(str(event.message.status))
        elif isinstance(event, RequestFailed):
            seen.setdefault(id(event.tx), set()).add(event.cause.value)
    return Counter({key: len(outcomes) for key, outcomes in seen.items()})


@settings(max_examples=60, deadline=None)
@given(plan=plans, how=impairments, seed=st.integers(0, 2**16), reliable=st.booleans())
def test_every_transaction_ends_in_time_with_one_outcome(plan, how, seed, reliable) -> None:
    pair = Pair(Transport.TCP if reliable else Transport.UDP, seed, how)
    for number, (method, status, ring, cancel) in enumerate(plan):
        pair.send(number, method, status, ring, cancel)
    pair.link.run(1.0)
    # The 2xx is sent once only: that the answer gets lost for good is part of the test.
    for tx in list(pair.server.layer.transactions()):
        if tx.state in (State.TRYING, State.PROCEEDING):
            status, _ = pair.plans[tx.request.call_id]
            answer = responses.make(tx.request, status, to_tag="b")
            pair.server.layer.respond(tx, answer, pair.clock.now)
    pair.plans = {key: (status, False) for key, (status, _) in pair.plans.items()}
    pair.link.run(LONGEST + SILENCE)
    assert len(pair.client.layer) == 0 and len(pair.server.layer) == 0
    assert pair.client.next_deadline() is None and pair.server.next_deadline() is None
    ended = [event.tx for event in pair.client.events if isinstance(event, TransactionEnded)]
    assert len(ended) == len(set(ended)) == len(plan)
    outcomes = finals(pair.client)
    assert set(outcomes) == {id(tx) for tx in ended}
    assert set(outcomes.values()) == {1}
    assert pair.client.layer.connections == pair.server.layer.connections == 0


@settings(max_examples=30, deadline=None)
@given(plan=plans, seed=st.integers(0, 2**16), reliable=st.booleans())
def test_on_a_good_link_every_request_gets_its_answer_and_arrives_once(
    plan, seed, reliable
) -> None:
    pair = Pair(Transport.TCP if reliable else Transport.UDP, seed, Impairment(latency=0.02))
    for number, (method, status, _, _) in enumerate(plan):
        pair.send(number, method, status, False, False)
    pair.link.run(LONGEST)
    arrived = [e.message.call_id for e in pair.server.events if isinstance(e, RequestArrived)]
    assert sorted(arrived) == [f"call-{number}" for number in range(len(plan))]
    got = {
        event.message.call_id: event.message.status
        for event in pair.client.events
        if isinstance(event, ResponseArrived) and event.message.status >= 200
    }
    assert got == {f"call-{n}": status for n, (_, status, _, _) in enumerate(plan)}
    assert not any(isinstance(event, RequestFailed) for event in pair.client.events)


def test_five_percent_loss_costs_no_request() -> None:
    pair = Pair(Transport.UDP, 7, Impairment(latency=0.03, jitter=0.02, loss=0.05))
    for number in range(100):
        pair.send(number, "REGISTER", 200, False, False)
    pair.link.run(LONGEST)
    statuses = [e.message.status for e in pair.client.events if isinstance(e, ResponseArrived)]
    assert statuses == [200] * 100
    requests = sum(seen.data.startswith(b"REGISTER") for seen in pair.link.seen)
    assert requests > 100


def test_a_cut_connection_fails_what_waits_on_it() -> None:
    pair = Pair(Transport.TCP, 1, Impairment(latency=0.05))
    pair.send(0, "INVITE", 200, True, False)
    pair.link.run(0.5)
    pair.link.cut(pair.flow)
    pair.link.run(0.1)
    assert [e.cause for e in pair.client.events if isinstance(e, RequestFailed)] == ["transport"]


def test_a_call_as_a_conversation() -> None:
    """INVITE, 180, CANCEL, 200, 487, ACK over TCP: what went over the wire."""
    pair = Pair(Transport.TCP, 1, Impairment(latency=0.05))
    pair.send(0, "INVITE", 200, True, True)
    pair.link.run(2.0)
    lines = []
    for seen in pair.link.seen:
        message = Message.parse(seen.data)
        lines.append(message.method if message.is_request else f"{message.status} {message.method}")
    assert lines == ["INVITE", "180 INVITE", "CANCEL", "200 CANCEL", "487 INVITE", "ACK"]
