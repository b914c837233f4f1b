"""Stage 3, the end point policy group: which of its sets holds, and whether a session may begin.

A request is held to two groups: that of the flow it comes by (there it is inbound) and that of the
flow it goes by (outbound).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farline.border.exchange import Refusal, Verdict
from farline.config.time_of_day import DAYS

if TYPE_CHECKING:
    from farline.config import Rules
    from farline.config.policy_rules import Application


@dataclass(frozen=True, slots=True)
class Held:
    """Sessions that there are already."""

    in_group: int = 0
    of_endpoint: int = 0
    video_in_group: int = 0
    video_of_endpoint: int = 0


def select(sets: tuple[Rules, ...], wall: float, *, in_dialog: bool) -> Verdict[Rules | Refusal]:
    """The first set whose time of day it is. `wall`: seconds since 1970.

    What is begun goes on: in a dialog the last set holds where no other does.
    """
    if len(sets) == 1 and sets[0].time_of_day.always:
        return always(sets[0])
    at = datetime.fromtimestamp(wall, UTC).astimezone()
    minute = at.hour * 60 + at.minute
    passed: list[str] = []
    for rules in sets:
        window = rules.time_of_day
        if window.holds(at.weekday(), minute):
            because = f"order {rules.order}: {window.name} holds"
            return Verdict(rules, "; ".join([*passed, because]), rules.place("time_of_day"))
        passed.append(f"order {rules.order}: {window.name} does not")
    now = f"{DAYS[at.weekday()]} {at:%H:%M}"
    text = f"{now}: {'; '.join(passed)}"
    if in_dialog:
        return Verdict(sets[-1], text)
    return Verdict(Refusal(403, "time-of-day"), text, sets[-1].place("time_of_day", "Days"))


def always(rules: Rules) -> Verdict[Rules | Refusal]:
    """The only set of a group, where it holds at all times."""
    return Verdict(rules, f"order {rules.order} holds at all times")


def admit(
    rules: Rules, direction: str, kinds: frozenset[str], held: Held
) -> Verdict[Refusal | None]:
    """Whether one more call may begin beside those that there are.

    `kinds`: what is offered, "audio" and "video"; nothing known is voice. Video that may not be is
    taken out of a call that has voice too (`refused_kinds`).
    """
    rule = rules.application
    voice = "audio" in kinds or not kinds
    verdict = _room(rules, ("Maximum Sessions", "Sessions Per Endpoint"),
                    (rule.max_concurrent_sessions, rule.max_sessions_per_endpoint),
                    (held.in_group, held.of_endpoint))  # fmt: skip
    if verdict is not None:
        return verdict
    line, kind = (rule.voice, "Voice") if voice else (rule.video, "Video")
    if not (line.inbound if direction == "inbound" else line.outbound):
        word = "In" if direction == "inbound" else "Out"
        text = f"{kind} {word} is off"
        return Verdict(
            Refusal(403, "application"), text, rules.place("application", f"{kind} {word}")
        )
    counts = (held.in_group, held.of_endpoint)
    if not voice:
        counts = (held.video_in_group, held.video_of_endpoint)
    fields = f"{kind}: Maximum Concurrent Sessions", f"{kind}: Maximum Sessions Per Endpoint"
    most = line.max_concurrent_sessions, line.max_sessions_per_endpoint
    verdict = _room(rules, fields, most, counts)
    if verdict is not None:
        return verdict
    text = f"session {held.of_endpoint + 1} of this end point"
    return Verdict(None, text, rules.place("application"))


def refused_kinds(rules: Rules, direction: str, held: Held) -> frozenset[str]:
    """Kinds of streams that are taken out of a call's descriptions."""
    refused = set()
    for kind, line, counts in (
        ("audio", rules.application.voice, (0, 0)),
        ("video", rules.application.video, (held.video_in_group, held.video_of_endpoint)),
    ):
        allowed = line.inbound if direction == "inbound" else line.outbound
        if not allowed or not _fits(line, counts):
            refused.add(kind)
    im = rules.application.im
    if not (im.inbound if direction == "inbound" else im.outbound):
        refused.add("message")  # m=message: MSRP (RFC 4975)
    return frozenset(refused)


def _fits(line: Application, counts: tuple[int, int]) -> bool:
    room = counts[0] < line.max_concurrent_sessions
    return room and counts[1] < line.max_sessions_per_endpoint


def _room(
    rules: Rules, fields: tuple[str, str], most: tuple[int, int], held: tuple[int, int]
) -> Verdict[Refusal | None] | None:
    """A refusal when there is no room for one more: in the group, then of the end point."""
    for field, limit, there, status in zip(fields, most, held, (503, 486), strict=True):
        if there >= limit:
            text = f"{there} sessions; {field} is {limit}"
            return Verdict(Refusal(status, "sessions"), text, rules.place("application", field))
    return None
