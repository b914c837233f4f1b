"""A conversation with a core, written as one.

    with Playbook(core) as play:
        play >> Received(flow, invite)
        play << Send(flow, Sip("SIP/2.0 100"))
        play >> Wait(0.5)
        play << Send(flow, Sip("SIP/2.0 180", To=Containing("tag=")))

`>>` gives the core an input, `<<` takes its next output and compares. Outputs that nobody asked for
fail the test, at the next input or at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.sip.effects import Expired
from farline.testing.clock import ManualClock

if TYPE_CHECKING:
    from types import TracebackType

    from farline.sip.effects import Core


@dataclass(frozen=True, slots=True)
class Wait:
    """An input: let `seconds` pass; timers that fall due are delivered, each at its time."""

    seconds: float


class Playbook:
    """See the module's text. `core` has handle, poll and next_deadline."""

    def __init__(self, core: Core, clock: ManualClock | None = None) -> None:
        self.core = core
        self.clock = clock or ManualClock()
        self.timers: list[str] = []
        """Names of the timers that fired during `Wait`, in order."""

        self._pending: list[object] = []

    def __rshift__(self, event: object) -> Playbook:
        """Give an input. Raises AssertionError while outputs stand unread."""
        self.done()
        if isinstance(event, Wait):
            self._wait(event.seconds)
        else:
            self.core.handle(event, self.clock.now)
            self._collect()
        return self

    def __lshift__(self, expected: object) -> Playbook:
        """Expect an output, a value or a matcher. Raises AssertionError if it is another."""
        if not self._pending:
            raise AssertionError(f"expected {expected!r}, but the core said nothing")
        output = self._pending.pop(0)
        if expected != output:
            rest = "".join(f"\n  then {later!r}" for later in self._pending)
            raise AssertionError(f"expected {expected!r}\n  got  {output!r}{rest}")
        return self

    def skip(self, kind: type) -> Playbook:
        """Drop the unread outputs of that kind (trace events, say)."""
        self._pending = [output for output in self._pending if not isinstance(output, kind)]
        return self

    def done(self) -> None:
        """Raise AssertionError when outputs stand unread."""
        if self._pending:
            unread = "\n  ".join(map(repr, self._pending))
            raise AssertionError(f"outputs that nobody expected:\n  {unread}")

    def __enter__(self) -> Playbook:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.done()

    def _wait(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while (deadline := self.core.next_deadline()) is not None and deadline.at <= end:
            self.clock.set(max(deadline.at, self.clock.now))
            self.timers.append(deadline.timer)
            self.core.handle(Expired(), self.clock.now)
            self._collect()
        self.clock.set(end)

    def _collect(self) -> None:
        while (output := self.core.poll()) is not None:
            self._pending.append(output)
