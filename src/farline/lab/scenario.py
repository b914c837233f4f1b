"""The guide's scenario on a running lab: Ruel logs in from outside and talks to Dora."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from farline.lab import verdict
from farline.lab.phones import Phone, speech, start_dora, start_ruel
from farline.lab.verdict import Speech, Step, Verdict, Witness
from farline.mobile.wav import WavError, read_wav
from farline.runtime import clock
from farline.runtime.trace_files import read_records
from farline.trace.pcap import PcapFile
from farline.trace.reader import Filter, Index, Once, Reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from farline.lab.lab import Lab
    from farline.lab.verdict import JsonEvent
    from farline.trace import Record

DORA_SECONDS = 40.0
"""Longer than a SIP transaction may take (Timer F, 32 s)."""
LOGIN_SECONDS = 90.0
CALL_SECONDS = 40.0
AFTER_SECONDS = 5.0
"""Within which Dora's phone reports, once Ruel's call has ended or failed."""
TRACE_SECONDS = 3.0
"""Roles write their trace every 0.2 s; a loaded machine takes longer."""


class Audience(Protocol):
    """Who watches."""

    def notice(self, text: str) -> None:
        """Something happened that is no step."""

    def step(self, step: Step) -> None:
        """A step is decided."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scenario that was run: the verdict, and what there is to look at."""

    verdict: Verdict
    records: tuple[Record, ...]
    """Of the call, all its legs; each message once."""
    pcap: Path | None


class Scenario:
    """One run. The phones' processes belong to the lab, which ends them whatever happens."""

    def __init__(self, lab: Lab, audience: Audience) -> None:
        self.lab = lab
        self.audience = audience
        form = lab.form
        self.witness = Witness(lab.outside_ip, form.mobile.sip_user, form.desk_phone.extension)
        self.steps: list[Step] = []

    async def run(self) -> Outcome:
        """Run it to its end; every wait is bounded."""
        trouble = ""
        dora = await start_dora(self.lab, self._dora_said)
        if await dora.until(_registered, DORA_SECONDS):
            self.audience.notice("Dora's desk phone is registered")
        else:
            trouble = f"Dora's phone did not register\n{dora.child.tail()}"
            self.audience.notice(trouble)
        ruel = await start_ruel(self.lab, self._ruel_said)
        try:
            if await ruel.until(_register_step, LOGIN_SECONDS):
                await ruel.until(_audio, CALL_SECONDS)
                await dora.until(_audio, AFTER_SECONDS)
                for phone in (ruel, dora):
                    if any(_audio(event) for event in phone.events):
                        await phone.finished(AFTER_SECONDS)
            if ruel.ended and not any(_audio(event) for event in ruel.events):
                trouble = f"{trouble}\n{ruel.child.tail()}".strip()
        finally:
            await ruel.stop()
            await dora.stop()
        return await self._judge(ruel, dora, trouble)

    def _dora_said(self, event: JsonEvent) -> None:
        self.witness.dora.append(event)
        self._look_at_call()

    def _ruel_said(self, event: JsonEvent) -> None:
        self.witness.ruel.append(event)
        step = verdict.login_step(self.witness, event)
        if step is not None:
            self._decide(step)
        self._look_at_call()

    def _look_at_call(self) -> None:
        if not self._decided("call"):
            step = verdict.call_step(self.witness)
            if step is not None:
                self._decide(step)

    def _decided(self, name: str) -> bool:
        return any(step.name == name for step in self.steps)

    def _decide(self, step: Step) -> None:
        if not self._decided(step.name):
            self.steps.append(step)
            self.audience.step(step)

    async def _judge(self, ruel: Phone, dora: Phone, trouble: str) -> Outcome:
        if self._decided("call"):
            there = Speech(read_wav(speech("ruel")), _recording(dora))
            back = Speech(read_wav(speech("dora")), _recording(ruel))
            ruels, doras = self.witness.ruel, self.witness.dora
            self._decide(verdict.audio_step("audio-to-office", ruels, doras, there))
            self._decide(verdict.audio_step("audio-to-mobile", doras, ruels, back))
        bye = verdict.bye_step(self.witness)
        call = self.witness.call_id()
        records = await self._trace(call, complete=bye is not None)
        if bye is not None:
            self._decide(verdict.seen_by_border(bye, "BYE", records, call))
        decided = [
            verdict.seen_by_border(step, "INVITE", records, call) if step.name == "call" else step
            for step in self.steps
        ]
        outcome = verdict.complete(decided, self.witness, trouble)
        for step in outcome.steps:
            if step not in self.steps:
                self.audience.step(step)
        once = Once()
        seen = tuple(record for record in records if once.first(record))
        return Outcome(outcome, seen, self._pcap(seen, call))

    async def _trace(self, call: str, *, complete: bool) -> list[Record]:
        """The call's records; with `complete` those of its BYE are waited for."""
        until = clock.monotonic() + TRACE_SECONDS
        goal = Step("bye", True, 0.0, "")
        while True:
            records = call_records(self.lab.prepared.run_dir, call) if call else []
            found = verdict.seen_by_border(goal, "BYE", records, call).ok
            if found or not complete or clock.monotonic() > until:
                return records
            await asyncio.sleep(0.1)

    def _pcap(self, records: Sequence[Record], call: str) -> Path | None:
        if not records:
            return None
        name = re.sub(r"[^A-Za-z0-9._-]", "_", call)[:80]
        path = self.lab.prepared.run_dir / "calls" / f"{name}.pcap"
        path.parent.mkdir(exist_ok=True)
        file = PcapFile()
        path.write_bytes(file.header() + b"".join(file.packets(record) for record in records))
        return path


def call_records(run_dir: Path, call: str) -> list[Record]:
    """The records of a call and its other legs as border and office saw them."""
    index = Index()
    for record in read_records(run_dir, Reader()):
        index.add(record)
    wanted = Filter(calls=index.legs(call), roles=frozenset(("border", "office")))
    return [record for record in read_records(run_dir, Reader()) if wanted.wants(record)]


def _recording(phone: Phone) -> NDArray[np.int16] | None:
    try:
        return read_wav(phone.recording)
    except (OSError, WavError):
        return None


def _registered(event: JsonEvent) -> bool:
    return event.get("event") == "registration" and event.get("state") == "registered"


def _register_step(event: JsonEvent) -> bool:
    return event.get("event") == "step" and event.get("name") == "register"


def _audio(event: JsonEvent) -> bool:
    return event.get("event") == "audio"
