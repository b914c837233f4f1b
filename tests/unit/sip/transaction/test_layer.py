"""Matching, routing of responses, ACK, lost flows, limits."""

from __future__ import annotations

import gc
import weakref

import pytest

from farline._core import Message
from farline.sip import Address, Transport, responses
from farline.sip.effects import Send
from farline.sip.transaction import (
    AckArrived,
    CancelArrived,
    Cause,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
    State,
    StrayResponse,
    TransactionEnded,
    TransactionLayer,
)
from farline.testing import SeededIds, Sip, flow, sip_request
from farline.testing.messages import BORDER, RUEL
from farline.testing.stack import answer, call, drain, serve

UDP, TCP = Transport.UDP, Transport.TCP


@pytest.fixture
def layer() -> TransactionLayer:
    return TransactionLayer(ids=SeededIds())


def test_a_request_gets_our_via_on_top(layer: TransactionLayer) -> None:
    request = sip_request(via="SIP/2.0/TCP 172.22.33.101:62657;branch=z9hG4bKphone")
    tx = layer.request(request, flow(TCP), 0.0, sent_by=BORDER)
    (sent,) = drain(layer)
    assert sent.flow == flow(TCP)
    first, second = Message.parse(sent.data).values("Via")
    assert first == f"SIP/2.0/TCP 192.168.64.96:5060;branch={tx.key[0]}"
    assert str(tx.key[0]).startswith("z9hG4bK")
    assert second.endswith("z9hG4bKphone")


def test_over_udp_the_via_asks_for_rport(layer: TransactionLayer) -> None:
    call(layer, where=flow(UDP))
    (sent,) = drain(layer)
    assert Message.parse(sent.data).values("Via")[0].endswith(";rport")


def test_branches_differ_and_ipv6_has_brackets(layer: TransactionLayer) -> None:
    six = Address("2001:db8::1", 5060)
    vias = [
        layer.request(sip_request("OPTIONS", via=None), flow(TCP), 0.0, sent_by=six).via
        for _ in range(2)
    ]
    assert vias[0] != vias[1]
    assert vias[0].startswith("SIP/2.0/TCP [2001:db8::1]:5060;branch=")


def test_responses_reach_their_transaction_by_branch_and_method(layer: TransactionLayer) -> None:
    first, second = call(layer, "OPTIONS"), call(layer, "OPTIONS")
    drain(layer)
    arrived, ended = answer(layer, second, 200)
    assert isinstance(arrived, ResponseArrived)
    assert arrived.tx is second and isinstance(ended, TransactionEnded)
    wrong = responses.make(first.request, 200)
    wrong.set("CSeq", "1 INFO")
    layer.receive(wrong, first.flow, 0.0)
    assert drain(layer) == [] and layer.counters.stray == 1


def test_a_rejected_invite_is_acknowledged_by_the_layer(layer: TransactionLayer) -> None:
    tx = call(layer)
    drain(layer)
    sent, arrived, _ended = answer(layer, tx, 486)
    ack = Message.parse(sent.data)
    ack.validate()
    assert (ack.method, ack.uri, ack.values("Via")) == ("ACK", tx.request.uri, [tx.via])
    assert ack.get("To") == arrived.message.get("To")
    assert ack.get("CSeq") == "1 ACK" and ack.get("Max-Forwards") == "70"
    assert ack.values("Route") == ["<sip:10.10.10.13;lr>"]
    assert ack.call_id == tx.request.call_id and ack.from_tag == tx.request.from_tag


def test_the_ack_is_repeated_for_each_repeated_rejection(layer: TransactionLayer) -> None:
    tx = call(layer, where=flow(UDP))
    drain(layer)
    first = answer(layer, tx, 486)[0]
    assert answer(layer, tx, 486) == [first]


def test_every_2xx_is_handed_up_and_then_strays(layer: TransactionLayer) -> None:
    tx = call(layer)
    drain(layer)
    assert [o.tx for o in answer(layer, tx, 200)] == [tx]
    assert [o.tx for o in answer(layer, tx, 200, "other fork")] == [tx]
    layer.expire(32.0)
    assert drain(layer) == [TransactionEnded(tx, None)]
    (stray,) = answer(layer, tx, 200)
    assert isinstance(stray, StrayResponse) and stray.flow == tx.flow
    assert answer(layer, tx, 486) == [] and layer.counters.stray == 1


def test_send_stateless(layer: TransactionLayer) -> None:
    ack = sip_request("ACK", via="SIP/2.0/TCP 172.22.33.101:5060;branch=z9hG4bK-2")
    layer.send_stateless(ack, flow(TCP), sent_by=BORDER)
    layer.send_stateless(ack, flow(TCP))
    first, second = drain(layer)
    assert first == second
    assert len(Message.parse(first.data).values("Via")) == 2
    assert len(layer) == 0


