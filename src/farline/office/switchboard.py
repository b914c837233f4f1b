"""What a call asks of the switch that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from farline._core import Message
    from farline.office.call import Call
    from farline.office.causes import Cause
    from farline.office.leg import Leg
    from farline.sip.transaction import ServerTransaction


class Switchboard(Protocol):
    """What a call needs of the switch."""

    def ended(self, call: Call, cause: Cause, now: float) -> None:
        """The call is over."""

    def transfer(
        self, call: Call, leg: Leg, tx: ServerTransaction, message: Message, now: float
    ) -> None:
        """`leg` wants its partner to call somebody else."""
