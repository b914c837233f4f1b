"""INVITE client transaction: RFC 3261 section 17.1.1 with RFC 6026 (Accepted, timer M).

What is not in the RFCs' figure concerns Proceeding, where it waits without end. A connection lost
fails the transaction at once, as no answer can come back any more. Timer C, which the RFC gives to
proxies (section 16.8), cancels the request when provisional responses have stopped for long. And
after a CANCEL the wait for a final response ends after 64*T1 (section 9.1).
"""

from farline.sip.transaction.table import Action, Input, State, Table

TABLE: Table = {
    (State.START, Input.REQUEST): (
        State.CALLING,
        (Action.SEND_REQUEST, Action.START_A, Action.START_B),
    ),
    (State.CALLING, Input.TIMER_A): (State.CALLING, (Action.RESEND, Action.REPEAT_A)),
    (State.CALLING, Input.TIMER_B): (State.TERMINATED, (Action.TIMED_OUT,)),
    (State.CALLING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.BROKEN,)),
    (State.CALLING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS, Action.START_C)),
    (State.CALLING, Input.SUCCESS): (State.ACCEPTED, (Action.PASS, Action.START_M)),
    (State.CALLING, Input.REJECTION): (
        State.COMPLETED,
        (Action.SEND_ACK, Action.PASS, Action.START_D),
    ),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS, Action.START_C)),
    (State.PROCEEDING, Input.TIMER_C): (State.PROCEEDING, (Action.CANCEL,)),
    (State.PROCEEDING, Input.SUCCESS): (State.ACCEPTED, (Action.PASS, Action.START_M)),
    (State.PROCEEDING, Input.REJECTION): (
        State.COMPLETED,
        (Action.SEND_ACK, Action.PASS, Action.START_D),
    ),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.BROKEN,)),
    (State.PROCEEDING, Input.TIMER_CANCEL): (State.TERMINATED, (Action.TIMED_OUT,)),
    (State.COMPLETED, Input.REJECTION): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.UNREACHABLE,)),
    (State.COMPLETED, Input.TIMER_D): (State.TERMINATED, ()),
    (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (Action.PASS,)),
    (State.ACCEPTED, Input.TIMER_M): (State.TERMINATED, ()),
}