def test_a_repeated_request_is_answered_from_the_transaction(layer: TransactionLayer) -> None:
    tx = serve(layer, sip_request("REGISTER"))
    layer.receive(sip_request("REGISTER"), flow(), 0.1)
    assert drain(layer) == [] and layer.counters.absorbed == 1
    layer.respond(tx, responses.make(tx.request, 401, to_tag="x"), 0.2)
    (first,) = drain(layer)
    layer.receive(sip_request("REGISTER"), flow(), 0.3)
    assert drain(layer) == [first]


@pytest.mark.parametrize(
    ("via", "same"),
    [
        ("SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-1;rport", True),
        ("SIP/2.0/UDP 172.22.33.101:5061;branch=z9hG4bK-1;rport", False),
        ("SIP/2.0/UDP phone.example:5060;branch=z9hG4bK-1;rport", False),
        ("SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-2;rport", False),
    ],
)
def test_a_request_is_known_by_branch_and_sent_by(
    layer: TransactionLayer, via: str, same: bool
) -> None:
    serve(layer, sip_request("REGISTER"))
    layer.receive(sip_request("REGISTER", via=via), flow(), 0.1)
    assert bool(drain(layer)) is not same


def test_the_old_rules_hold_without_the_cookie(layer: TransactionLayer) -> None:
    old = "SIP/2.0/UDP 172.22.33.101:5060;branch=1"
    tx = serve(layer, sip_request(via=old))
    layer.receive(sip_request(via=old), flow(), 0.1)
    assert drain(layer) == []
    layer.respond(tx, responses.make(tx.request, 486, to_tag="dora"), 0.2)
    drain(layer)
    layer.receive(sip_request("ACK", via=old, to_tag="other"), flow(), 0.3)
    assert [type(o) for o in drain(layer)] == [AckArrived] and tx.state is State.COMPLETED
    layer.receive(sip_request("ACK", via=old, to_tag="dora"), flow(), 0.3)
    assert drain(layer) == [] and tx.state is State.CONFIRMED
    assert serve(layer, sip_request(via=old, cseq=2)) is not tx


def test_the_ack_to_a_2xx_is_handed_up(layer: TransactionLayer) -> None:
    tx = serve(layer, sip_request())
    layer.respond(tx, responses.make(tx.request, 200, to_tag="dora"), 0.1)
    drain(layer)
    ack = sip_request("ACK", via="SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-ack")
    layer.receive(ack, flow(), 0.2)
    assert drain(layer) == [AckArrived(ack, flow(), None)]


def test_responses_that_no_longer_fit_are_not_sent(layer: TransactionLayer) -> None:
    tx = serve(layer, sip_request("OPTIONS"))
    layer.respond(tx, responses.make(tx.request, 200, to_tag="x"), 0.1)
    drain(layer)
    layer.respond(tx, responses.make(tx.request, 180, to_tag="x"), 0.2)
    assert drain(layer) == [] and layer.counters.late == 1


def test_a_message_without_via_is_dropped(layer: TransactionLayer) -> None:
    request = sip_request()
    request.remove("Via")
    layer.receive(request, flow(), 0.0)
    assert drain(layer) == [] and layer.counters.without_via == 1


def respond_to(layer: TransactionLayer, via: str, where) -> tuple[Send, str]:
    tx = serve(layer, sip_request("OPTIONS", via=via), where)
    layer.respond(tx, responses.make(tx.request, 200, to_tag="x"), 0.0)
    sent = drain(layer)[0]
    assert isinstance(sent, Send)
    return sent, Message.parse(sent.data).values("Via")[0]


def test_rport_is_filled_in_and_answered(layer: TransactionLayer) -> None:
    nat = flow(remote=Address("192.168.67.61", 61000))
    sent, via = respond_to(layer, "SIP/2.0/UDP 172.22.33.101:5060;rport;branch=z9hG4bK-1", nat)
    assert sent.flow == nat
    assert "rport=61000" in via and "received=192.168.67.61" in via


def test_rport_gets_received_even_from_the_same_host(layer: TransactionLayer) -> None:
    _, via = respond_to(layer, "SIP/2.0/UDP 172.22.33.101:5060;rport;branch=z9hG4bK-1", flow())
    assert "rport=5060" in via and "received=172.22.33.101" in via


def test_without_rport_the_port_of_the_via_is_answered(layer: TransactionLayer) -> None:
    nat = flow(remote=Address("192.168.67.61", 61000))
    sent, via = respond_to(layer, "SIP/2.0/UDP 172.22.33.101;branch=z9hG4bK-1", nat)
    assert sent.flow == flow(remote=Address("192.168.67.61", 5060))
    assert "received=192.168.67.61" in via and "rport" not in via


def test_without_need_the_via_stays_as_it_is(layer: TransactionLayer) -> None:
    sent, via = respond_to(layer, "SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-1", flow())
    assert sent.flow.remote == RUEL and via == "SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-1"


def test_a_connection_is_answered_on_itself(layer: TransactionLayer) -> None:
    where = flow(TCP, remote=Address("192.168.67.61", 62657))
    sent, via = respond_to(layer, "SIP/2.0/TCP 172.22.33.101:62657;branch=z9hG4bK-1", where)
    assert sent.flow == where and "received=192.168.67.61" in via


