"""INVITEs of the process before this one that nobody waits for any more.

What asked for them died with that process. Who rings gets a CANCEL. A 2xx that comes nevertheless
is acknowledged and hung up on (RFC 3261 section 13.2.2.4): who sent it would repeat it for half a
minute, and then hold a call with nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.routing.failover import end_answer
from farline.sip import Message, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.sip import Flow

LIFE = 200.0
"""Seconds: as long as a call may ring, and an answer be repeated."""
MAX_KNOWN = 10_000
REPEATS = (0.5, 1.5)
"""Seconds after which a CANCEL goes again over UDP: it has no transaction of its own any more."""


class Abandoned:
    """The Call-IDs of such INVITEs: others' answers are none of ours to end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ended: dict[str, set[str]] = {}
        """To tags that were hung up on, by Call-ID."""

        self._absent: dict[str, list[Callable[[Flow], None]]] = {}
        """What phones are to be told whose connections are gone, by the token of the binding."""

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

    def cancel(self, sent: Message, flow: Flow) -> None:
        """CANCEL an INVITE that was sent: who rings is told, and a late answer hung up on."""
        context = self._context
        self.expect(sent.call_id)
        cancel = _cancel_of(sent)
        context.layer.send_stateless(cancel, flow)
        for wait in REPEATS if flow.transport is Transport.UDP else ():
            context.schedule.start(
                context.now + wait, "cancel", lambda _: context.layer.send_stateless(cancel, flow)
            )

    def upon_return(self, subid: str, then: Callable[[Flow], None]) -> None:
        """Do something when a phone has registered again whose connection was lost."""
        if len(self._absent) >= MAX_KNOWN:
            return
        self._absent.setdefault(subid, []).append(then)

        def forget(_now: float) -> None:
            self._absent.pop(subid, None)

        self._context.schedule.start(self._context.now + LIFE, "abandoned", forget)

    def returned(self, binding: Binding) -> None:
        """A phone has registered."""
        if not self._absent or binding.phone is None:
            return
        for then in self._absent.pop(binding.subid, ()):
            then(binding.phone)


def _cancel_of(invite: Message) -> Message:
    """RFC 3261 section 9.1: the same Request-URI, names, number and top Via."""
    cancel = Message.request("CANCEL", invite.uri)
    cancel.add("Via", str(invite.top_via))
    for name in ("Max-Forwards", "Route", "From", "To", "Call-ID"):
        for value in invite.all(name):
            cancel.add(name, value)
    cancel.add("CSeq", f"{invite.cseq} CANCEL")
    cancel.body = b""
    return cancel
