"""Every cell of the four machines, against facts written from RFC 3261 section 17 and RFC 6026.

A fact is: state, input -> next state: what is seen outside. An input not listed for a state must
change nothing and show nothing. The machines are driven through the layer over UDP.
"""

from __future__ import annotations

import itertools

import pytest

from farline.sip import responses
from farline.sip.effects import Send
from farline.sip.transaction import (
    AckArrived,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
    State,
    TransactionEnded,
    TransactionLayer,
)
from farline.sip.transaction.table import Input
from farline.testing import SeededIds, flow, sip_request
from farline.testing.messages import BORDER

FACTS = {
    "INVITE client": """
        Start      request         -> Calling    : send
        Calling    A               -> Calling    : send
        Calling    B               -> Terminated : failed ended
        Calling    transport error -> Terminated : failed ended
        Calling    1xx             -> Proceeding : response
        Calling    2xx             -> Accepted   : response
        Calling    300-699         -> Completed  : send response
        Proceeding 1xx             -> Proceeding : response
        Proceeding 2xx             -> Accepted   : response
        Proceeding 300-699         -> Completed  : send response
        Proceeding transport error -> Terminated : failed ended
        Proceeding C               -> Proceeding : send
        Proceeding CANCEL          -> Terminated : failed ended
        Completed  300-699         -> Completed  : send
        Completed  transport error -> Terminated : ended
        Completed  D               -> Terminated : ended
        Accepted   2xx             -> Accepted   : response
        Accepted   M               -> Terminated : ended
    """,
    "INVITE server": """
        Start      request         -> Proceeding : request
        Proceeding request         -> Proceeding : send
        Proceeding 100             -> Proceeding :
        Proceeding 1xx             -> Proceeding : send
        Proceeding 2xx             -> Accepted   : send
        Proceeding 300-699         -> Completed  : send
        Proceeding transport error -> Proceeding : lost
        Completed  request         -> Completed  : send
        Completed  G               -> Completed  : send
        Completed  H               -> Terminated : ended
        Completed  ACK             -> Confirmed  :
        Completed  transport error -> Completed  : lost
        Confirmed  I               -> Terminated : ended
        Accepted   2xx             -> Accepted   : send
        Accepted   ACK             -> Accepted   : ack
        Accepted   L               -> Terminated : ended
        Accepted   transport error -> Accepted   : lost
    """,
    "non-INVITE client": """
        Start      request         -> Trying     : send
        Trying     E               -> Trying     : send
        Trying     F               -> Terminated : failed ended
        Trying     transport error -> Terminated : failed ended
        Trying     1xx             -> Proceeding : response
        Trying     2xx             -> Completed  : response
        Trying     300-699         -> Completed  : response
        Proceeding E               -> Proceeding : send
        Proceeding F               -> Terminated : failed ended
        Proceeding transport error -> Terminated : failed ended
        Proceeding 1xx             -> Proceeding : response
        Proceeding 2xx             -> Completed  : response
        Proceeding 300-699         -> Completed  : response
        Completed  K               -> Terminated : ended
    """,
    "non-INVITE server": """
        Start      request         -> Trying     : request
        Trying     LATE            -> Proceeding : send
        Trying     1xx             -> Proceeding : send
        Trying     2xx             -> Completed  : send
        Trying     300-699         -> Completed  : send
        Trying     transport error -> Trying     : lost
        Proceeding request         -> Proceeding : send
        Proceeding 1xx             -> Proceeding : send
        Proceeding 2xx             -> Completed  : send
        Proceeding 300-699         -> Completed  : send
        Proceeding transport error -> Proceeding : lost
        Completed  request         -> Completed  : send
        Completed  J               -> Terminated : ended
        Completed  transport error -> Completed  : lost
    """,
}

WORDS = {
    Send: "send",
    ResponseArrived: "response",
    RequestArrived: "request",
    RequestFailed: "failed",
    AckArrived: "ack",
    ResponseLost: "lost",
    TransactionEnded: "ended",
}

