"""INVITEs of the process before this one that nobody waits for any more.

What asked for them died with that process. A 2xx that comes nevertheless is acknowledged and hung
up on (RFC 3261 section 13.2.2.4): who sent it would repeat it for half a minute, and then hold a
call with nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.routing.failover import end_answer

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.sip import Flow, Message

LIFE = 200.0
"""Seconds: as long as a call may ring, and an answer be repeated."""
MAX_KNOWN = 10_000


class Abandoned:
    """The Call-IDs of such INVITEs: others' answers are none of ours to end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ended: dict[str, set[str]] = {}
        """To tags that were hung up on, by Call-ID."""

    def expect(self, call_id: str) -> None:
        """An answer may come in this dialog."""
        if len(self._ended) >= MAX_KNOWN:
            return
        self._ended[call_id] = set()

        def forget(_now: float) -> None:
            self._ended.pop(call_id, None)

        self._context.schedule.start(self._context.now + LIFE, "abandoned", forget)

    def answered(self, answer: Message, flow: Flow) -> None:
        """A 2xx to an INVITE came that no transaction knows."""
        ended = self._ended.get(answer.call_id)
        if ended is not None:
            end_answer(self._context, answer, flow, ended)
