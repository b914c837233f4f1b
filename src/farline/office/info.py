"""INFO (DTMF and the like) from one leg to the other, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.office.events import Informed
    from farline.office.leg import Leg
    from farline.sip import Message

_KEPT = ("Content-Type", "Info-Package", "Content-Disposition")


def pass_on(leg: Leg, other: Leg | None, event: Informed, now: float) -> None:
    """Send it to `other` and its answer back; without another side there is nobody to tell (480).

    A challenge is not passed on: only the office could meet it, and it does not.
    """
    if other is None:
        leg.reply(event.tx, 480, now)
        return
    fields = [(name, text) for name in _KEPT if (text := event.message.get(name)) is not None]

    def then(status: int, _message: Message | None, now: float) -> None:
        if status >= 200:
            leg.reply(event.tx, 403 if status in (401, 407) else status, now)

    other.ask("INFO", fields, event.message.body, now, then)
