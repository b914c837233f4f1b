"""The lettered timers by name and time (RFC 3261 table 4, RFC 6026), in virtual time."""

from __future__ import annotations

import pytest

from farline.sip import Transport, responses
from farline.sip.effects import Send
from farline.sip.transaction import (
    Cause,
    RequestFailed,
    ServerTransaction,
    State,
    Timers,
    TransactionEnded,
    TransactionLayer,
)
from farline.testing import SeededIds, flow, sip_request
from farline.testing.messages import BORDER

UDP, TCP = Transport.UDP, Transport.TCP


class Run:
    """A layer whose timers are run one by one; keeps (time, timer, outputs)."""

    def __init__(self, timers: Timers | None = None) -> None:
        self.layer = TransactionLayer(ids=SeededIds(), timers=timers)

    def client(self, method: str, transport: Transport = UDP):
        where = flow(transport)
        message = sip_request(method, via=None)
        tx = self.layer.request(message, where, 0.0, sent_by=BORDER)
        self.drain()
        return tx

    def server(self, method: str, transport: Transport = UDP):
        self.layer.receive(sip_request(method), flow(transport), 0.0)
        return self.drain()[0].tx

    def answer(self, tx, status: int, now: float = 0.0) -> list[object]:
        response = responses.make(tx.request, status, to_tag="dora")
        if isinstance(tx, ServerTransaction):
            self.layer.respond(tx, response, now)
        else:
            self.layer.receive(response, tx.flow, now)
        return self.drain()

    def drain(self) -> list[object]:
        out = []
        while (output := self.layer.poll()) is not None:
            out.append(output)
        return out

    def fire(self, until: float = 1e9) -> list[tuple[float, str, list[object]]]:
        seen = []
        while (deadline := self.layer.next_deadline()) and deadline.at <= until:
            self.layer.expire(deadline.at)
            seen.append((deadline.at, deadline.timer, self.drain()))
        return seen


def moments(seen: list[tuple[float, str, list[object]]], timer: str) -> list[float]:
    return [at for at, name, _ in seen if name == timer]


def test_a_doubles_until_b_ends_it() -> None:
    run = Run()
    tx = run.client("INVITE")
    seen = run.fire()
    assert moments(seen, "A") == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert all(isinstance(out[0], Send) for _, name, out in seen if name == "A")
    assert seen[-1] == (
        32.0,
        "B",
        [RequestFailed(tx, Cause.TIMEOUT), TransactionEnded(tx, Cause.TIMEOUT)],
    )


def test_no_a_over_tcp_but_b() -> None:
    run = Run()
    run.client("INVITE", TCP)
    assert [(at, name) for at, name, _ in run.fire()] == [(32.0, "B")]


def test_c_cancels_an_invite_that_only_ever_rings() -> None:
    run = Run(Timers(c=200.0))
    tx = run.client("INVITE")
    run.answer(tx, 180, 0.1)
    assert run.fire(150.0) == []
    run.answer(tx, 183, 150.0)
    seen = [entry for entry in run.fire() if entry[2] and entry[1] != "E"]
    assert [(at, name) for at, name, _ in seen] == [(350.0, "C"), (382.0, "CANCEL")]
    assert seen[0][2][0].data.startswith(b"CANCEL ")
    assert seen[1][2] == [
        RequestFailed(tx, Cause.TIMEOUT),
        TransactionEnded(tx, Cause.TIMEOUT),
    ]
    assert len(run.layer) == 0


def test_d_over_udp_is_its_own_value_and_zero_over_tcp() -> None:
    run = Run(Timers(d=40.0))
    run.answer(run.client("INVITE"), 486)
    assert [(at, name) for at, name, _ in run.fire()] == [(40.0, "D")]
    run = Run(Timers(d=40.0))
    tx = run.client("INVITE", TCP)
    ended = run.answer(tx, 486)[-1]
    assert ended == TransactionEnded(tx, None)
    assert run.layer.next_deadline() is None


def test_e_doubles_up_to_t2_until_f() -> None:
    run = Run()
    run.client("OPTIONS")
    seen = run.fire()
    expected = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert moments(seen, "E") == expected
    assert seen[-1][:2] == (32.0, "F")


def test_e_goes_by_t2_when_proceeding() -> None:
    run = Run()
    run.answer(run.client("OPTIONS"), 100, 0.1)
    assert moments(run.fire(12.0), "E") == [0.5, 4.5, 8.5]


