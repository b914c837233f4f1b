"""INVITE server transaction: RFC 3261 section 17.2.1 with RFC 6026 (Accepted, timer L).

In Accepted the user repeats the 2xx (`respond` again) and ACKs are passed to it; a repeated INVITE
is absorbed. A lost flow leaves the state as it is (RFC 6026).
"""

from farline.sip.transaction.table import Action, Input, State, Table

TABLE: Table = {
    (State.START, Input.REQUEST): (State.PROCEEDING, (Action.PASS, Action.START_100)),
    (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Action.RESEND,)),
    (State.PROCEEDING, Input.TIMER_100): (State.PROCEEDING, (Action.SEND_100,)),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.SEND_RESPONSE,)),
    (State.PROCEEDING, Input.SUCCESS): (
        State.ACCEPTED,
        (Action.SEND_RESPONSE, Action.START_L),
    ),
    (State.PROCEEDING, Input.REJECTION): (
        State.COMPLETED,
        (Action.SEND_RESPONSE, Action.START_G, Action.START_H),
    ),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.PROCEEDING, (Action.LOST,)),
    (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Input.ACK): (State.CONFIRMED, (Action.START_I,)),
    (State.COMPLETED, Input.TIMER_G): (State.COMPLETED, (Action.RESEND, Action.REPEAT_G)),
    (State.COMPLETED, Input.TIMER_H): (State.TERMINATED, (Action.UNACKNOWLEDGED,)),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (State.COMPLETED, (Action.LOST,)),
    (State.CONFIRMED, Input.TIMER_I): (State.TERMINATED, ()),
    (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (Action.SEND_RESPONSE,)),
    (State.ACCEPTED, Input.ACK): (State.ACCEPTED, (Action.PASS,)),
    (State.ACCEPTED, Input.TIMER_L): (State.TERMINATED, ()),
    (State.ACCEPTED, Input.TRANSPORT_ERROR): (State.ACCEPTED, (Action.LOST,)),
}
