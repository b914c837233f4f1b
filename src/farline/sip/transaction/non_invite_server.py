"""Non-INVITE server transaction: RFC 3261 section 17.2.2; a lost flow as RFC 6026 has it.

Over UDP a 100 is not to be sent before the client's Timer E has reached T2, and then has to be
(RFC 4320 section 4.1): the timer LATE. The user may send one at once where the transport is
reliable.
"""

from farline.sip.transaction.table import Action, Input, State, Table

TABLE: Table = {
    (State.START, Input.REQUEST): (State.TRYING, (Action.PASS, Action.START_LATE)),
    (State.TRYING, Input.TIMER_LATE): (State.PROCEEDING, (Action.SEND_100,)),
    (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (Action.SEND_RESPONSE,)),
    (State.TRYING, Input.SUCCESS): (State.COMPLETED, (Action.SEND_RESPONSE, Action.START_J)),
    (State.TRYING, Input.REJECTION): (State.COMPLETED, (Action.SEND_RESPONSE, Action.START_J)),
    (State.TRYING, Input.TRANSPORT_ERROR): (State.TRYING, (Action.LOST,)),
    (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Action.RESEND,)),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.SEND_RESPONSE,)),
    (State.PROCEEDING, Input.SUCCESS): (
        State.COMPLETED,
        (Action.SEND_RESPONSE, Action.START_J),
    ),
    (State.PROCEEDING, Input.REJECTION): (
        State.COMPLETED,
        (Action.SEND_RESPONSE, Action.START_J),
    ),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.PROCEEDING, (Action.LOST,)),
    (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Input.TIMER_J): (State.TERMINATED, ()),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (State.COMPLETED, (Action.LOST,)),
}