def test_f_alone_over_tcp() -> None:
    run = Run()
    run.client("OPTIONS", TCP)
    assert [(at, name) for at, name, _ in run.fire()] == [(32.0, "F")]


def test_g_doubles_up_to_t2_until_h() -> None:
    run = Run()
    tx = run.server("INVITE")
    run.answer(tx, 486)
    seen = run.fire()
    expected = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert moments(seen, "G") == expected
    assert seen[-1] == (32.0, "H", [TransactionEnded(tx, Cause.TIMEOUT)])


def test_h_alone_over_tcp() -> None:
    run = Run()
    run.answer(run.server("INVITE", TCP), 486)
    assert [(at, name) for at, name, _ in run.fire()] == [(32.0, "H")]


def test_i_is_t4_over_udp_and_zero_over_tcp() -> None:
    run = Run()
    tx = run.server("INVITE")
    run.answer(tx, 486)
    run.layer.receive(sip_request("ACK", to_tag="dora"), flow(), 1.0)
    assert tx.state is State.CONFIRMED
    assert [(at, name) for at, name, _ in run.fire()] == [(6.0, "I")]
    run = Run()
    tx = run.server("INVITE", TCP)
    run.answer(tx, 486)
    run.layer.receive(sip_request("ACK", to_tag="dora"), flow(TCP), 1.0)
    assert tx.state is State.TERMINATED


def test_j_is_64_t1_over_udp_and_zero_over_tcp() -> None:
    run = Run()
    run.answer(run.server("OPTIONS"), 200)
    assert [(at, name) for at, name, _ in run.fire()] == [(32.0, "J")]
    run = Run()
    tx = run.server("OPTIONS", TCP)
    assert run.answer(tx, 200)[-1] == TransactionEnded(tx, None)


def test_k_is_t4_over_udp_and_zero_over_tcp() -> None:
    run = Run()
    run.answer(run.client("OPTIONS"), 200)
    assert [(at, name) for at, name, _ in run.fire()] == [(5.0, "K")]
    run = Run()
    tx = run.client("OPTIONS", TCP)
    assert run.answer(tx, 200)[-1] == TransactionEnded(tx, None)


@pytest.mark.parametrize("transport", [UDP, TCP])
def test_l_is_64_t1_everywhere(transport: Transport) -> None:
    run = Run()
    run.answer(run.server("INVITE", transport), 200)
    assert [(at, name) for at, name, _ in run.fire()] == [(32.0, "L")]


@pytest.mark.parametrize("transport", [UDP, TCP])
def test_m_is_64_t1_everywhere(transport: Transport) -> None:
    run = Run()
    run.answer(run.client("INVITE", transport), 200)
    assert [(at, name) for at, name, _ in run.fire()] == [(32.0, "M")]


def test_an_invite_unanswered_for_200_ms_gets_100() -> None:
    run = Run()
    run.server("INVITE")
    ((at, name, (sent,)),) = run.fire()
    assert (at, name) == (0.2, "100")
    assert sent.data.startswith(b"SIP/2.0 100 Trying\r\n")


def test_no_100_after_a_ringing() -> None:
    run = Run()
    run.answer(run.server("INVITE"), 180)
    assert run.fire() == [(0.2, "100", [])]


@pytest.mark.parametrize("transport", [UDP, TCP])
def test_another_request_unanswered_until_e_reaches_t2_gets_100(transport: Transport) -> None:
    """RFC 4320 section 4.1: not sooner over UDP, and no later wherever it came from."""
    run = Run()
    tx = run.server("REGISTER", transport)
    assert run.fire(until=3.4) == []
    ((at, name, (sent,)),) = run.fire(until=4)
    assert (at, name) == (3.5, "LATE")
    assert b"SIP/2.0 100 Trying" in sent.data
    assert tx.state is State.PROCEEDING


def test_no_late_100_after_an_answer() -> None:
    run = Run()
    tx = run.server("REGISTER")
    run.answer(tx, 401)
    assert [name for _, name, _ in run.fire()] == ["J"]


def test_timers_follow_t1() -> None:
    run = Run(Timers(t1=0.1))
    run.client("INVITE")
    seen = run.fire()
    assert moments(seen, "A")[:3] == [0.1, pytest.approx(0.3), pytest.approx(0.7)]
    assert seen[-1][:2] == (pytest.approx(6.4), "B")


def test_a_stale_timer_does_nothing() -> None:
    run = Run()
    tx = run.client("OPTIONS", TCP)
    run.answer(tx, 200)
    assert run.layer.next_deadline() is None
    run.layer.expire(32.0)
    assert run.drain() == []
