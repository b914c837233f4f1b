"""What an INVITE that was sent on waits for: the next hop's first word, and the end of ringing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.interworking import calls as call_interworking
from farline.border.routing import failover
from farline.border.steps import TimerC

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.passage import Passage
    from farline.border.steps import Operation
    from farline.sip.schedule import Alarm
    from farline.sip.transaction import ClientTransaction


class CallTimers:
    """Timer C (RFC 3261 section 16.6) and the patience with a silent next hop, of one INVITE."""

    def __init__(self, context: Context, operation: Operation, passage: Passage) -> None:
        self._context = context
        self._operation = operation
        self._passage = passage
        self._ringing: Alarm | None = None
        self._silence: Alarm | None = None
        """Runs while a next hop has said nothing and there is another."""

    @property
    def watches_silence(self) -> bool:
        """Whether the next hop has said nothing yet, and another one waits."""
        return self._silence is not None

    def sent(self, client: ClientTransaction) -> None:
        """The request went to a next hop."""
        self.may_ring()
        self._silence = failover.watch(self._context, self._operation, self._passage, client)

    def heard(self) -> None:
        """The next hop said something."""
        if self._silence is not None:
            self._silence.stop()
            self._silence = None

    def may_ring(self) -> None:
        """It may ring once more for as long as Timer C says."""
        context, operation = self._context, self._operation
        if self._ringing is not None:
            self._ringing.stop()
        at = context.now + call_interworking.ringing_seconds(self._passage)
        self._ringing = context.schedule.start(
            at, "C", lambda _: context.deliver(operation, TimerC())
        )

    def rings_no_more(self) -> None:
        """A final answer came."""
        if self._ringing is not None:
            self._ringing.stop()

    def over(self) -> None:
        """The transaction has ended."""
        for alarm in (self._ringing, self._silence):
            if alarm is not None:
                alarm.stop()
