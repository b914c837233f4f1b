"""INVITE client transaction: RFC 3261 section 17.1.1 with RFC 6026 (Accepted, timer M).

Two rows are not in the RFCs' figure: a connection lost while Proceeding fails the transaction at
once (RFC 3261 waits for nothing there, and the answer could not come back any more), and after a
CANCEL the wait for a final response ends after 64*T1 (section 9.1).
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
    (State.CALLING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
    (State.CALLING, Input.SUCCESS): (State.ACCEPTED, (Action.PASS, Action.START_M)),
    (State.CALLING, Input.REJECTION): (
        State.COMPLETED,
        (Action.SEND_ACK, Action.PASS, Action.START_D),
    ),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
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
