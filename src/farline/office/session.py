"""The media session of a call: offers and answers go through the engine before the other leg."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.config.office import MEDIA_INTERFACE
from farline.media.engine import Answer, Delete, MediaReply, Offer, Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.office.leg import Leg
    from farline.office.stack import Stack

    Then = Callable[[bytes | None, int, float], None]


@dataclass(slots=True)
class Exchange:
    """A description on its way: `giver` answers (or offers, when `late`) what `asker` wants."""

    asker: Leg
    giver: Leg
    late: bool = False


class MediaSession:
    """Side "a" is the leg that began, "b" is any other leg."""

    def __init__(self, stack: Stack, first: Leg) -> None:
        self._stack = stack
        self._first = first
        self.name = stack.ids.token()
        self._used = False
        self.closed = False

    def offer(self, sender: Leg, receiver: Leg | str, sdp: bytes, then: Then, now: float) -> None:
        """Pass an offer; `then(sdp for the receiver or None, status, now)`.

        `receiver` as text: the address of a phone that is still to be called.
        """
        to = self._side(receiver) if not isinstance(receiver, str) else _b(receiver)
        self._ask(Offer(self.name, sdp, self._side(sender), to), then)

    def answer(self, sender: Leg, receiver: Leg, sdp: bytes, then: Then, now: float) -> None:
        """Pass the answer to the last offer."""
        self._ask(Answer(self.name, sdp, self._side(sender), self._side(receiver)), then)

    def close(self, reason: str) -> None:
        """Free the ports."""
        if self._used and not self.closed:
            self._stack.media(Delete(self.name, reason))
        self.closed = True

    def _side(self, leg: Leg) -> Side:
        return Side("a" if leg is self._first else "b", MEDIA_INTERFACE, leg.source)

    def _ask(self, request: Offer | Answer, then: Then) -> None:
        self._used = True

        def done(reply: MediaReply, now: float) -> None:
            if self.closed:
                return
            if reply.error is not None or reply.sdp is None:
                then(None, reply.status or 500, now)
            else:
                then(reply.sdp, 0, now)

        self._stack.media(request, done)


def _b(address: str) -> Side:
    return Side("b", MEDIA_INTERFACE, address)
