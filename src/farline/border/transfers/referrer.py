"""The one who referred: told by NOTIFY how the transfer goes, and left in the end (RFC 3515)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls.legs import Leg

if TYPE_CHECKING:
    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.exchange import Side
    from farline.sip import Message

GOODBYE_SECONDS = 4.0
"""How long the one who referred may take to hang up before the border does it."""


class Referrer:
    """The end that sent a REFER."""

    def __init__(
        self, context: Context, session: Session, side: Side, *, event: str, quiet: bool
    ) -> None:
        """`event`: of the NOTIFYs; `quiet`: none are wanted (Refer-Sub: false, RFC 4488)."""
        self._context = context
        self._session = session
        self.side = side
        self.event = event
        self.quiet = quiet
        self.left = False
        """It has hung up."""

    @classmethod
    def of(cls, context: Context, session: Session, side: Side, refer: Message) -> Referrer:
        """The sender of a REFER."""
        quiet = (refer.get("Refer-Sub") or "").strip().lower() == "false"
        return cls(context, session, side, event=f"refer;id={refer.cseq}", quiet=quiet)

    @property
    def leg(self) -> Leg:
        """The end, as somebody to talk to."""
        return Leg(self._context, self._session, self.side)

    def tell(self, status: int, text: str, *, last: bool = False) -> None:
        """NOTIFY how it goes (RFC 3515 section 2.4.5)."""
        if self.quiet or self.left or (self._session.ended and not last):
            return
        state = "terminated;reason=noresource" if last else "active;expires=180"
        body = f"SIP/2.0 {status} {text}\r\n".encode("ascii", "replace")
        headers = (("Event", self.event), ("Subscription-State", state))
        leg = self.leg
        leg.tell(leg.request("NOTIFY", body, "message/sipfrag;version=2.0", headers))

    def hang_up(self) -> None:
        """BYE, unless it was first."""
        if not self.left:
            self.left = True
            leg = self.leg
            leg.tell(leg.request("BYE", headers=(("Reason", 'SIP;cause=200;text="transferred"'),)))
