"""Blind transfer (RFC 3515): "call somebody else in my place", done by the office itself.

The transferor hears with NOTIFY how the new call goes. The new phones are rung with an INVITE
without SDP; the offer of the one that answers goes to the transferred phone in a later INVITE
(RFC 3725, flow I), and the transferor is hung up. When nobody answers, the two talk on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from farline.office.call import Call
from farline.office.causes import Cause
from farline.office.forms import Party
from farline.office.hunt import Hunt
from farline.sip import NameAddr, Uri, WireError
from farline.sip.responses import reason_phrase

if TYPE_CHECKING:
    from farline.config import User
    from farline.office.bindings import Binding
    from farline.office.events import Answered, Ringing
    from farline.office.leg import Leg
    from farline.office.stack import Stack
    from farline.sip import Message

SUBSCRIPTION_SECONDS = 300
"""What NOTIFY says: longer than any phone rings."""


class Exchanger(Protocol):
    """What a transfer needs of the switch."""

    def joined(self, call: Call) -> None:
        """A new call is running."""


def target(message: Message) -> Uri | None:
    """Whom Refer-To names; None for what is not done: Replaces, other methods. Raises WireError."""
    values = message.values("Refer-To")
    if len(values) != 1:
        raise WireError(400, "REFER wants one Refer-To", "Refer-To")
    uri = NameAddr.parse(values[0]).uri
    method = uri.param("method")
    if uri.headers or (method is not None and method.upper() != "INVITE"):
        return None
    return uri


class Transfer:
    """One REFER, from its 202 to the last NOTIFY."""

    def __init__(
        self, stack: Stack, exchanger: Exchanger, call: Call, transferor: Leg, partner: Leg
    ) -> None:
        self._stack = stack
        self._exchanger = exchanger
        self._call = call
        self._transferor: Leg | None = transferor
        self._partner = partner
        self._user: User | None = None
        self._hunt: Hunt | None = None
        self._cseq = transferor.dialog.remote_seq if transferor.dialog is not None else 0

    def begin(self, now: float) -> None:
        """Tell the transferor that its wish is being tried."""
        self._call.transfer = self
        self._notify(100, now)

    def ring(self, user: User, phones: list[Binding], seconds: float, now: float) -> None:
        """Ring the phones of the new user for so many seconds."""
        self._user = user
        self._hunt = Hunt(self._stack, self, user, self._partner.user)
        self._hunt.start(phones, None, 70, seconds, now)

    # ---- Hunter ----

    def rings(self, leg: Leg, event: Ringing, now: float) -> None:
        """A new phone rings."""
        self._notify(180, now)

    def won(self, leg: Leg, event: Answered, now: float) -> None:
        """The new user answers: connect, and leave the old call."""
        user = self._user
        if user is None or event.sdp is None or self._partner.ended:
            leg.hang_up(Cause.INCOMPATIBLE, now)
            self.lost(488, Cause.INCOMPATIBLE, now)
            return
        self._notify(200, now)
        old, partner = self._call, self._partner
        old.transfer = None
        old.release(partner)
        partner.party = Party(user.extension, user.display_name)
        new = Call(self._stack, old.switchboard, partner.user, user, now)
        self._exchanger.joined(new)
        old.end(Cause.NORMAL, now)
        new.join(partner, leg, event.sdp, now)

    def lost(self, status: int, cause: Cause, now: float) -> None:
        """Nobody answers: the old call goes on, or ends if the transferor has left it."""
        self._notify(status, now)
        self._call.transfer = None
        if self._transferor is None:
            self._call.end(cause, now)

    # ---- the old call ----

    def left(self, leg: Leg, now: float) -> bool:
        """Whether the transfer goes on without `leg`: the transferor may hang up at once."""
        if leg is not self._transferor:
            return False
        self._transferor = None
        return True

    def stop(self, cause: Cause, now: float) -> None:
        """The old call is over."""
        if self._hunt is not None:
            self._hunt.stop(cause, now)

    def _notify(self, status: int, now: float) -> None:
        leg = self._transferor
        if leg is None:
            return
        final = status >= 200
        state = (
            "terminated;reason=noresource" if final else f"active;expires={SUBSCRIPTION_SECONDS}"
        )
        fields = [
            ("Event", f"refer;id={self._cseq}"),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
        ]
        body = f"SIP/2.0 {status} {reason_phrase(status)}\r\n".encode()
        leg.ask("NOTIFY", fields, body, now, _ignore)


def _ignore(_status: int, _message: Message | None, _now: float) -> None:
    """A transferor that does not want to hear changes nothing."""
