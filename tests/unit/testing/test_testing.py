"""The test helpers themselves."""

from __future__ import annotations

import pytest

import farline.testing
from farline.sip import Address, Flow, Transport
from farline.sip.effects import (
    Close,
    Closed,
    Deadline,
    Expired,
    Open,
    Opened,
    OpenFailed,
    Received,
    Send,
)
from farline.testing import (
    Containing,
    Impairment,
    Instance,
    Link,
    ManualClock,
    Matching,
    Placeholder,
    Playbook,
    SeededIds,
    SeededRandom,
    Sip,
    Wait,
    sip_request,
)

A, B = Address("10.0.0.1", 5060), Address("10.0.0.2", 5060)
UDP, TCP = Transport.UDP, Transport.TCP


class Echo:
    """Answers what arrives with itself once; says "tick" every second when `ticking`."""

    def __init__(self, ticking: bool = False) -> None:
        self.out: list[object] = []
        self.inputs: list[tuple[object, float]] = []
        self.at = 1001.0 if ticking else None

    def handle(self, event: object, now: float) -> None:
        self.inputs.append((event, now))
        if isinstance(event, Received) and not event.data.startswith(b"re:"):
            self.out.append(Send(event.flow, b"re:" + event.data))
        if isinstance(event, Expired) and self.at is not None:
            assert now >= self.at
            self.at += 1.0
            self.out.append("tick")

    def poll(self) -> object | None:
        return self.out.pop(0) if self.out else None

    def next_deadline(self) -> Deadline | None:
        return None if self.at is None else Deadline(self.at, "tick")


def test_the_public_names() -> None:
    assert sorted(farline.testing.__all__) == farline.testing.__all__
    assert all(hasattr(farline.testing, name) for name in farline.testing.__all__)


def test_clock() -> None:
    clock = ManualClock(5.0)
    assert clock.advance(2.5) == clock() == clock.now == 7.5
    clock.set(8.0)
    for step in (lambda: clock.advance(-1.0), lambda: clock.set(7.0)):
        with pytest.raises(ValueError, match="back"):
            step()


def test_ids_are_the_same_for_the_same_seed() -> None:
    first, second, other = SeededIds(3), SeededIds(3), SeededIds(4)
    make = [lambda i: i.token(), lambda i: i.token(4), lambda i: i.number(), lambda i: i.uuid()]
    ours = [m(first) for m in make]
    assert ours == [m(second) for m in make] != [m(other) for m in make]
    assert len(ours[0]) == 16 and len(ours[1]) == 8 and 0 <= ours[2] < 2**31
    assert ours[3][14] == "4"


def datagrams(how: Impairment, seed: int = 7, count: int = 1):
    clock = ManualClock()
    link = Link(clock, SeededRandom(seed), how)
    one, two = Echo(), Echo()
    link.bind(one, "out", UDP, A)
    link.bind(two, "in", UDP, B)
    for number in range(count):
        one.out.append(Send(Flow(0, "out", UDP, A, B), b"%d" % number))
    link.run(5.0)
    return link, one, two


def test_a_datagram_and_its_answer_take_the_latency() -> None:
    link, one, two = datagrams(Impairment(latency=0.25))
    assert two.inputs == [(Received(Flow(0, "in", UDP, B, A), b"0"), 1000.25)]
    assert one.inputs == [(Received(Flow(0, "out", UDP, A, B), b"re:0"), 1000.5)]
    assert link.clock.now == 1005.0
    assert [seen.data for seen in link.seen] == [b"0", b"re:0"]


def test_loss_duplication_and_reordering() -> None:
    assert datagrams(Impairment(loss=1.0))[2].inputs == []
    assert len(datagrams(Impairment(duplicate=1.0))[2].inputs) == 2
    some = datagrams(Impairment(loss=0.3), count=200)
    arrived = len(some[2].inputs)
    assert 100 < arrived < 180
    lost = sum(seen.lost for seen in some[0].seen if not seen.data.startswith(b"re:"))
    assert arrived == 200 - lost
    order = [event.data for event, _ in datagrams(Impairment(reorder=0.5), count=20)[2].inputs]
    assert order != sorted(order, key=int) and sorted(order, key=int) == sorted(set(order), key=int)


