"""What the scenario must prove, judged from what the phones said, recorded and sent. No I/O.

A step that nobody saw fails and says what was seen last; nothing is taken for granted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from farline.mobile.judge import judge
from farline.trace.events import MessageSeen
from farline.trace.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from farline.trace import Record

LOGIN = ("dns", "im-info", "xmpp", "mybuddy", "sip-info", "register")
STEPS = (*LOGIN, "call", "audio-to-office", "audio-to-mobile", "bye")

JsonEvent = dict[str, Any]
"""What a phone printed. The lab adds "at": when it came, monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing proved, or not."""

    name: str
    ok: bool
    ms: float
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All steps, in the order of STEPS."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether every step held."""
        return all(step.ok for step in self.steps)

    def as_json(self) -> dict[str, object]:
        """As `--json` writes it."""
        steps = [asdict(step) | {"ms": round(step.ms, 1)} for step in self.steps]
        return {"verdict": "pass" if self.ok else "fail", "steps": steps}


@dataclass(frozen=True, slots=True)
class Speech:
    """One direction: what the speaker played and the listener recorded (None: no recording)."""

    sent: NDArray[np.int16]
    recorded: NDArray[np.int16] | None


@dataclass(slots=True)
class Witness:
    """What both phones said so far."""

    server_address: str
    """Where the server's name must lead from outside: the border."""
    caller: str
    """Extension of the mobile."""
    callee: str
    """Extension of the desk phone."""
    ruel: list[JsonEvent] = field(default_factory=list)
    dora: list[JsonEvent] = field(default_factory=list)

    def last_seen(self) -> str:
        """For a step that never came."""
        events = sorted(self.ruel + self.dora, key=lambda event: event["at"])
        if not events:
            return "nothing was heard of either phone"
        who = "Ruel" if any(events[-1] is event for event in self.ruel) else "Dora"
        return f"last seen: {who}: {brief(events[-1])}"

    def call_id(self) -> str:
        """Call-ID of Ruel's call, "" before it."""
        for event in self.ruel:
            if event.get("event") == "call" and event.get("call_id"):
                return str(event["call_id"])
        return ""


def brief(event: JsonEvent) -> str:
    """An event in some words."""
    parts = (event.get(key) for key in ("event", "name", "state", "status", "detail"))
    return " ".join(str(part) for part in parts if part not in (None, ""))


def login_step(witness: Witness, event: JsonEvent) -> Step | None:
    """The step that an event of the mobile proves; None for other events."""
    name = event.get("name")
    if event.get("event") != "step" or name not in LOGIN:
        return None
    ok, detail = event.get("ok") is True, str(event.get("detail", ""))
    if name == "dns" and ok and not detail.endswith(witness.server_address):
        ok, detail = False, f"{detail}, not the border's address {witness.server_address}"
    return Step(name, ok, float(event.get("ms", 0.0)), detail)


def call_step(witness: Witness) -> Step | None:
    """The call stands when both ends say so, of one another; None as long as it does not."""
    calling = _call(witness.ruel, "calling")
    ruel, dora = _call(witness.ruel, "answered"), _call(witness.dora, "answered")
    if calling is None or ruel is None or dora is None:
        return None
    incoming = _call(witness.dora, "incoming") or dora
    ms = (ruel["at"] - calling["at"]) * 1000
    seen = (str(incoming.get("peer", "")), str(ruel.get("peer", "")))
    if witness.caller not in seen[0] or witness.callee not in seen[1]:
        return Step("call", False, ms, f"wrong parties: Dora sees {seen[0]}, Ruel sees {seen[1]}")
    return Step("call", True, ms, f"Dora sees {seen[0]}; Ruel sees {seen[1]}")


def audio_step(name: str, speaker: list[JsonEvent], ear: list[JsonEvent], speech: Speech) -> Step:
    """Judge one direction by content; `ms` is the delay."""
    told, heard = _last(speaker, "audio"), _last(ear, "audio")
    if told is None or heard is None:
        return Step(name, False, 0.0, "there was no audio: the call did not come so far")
    if speech.recorded is None:
        return Step(name, False, 0.0, "nothing was recorded")
    try:
        found = judge(
            speech.sent,
            speech.recorded,
            codec=str(told.get("codec")),
            sent_at=told.get("speech_at"),
            recorded_at=heard.get("first_received_at"),
        )
    except ValueError as error:
        return Step(name, False, 0.0, str(error))
    detail = (
        f"{found.reason}; {told.get('codec')}, {found.frames} frames, {found.lost_frames} lost, "
        f"{heard.get('lost')} packets lost"
    )
    if found.delay_ms is not None:
        detail += f", delay {found.delay_ms:.1f} ms"
    return Step(name, found.ok, found.delay_ms or 0.0, detail)


def bye_step(witness: Witness) -> Step | None:
    """Dora hung up and Ruel was told; None as long as that has not happened."""
    ruel, dora = _call(witness.ruel, "ended"), _call(witness.dora, "ended")
    if ruel is None or dora is None or _call(witness.ruel, "answered") is None:
        return None
    ms = max(0.0, (ruel["at"] - dora["at"]) * 1000)
    if not ruel.get("by_peer") or dora.get("by_peer"):
        return Step("bye", False, ms, f"Dora did not hang up; Ruel's end: {brief(ruel)}")
    return Step("bye", True, ms, f"Dora hung up; Ruel got {ruel.get('reason') or 'no Reason'}")


def seen_by_border(step: Step, method: str, records: Iterable[Record], call: str) -> Step:
    """The step, failed unless the border's trace has the request come in, go out and succeed."""
    ways: set[str] = set()
    for record in records:
        event = record.event
        if record.role != "border" or not isinstance(event, MessageSeen) or event.call != call:
            continue
        summary = summarise(event.data)
        if summary.method == method:
            ways.add(f"{event.direction} {summary.status // 100}")
    missing = {"in 0", "out 0", "in 2", "out 2"} - ways
    if missing and step.ok:
        words = {"0": method, "2": f"2xx to {method}"}
        text = ", ".join(f"{way.split()[0]} {words[way[-1]]}" for way in sorted(missing))
        return Step(step.name, False, step.ms, f"the border's trace lacks: {text}")
    return step


def complete(steps: Sequence[Step], witness: Witness, trouble: str = "") -> Verdict:
    """Every step in order; those that are missing failed."""
    known = {step.name: step for step in steps}
    reason = "; ".join(part for part in (trouble, witness.last_seen()) if part)
    return Verdict(tuple(known.get(name) or Step(name, False, 0.0, reason) for name in STEPS))


def _call(events: list[JsonEvent], state: str) -> JsonEvent | None:
    for event in events:
        if event.get("event") == "call" and event.get("state") == state:
            return event
    return None


def _last(events: list[JsonEvent], kind: str) -> JsonEvent | None:
    return next((event for event in reversed(events) if event.get("event") == kind), None)