def test_a_lost_flow_fails_our_requests_on_it_and_no_others(layer: TransactionLayer) -> None:
    tx = call(layer, "OPTIONS", flow(TCP, token=1))
    other = call(layer, "OPTIONS", flow(TCP, token=2))
    drain(layer)
    layer.flow_lost(flow(TCP, token=1), 1.0)
    assert drain(layer) == [
        RequestFailed(tx, Cause.TRANSPORT),
        TransactionEnded(tx, Cause.TRANSPORT),
    ]
    assert other.state is State.TRYING


def test_a_server_transaction_survives_a_lost_flow_and_can_be_rerouted(
    layer: TransactionLayer,
) -> None:
    old, new = flow(TCP, token=1), flow(TCP, token=2)
    tx = serve(layer, sip_request(), old)
    layer.flow_lost(old, 1.0)
    assert drain(layer) == [ResponseLost(tx, Cause.TRANSPORT)]
    layer.respond(tx, responses.make(tx.request, 180, to_tag="x"), 1.0)
    assert drain(layer) == []
    layer.reroute(tx, new)
    layer.respond(tx, responses.make(tx.request, 200, to_tag="x"), 2.0)
    assert drain(layer) == [Send(new, Sip("SIP/2.0 200"))]
    layer.flow_lost(old, 3.0)
    assert drain(layer) == []
    layer.flow_lost(new, 3.0)
    assert drain(layer) == [ResponseLost(tx, Cause.TRANSPORT)]


def test_a_full_layer_refuses_new_requests_and_nothing_else() -> None:
    layer = TransactionLayer(ids=SeededIds(), limit=1, retry_after=7)
    tx = serve(layer, sip_request())
    second = sip_request(via="SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-2", call_id="b")
    layer.receive(second.copy(), flow(), 0.0)
    (refusal,) = drain(layer)
    assert refusal == Send(flow(), Sip("SIP/2.0 503", Retry_After="7"))
    layer.receive(second.copy(), flow(), 0.1)
    assert drain(layer) == [refusal]
    assert layer.counters.refused == 2 and len(layer) == 1
    layer.receive(sip_request("CANCEL"), flow(), 0.2)
    assert CancelArrived in {type(o) for o in drain(layer)}
    layer.receive(sip_request("CANCEL", via="SIP/2.0/UDP a.b;branch=z9hG4bK-9"), flow(), 0.2)
    assert [type(o) for o in drain(layer)] == [Send]
    assert layer.counters.refused == 3
    assert call(layer, "OPTIONS").state is State.TRYING
    assert tx.state is State.PROCEEDING


@pytest.mark.parametrize("merged", [True, False])
def test_merged_requests_get_482_where_asked_for(merged: bool) -> None:
    layer = TransactionLayer(ids=SeededIds(), merged=merged)
    first = serve(layer, sip_request())
    layer.receive(sip_request(via="SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-2"), flow(), 0.0)
    if merged:
        assert drain(layer) == [Send(flow(), Sip("SIP/2.0 482"))]
    else:
        assert [type(o) for o in drain(layer)] == [RequestArrived]
    layer.respond(first, responses.make(first.request, 200, to_tag="x"), 0.0)
    layer.expire(100.0)
    drain(layer)
    layer.expire(200.0)
    drain(layer)
    if merged:
        assert len(layer) == 0


def test_an_inside_dialog_request_is_never_merged() -> None:
    layer = TransactionLayer(ids=SeededIds(), merged=True)
    serve(layer, sip_request(to_tag="dora"))
    second = sip_request(via="SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-2", to_tag="dora")
    assert serve(layer, second).state is State.PROCEEDING


def test_nothing_is_left_when_all_is_over(layer: TransactionLayer) -> None:
    for number in range(5):
        via = f"SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-{number}"
        tx = serve(layer, sip_request("OPTIONS", via=via))
        layer.respond(tx, responses.make(tx.request, 200, to_tag="x"), 0.0)
        drain(layer)
    layer.expire(40.0)
    assert len(layer) == 0 and layer.connections == 0 and layer.next_deadline() is None


def test_a_transaction_of_another_layer_is_left_alone(layer: TransactionLayer) -> None:
    other = TransactionLayer(ids=SeededIds())
    tx, foreign = serve(layer, sip_request("OPTIONS")), serve(other, sip_request("OPTIONS"))
    layer.respond(foreign, responses.make(tx.request, 200, to_tag="x"), 0.0)
    layer.reroute(foreign, flow(TCP))
    assert drain(layer) == [] and tx.state is foreign.state is State.TRYING


def test_a_transaction_can_be_forgotten_with_its_user(layer: TransactionLayer) -> None:
    """The collector sees through the layer: what a user and its transaction hold goes with it."""

    class User:
        pass

    def gone() -> weakref.ref[User]:
        user = User()
        own = TransactionLayer(ids=SeededIds())
        user.tx = serve(own, sip_request())
        user.layer, user.tx.user = own, user
        return weakref.ref(user)

    seen = gone()
    gc.collect()
    assert seen() is None
