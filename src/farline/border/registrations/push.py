"""Push: waking a phone that sleeps, and the requests that wait for it (RFC 8599).

A phone that left push parameters in its Contact may close its connection. A request for it then
asks the push service to wake it, and waits for its REGISTER.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Operation

MAX_WAITING = 16
"""Requests that wait for one phone."""

MAX_PHONES = 10_000
"""Phones that are waited for."""


@dataclass(frozen=True, slots=True)
class Push:
    """Effect: tell the push service at `url` to wake a phone."""

    url: str
    params: tuple[tuple[str, str], ...]
    """pn-provider, pn-prid, pn-param as the phone gave them."""

    aor: str
    method: str
    """Of the request that waits."""


@dataclass(slots=True)
class _Sleeper:
    """A phone that is being woken."""

    waiting: list[Operation]


class Pushes:
    """Who waits for which phone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sleepers: dict[str, _Sleeper] = {}

    def __len__(self) -> int:
        return len(self._sleepers)

    def wait(self, binding: Binding, method: str, operation: Operation) -> bool:
        """Wake a phone and let `operation` wait for it; False: too many wait already.

        The operation goes on with the flow, or None when the time is over.
        """
        context, options = self._context, binding.subscriber.registrations
        sleeper = self._sleepers.get(binding.subid)
        if options.push_url is None or (sleeper is None and len(self) >= MAX_PHONES):
            return False
        if sleeper is None:
            sleeper = self._sleepers[binding.subid] = _Sleeper([])
            context.put(Push(options.push_url, binding.push, binding.aor, method))
            context.counters["push.sent"] += 1
            mine = sleeper
            context.schedule.start(
                context.now + options.push_seconds, "push", lambda _: self._over(binding, mine)
            )
        if len(sleeper.waiting) >= MAX_WAITING:
            return False
        sleeper.waiting.append(operation)
        form = f"{binding.subscriber.form}: {binding.subscriber.name}: Push URL"
        text = f"{binding.aor} sleeps; {len(sleeper.waiting)} wait for it"
        context.decided("push", "waiting", text, form)
        return True

    def awake(self, binding: Binding) -> None:
        """The phone has registered."""
        sleeper = self._sleepers.pop(binding.subid, None)
        if sleeper is not None:
            self._context.counters["push.woke"] += 1
            self._resume(sleeper, binding)

    def _over(self, binding: Binding, sleeper: _Sleeper) -> None:
        if self._sleepers.get(binding.subid) is sleeper:
            del self._sleepers[binding.subid]
            self._context.counters["push.in-vain"] += 1
            self._resume(sleeper, binding)

    def _resume(self, sleeper: _Sleeper, binding: Binding) -> None:
        for operation in sleeper.waiting:
            self._context.resume(operation, binding.phone)