# One way into every state, from Start.
WAYS = {
    "INVITE client": {
        State.CALLING: (),
        State.PROCEEDING: (Input.PROVISIONAL,),
        State.COMPLETED: (Input.REJECTION,),
        State.ACCEPTED: (Input.SUCCESS,),
        State.TERMINATED: (Input.TIMER_B,),
    },
    "INVITE server": {
        State.PROCEEDING: (Input.PROVISIONAL,),
        State.COMPLETED: (Input.REJECTION,),
        State.CONFIRMED: (Input.REJECTION, Input.ACK),
        State.ACCEPTED: (Input.SUCCESS,),
        State.TERMINATED: (Input.REJECTION, Input.TIMER_H),
    },
    "non-INVITE client": {
        State.TRYING: (),
        State.PROCEEDING: (Input.PROVISIONAL,),
        State.COMPLETED: (Input.SUCCESS,),
        State.TERMINATED: (Input.TIMER_F,),
    },
    "non-INVITE server": {
        State.TRYING: (),
        State.PROCEEDING: (Input.PROVISIONAL,),
        State.COMPLETED: (Input.SUCCESS,),
        State.TERMINATED: (Input.SUCCESS, Input.TIMER_J),
    },
}

# A message for an ended transaction is the layer's matter: see test_layer.
OF_NO_TRANSACTION = (Input.REQUEST, Input.ACK, Input.PROVISIONAL, Input.SUCCESS, Input.REJECTION)

STATUS = {Input.PROVISIONAL: 180, Input.SUCCESS: 200, Input.REJECTION: 486}


def facts(machine: str) -> dict[tuple[State, Input], tuple[State, str]]:
    table = {}
    for line in FACTS[machine].strip().splitlines():
        left, right = line.split("->")
        state, event = left.split(maxsplit=1)
        after, shown = right.split(":")
        table[State(state), Input(event.strip())] = (State(after.strip()), shown.strip())
    return table


class Stage:
    """One transaction of a layer over UDP, driven by table inputs."""

    def __init__(self, machine: str) -> None:
        self.client = machine.endswith("client")
        self.method = "OPTIONS" if machine.startswith("non") else "INVITE"
        self.layer = TransactionLayer(ids=SeededIds())
        self.flow = flow()
        self.step = self.layer._machine.step
        if self.client:
            message = sip_request(self.method, via=None)
            self.tx = self.layer.request(message, self.flow, 0.0, sent_by=BORDER)
        else:
            self.layer.receive(sip_request(self.method), self.flow, 0.0)
            (self.tx,) = self.layer.transactions()
        self.request = self.tx.request

    def drain(self) -> str:
        shown = []
        while (output := self.layer.poll()) is not None:
            shown.append(WORDS[type(output)])
        return " ".join(shown)

    def give(self, event: Input) -> str:
        if event in STATUS:
            response = responses.make(self.request, STATUS[event], to_tag="dora")
            if self.client:
                self.layer.receive(response, self.flow, 0.0)
            else:
                self.layer.respond(self.tx, response, 0.0)
        elif event is Input.TRANSPORT_ERROR:
            self.layer.flow_lost(self.flow, 0.0)
        elif event is Input.REQUEST and not self.client:
            self.layer.receive(sip_request(self.method), self.flow, 0.0)
        elif event is Input.ACK and self.method == "INVITE" and not self.client:
            self.layer.receive(sip_request("ACK"), self.flow, 0.0)
        else:
            self.step(self.tx, event, None, 0.0)
        return self.drain()


CELLS = [
    (machine, state, event)
    for machine, ways in WAYS.items()
    for state, event in itertools.product(ways, Input)
    if state is not State.TERMINATED or event not in OF_NO_TRANSACTION
]


@pytest.mark.parametrize(
    ("machine", "state", "event"), CELLS, ids=lambda part: str(part).replace(" ", "-")
)
def test_cell(machine: str, state: State, event: Input) -> None:
    stage = Stage(machine)
    stage.drain()
    for before in WAYS[machine][state]:
        stage.give(before)
    assert stage.tx.state is state
    after, shown = facts(machine).get((state, event), (state, ""))
    assert stage.give(event) == shown
    assert stage.tx.state is after


@pytest.mark.parametrize("machine", FACTS)
def test_start(machine: str) -> None:
    stage = Stage(machine)
    after, shown = facts(machine)[State.START, Input.REQUEST]
    assert stage.drain() == shown
    assert stage.tx.state is after


@pytest.mark.parametrize("machine", FACTS)
def test_the_table_has_no_other_cell(machine: str) -> None:
    stage = Stage(machine)
    cells = {(state, event) for state, row in stage.tx.table.items() for event in row}
    assert cells == facts(machine).keys()
