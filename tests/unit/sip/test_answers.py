"""A 2xx is repeated until its ACK comes."""

from __future__ import annotations

import pytest

from farline.sip import Transport, responses
from farline.sip.answers import AnswerKeeper
from farline.sip.effects import Send
from farline.sip.transaction import RequestArrived, TransactionLayer
from farline.testing import SeededIds, Sip, flow, sip_request


class Callee:
    def __init__(self, transport: Transport = Transport.UDP) -> None:
        self.layer = TransactionLayer(ids=SeededIds())
        self.keeper = AnswerKeeper(self.layer)
        self.layer.receive(sip_request(), flow(transport), 0.0)
        (arrived,) = self.drain()
        assert isinstance(arrived, RequestArrived)
        self.tx = arrived.tx
        self.keeper.answer(self.tx, responses.make(self.tx.request, 200, to_tag="dora"), 0.0)

    def drain(self) -> list[object]:
        out = []
        while (output := self.layer.poll()) is not None:
            out.append(output)
        return out


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_it_is_repeated_with_growing_pauses_and_given_up(transport: Transport) -> None:
    callee = Callee(transport)
    assert callee.drain() == [Send(flow(transport), Sip("SIP/2.0 200"))]
    times = []
    given_up: list[object] = []
    while (deadline := callee.keeper.next_deadline()) is not None:
        assert deadline.timer == "2xx"
        given_up += callee.keeper.expire(deadline.at)
        if callee.drain():
            times.append(deadline.at)
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert given_up == [callee.tx] and deadline is None and len(callee.keeper) == 0


def test_its_ack_stops_it() -> None:
    callee = Callee()
    callee.drain()
    ack = sip_request("ACK", to_tag="dora")
    assert callee.keeper.acknowledge(ack) is callee.tx
    assert callee.keeper.acknowledge(ack) is None
    assert callee.keeper.next_deadline() is None
    assert callee.keeper.expire(40.0) == [] and callee.drain() == []


@pytest.mark.parametrize("other", [{"to_tag": "x"}, {"cseq": 2}, {"call_id": "x"}])
def test_another_ack_does_not_stop_it(other: dict[str, object]) -> None:
    callee = Callee()
    ack = sip_request("ACK", **{"to_tag": "dora", **other})
    assert callee.keeper.acknowledge(ack) is None and len(callee.keeper) == 1
