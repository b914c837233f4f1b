"""CANCEL of ours and of peers (RFC 3261 section 9)."""

from __future__ import annotations

import pytest

from farline._core import Message
from farline.sip import Transport, responses
from farline.sip.effects import Send
from farline.sip.transaction import (
    CancelArrived,
    Cause,
    RequestFailed,
    ResponseArrived,
    State,
    TransactionEnded,
    TransactionLayer,
)
from farline.testing import SeededIds, Sip, flow, sip_request
from farline.testing.stack import answer, call, drain, serve

UDP, TCP = Transport.UDP, Transport.TCP


@pytest.fixture
def layer() -> TransactionLayer:
    return TransactionLayer(ids=SeededIds())


def test_cancel_after_a_provisional_goes_at_once(layer: TransactionLayer) -> None:
    tx = call(layer)
    drain(layer)
    answer(layer, tx, 180)
    layer.cancel(tx, 1.0, [("Reason", "SIP;cause=200")])
    (sent,) = drain(layer)
    cancel = Message.parse(sent.data)
    cancel.validate()
    assert (cancel.method, cancel.uri, cancel.values("Via")) == ("CANCEL", tx.request.uri, [tx.via])
    assert cancel.get("To") == tx.request.get("To") and cancel.get("CSeq") == "1 CANCEL"
    assert cancel.get("Reason") == "SIP;cause=200"
    assert cancel.values("Route") == ["<sip:10.10.10.13;lr>"]
    layer.receive(responses.make(cancel, 200, to_tag="dora"), tx.flow, 1.1)
    assert drain(layer) == []
    assert [type(o) for o in answer(layer, tx, 487)] == [Send, ResponseArrived, TransactionEnded]


def test_cancel_waits_for_a_provisional_and_goes_once(layer: TransactionLayer) -> None:
    tx = call(layer)
    drain(layer)
    layer.cancel(tx, 0.0)
    layer.cancel(tx, 0.1)
    assert drain(layer) == []
    arrived, sent = answer(layer, tx, 100)
    assert isinstance(arrived, ResponseArrived) and sent.data.startswith(b"CANCEL ")
    layer.cancel(tx, 0.2)
    assert [type(o) for o in answer(layer, tx, 180)] == [ResponseArrived]


def test_cancel_of_an_answered_invite_does_nothing(layer: TransactionLayer) -> None:
    tx = call(layer)
    drain(layer)
    answer(layer, tx, 200)
    layer.cancel(tx, 1.0)
    assert drain(layer) == []


def test_a_cancelled_invite_without_final_response_fails_after_64_t1(
    layer: TransactionLayer,
) -> None:
    tx = call(layer)
    drain(layer)
    answer(layer, tx, 180)
    layer.cancel(tx, 10.0)
    drain(layer)
    names = []
    while (deadline := layer.next_deadline()) is not None:
        names.append(deadline)
        layer.expire(deadline.at)
    assert (42.0, "CANCEL") in names
    assert drain(layer) == [RequestFailed(tx, Cause.TIMEOUT), TransactionEnded(tx, Cause.TIMEOUT)]


def test_a_cancel_is_answered_and_told(layer: TransactionLayer) -> None:
    tx = serve(layer, sip_request())
    layer.respond(tx, responses.make(tx.request, 180, to_tag="dora"), 0.1)
    drain(layer)
    cancel = sip_request("CANCEL")
    layer.receive(cancel, flow(), 0.2)
    sent, told = drain(layer)
    assert sent == Send(flow(), Sip("SIP/2.0 200", CSeq="1 CANCEL"))
    assert Message.parse(sent.data).to_tag == "dora"
    assert told == CancelArrived(tx, cancel)
    layer.receive(sip_request("CANCEL"), flow(), 0.3)
    assert drain(layer) == [sent]


def test_a_cancel_for_an_answered_invite_changes_nothing(layer: TransactionLayer) -> None:
    tx = serve(layer, sip_request())
    layer.respond(tx, responses.make(tx.request, 486, to_tag="dora"), 0.1)
    drain(layer)
    layer.receive(sip_request("CANCEL"), flow(), 0.2)
    assert drain(layer) == [Send(flow(), Sip("SIP/2.0 200"))]
    assert tx.state is State.COMPLETED


def test_a_cancel_for_nothing_gets_481(layer: TransactionLayer) -> None:
    layer.receive(sip_request("CANCEL"), flow(), 0.2)
    assert drain(layer) == [Send(flow(), Sip("SIP/2.0 481"))]
