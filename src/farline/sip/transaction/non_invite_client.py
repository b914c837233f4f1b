"""Non-INVITE client transaction: RFC 3261 section 17.1.2."""

from farline.sip.transaction.table import Action, Input, State, Table

TABLE: Table = {
    (State.START, Input.REQUEST): (
        State.TRYING,
        (Action.SEND_REQUEST, Action.START_E, Action.START_F),
    ),
    (State.TRYING, Input.TIMER_E): (State.TRYING, (Action.RESEND, Action.REPEAT_E)),
    (State.TRYING, Input.TIMER_F): (State.TERMINATED, (Action.TIMED_OUT,)),
    (State.TRYING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.BROKEN,)),
    (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
    (State.TRYING, Input.SUCCESS): (State.COMPLETED, (Action.PASS, Action.START_K)),
    (State.TRYING, Input.REJECTION): (State.COMPLETED, (Action.PASS, Action.START_K)),
    (State.PROCEEDING, Input.TIMER_E): (State.PROCEEDING, (Action.RESEND, Action.SLOW_E)),
    (State.PROCEEDING, Input.TIMER_F): (State.TERMINATED, (Action.TIMED_OUT,)),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.BROKEN,)),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
    (State.PROCEEDING, Input.SUCCESS): (State.COMPLETED, (Action.PASS, Action.START_K)),
    (State.PROCEEDING, Input.REJECTION): (State.COMPLETED, (Action.PASS, Action.START_K)),
    (State.COMPLETED, Input.TIMER_K): (State.TERMINATED, ()),
}