def test_the_same_seed_gives_the_same_run() -> None:
    how = Impairment(loss=0.2, jitter=0.1, duplicate=0.2, reorder=0.2)
    runs = [datagrams(how, seed, 50)[2].inputs for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_a_datagram_to_nobody_is_gone() -> None:
    link, one, _ = datagrams(Impairment())
    one.out.append(Send(Flow(0, "out", UDP, A, Address("10.0.0.9", 1)), b"x"))
    link.run(1.0)
    assert len(one.inputs) == 1


def stream():
    link = Link(ManualClock(), SeededRandom(1), Impairment(latency=0.1, loss=1.0))
    one, two = Echo(), Echo()
    link.bind(one, "out", UDP, A)
    link.bind(two, "in", TCP, B)
    return link, one, two


def test_a_core_opens_a_connection_and_closes_it() -> None:
    link, one, two = stream()
    one.out.append(Open(5, "out", TCP, B))
    link.run(1.0)
    ((opened, at),) = one.inputs
    assert isinstance(opened, Opened) and opened.ticket == 5 and at == 1000.1
    ((accepted, _),) = two.inputs
    assert accepted.ticket is None and accepted.flow.remote == opened.flow.local
    one.out.append(Send(opened.flow, b"hello"))
    link.run(1.0)
    assert two.inputs[1][0] == Received(accepted.flow, b"hello")
    assert one.inputs[1][0] == Received(opened.flow, b"re:hello")
    two.out.append(Close(accepted.flow))
    link.run(1.0)
    assert one.inputs[2][0] == Closed(opened.flow, "closed")
    assert two.inputs[2][0] == Closed(accepted.flow, "closed")
    one.out.append(Send(opened.flow, b"late"))
    link.run(1.0)
    assert one.inputs[3][0] == Closed(opened.flow, "no such connection")


def test_a_connection_to_nobody_fails() -> None:
    link, one, _ = stream()
    one.out.append(Open(5, "out", TCP, A))
    link.run(1.0)
    assert one.inputs == [(OpenFailed(5, "connection refused"), 1000.1)]
    with pytest.raises(ConnectionRefusedError):
        link.connect(one, "out", A.host, TCP, A)


def test_a_connection_can_be_cut() -> None:
    link, one, two = stream()
    flow = link.connect(one, "out", A.host, TCP, B)
    link.cut(flow)
    link.cut(flow)
    assert one.inputs[-1][0] == Closed(flow, "cut")
    assert [type(event) for event, _ in two.inputs] == [Opened, Closed]


def test_timers_and_other_outputs_on_a_link() -> None:
    link = Link(ManualClock(), SeededRandom(1))
    ticking = Echo(ticking=True)
    link.bind(ticking, "out", UDP, A)
    link.run(3.5)
    assert [now for _, now in ticking.inputs] == [1001.0, 1002.0, 1003.0]
    assert link.outputs == [(ticking, "tick")] * 3


def test_a_circle_is_noticed() -> None:
    class Stuck(Echo):
        def next_deadline(self) -> Deadline:
            return Deadline(0.0, "stuck")

    link = Link(ManualClock(), SeededRandom(1))
    link.bind(Stuck(), "out", UDP, A)
    with pytest.raises(RuntimeError, match="circle"):
        link.run(1.0)


FLOW = Flow(0, "in", UDP, B, A)


def test_a_playbook_reads_like_a_conversation() -> None:
    with Playbook(Echo(ticking=True)) as play:
        play >> Received(FLOW, b"a") << Send(FLOW, b"re:a")
        play >> Wait(2.0) << "tick" << "tick"
        assert play.timers == ["tick", "tick"] and play.clock.now == 1002.0
        play >> Wait(1.0)
        play.skip(str)


def test_a_playbook_fails_on_a_wrong_a_missing_and_an_extra_output() -> None:
    with pytest.raises(AssertionError, match=r"expected.*b're:b'"):
        Playbook(Echo()) >> Received(FLOW, b"a") << Send(FLOW, b"re:b")
    with pytest.raises(AssertionError, match="said nothing"):
        Playbook(Echo()) << "tick"
    with pytest.raises(AssertionError, match="nobody expected"):
        Playbook(Echo()) >> Received(FLOW, b"a") >> Wait(1.0)
    with pytest.raises(AssertionError, match="nobody expected"), Playbook(Echo()) as play:
        play >> Received(FLOW, b"a")


def test_an_error_inside_a_playbook_is_not_hidden() -> None:
    def fail_in_the_middle() -> None:
        with Playbook(Echo()) as play:
            play >> Received(FLOW, b"a")
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail_in_the_middle()


def test_matchers() -> None:
    assert Send(FLOW, Instance(bytes)) == Send(FLOW, b"x")
    assert Send(FLOW, Instance(str)) != Send(FLOW, b"x")
    assert Containing("ag=") == "tag=1" and Containing("x") != "tag=1" and Containing("x") != 5
    assert Matching(lambda value: value == 4) == 4 and Matching(lambda value: False) != 4


def test_a_placeholder_holds_its_first_value() -> None:
    tag: Placeholder[str] = Placeholder("tag")
    with pytest.raises(AssertionError, match="tag"):
        _ = tag.value
    assert tag == "a" and tag == "a" and tag != "b" and tag.value == "a"


def test_sip_matcher() -> None:
    data = sip_request(headers=[("Session-Expires", "90")], body=b"v=0").to_bytes()
    assert Sip("INVITE sip:3003@", Session_Expires="90", Route=None, body=b"v=0") == data
    assert Sip("INVITE", To=Containing("3003")) == data
    for wrong in (Sip("BYE"), Sip("INVITE", Call_ID="x"), Sip("INVITE", body=b"")):
        assert wrong != data and " but " in repr(wrong)
    assert Sip("INVITE") != b"garbage" and Sip("INVITE") != "text"
