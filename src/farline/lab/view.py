"""Shows a scenario as it happens: a table that fills on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from farline.lab.verdict import STEPS
from farline.trace.ladder import ladder
from farline.trace.summary import printable

if TYPE_CHECKING:
    from types import TracebackType

    from farline.lab.prepare import Prepared
    from farline.lab.scenario import Outcome
    from farline.lab.verdict import Step

MAX_NOTICES = 8
WIDTH = 110
"""Columns of a ladder that no terminal shows."""


class View:
    """An `Audience` for a scenario; on a terminal the table is there inside the `with` block."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._live: Live | None = None
        self._steps: dict[str, Step] = {}
        self._notices: list[str] = []

    def __enter__(self) -> View:
        if self.console.is_terminal:
            self._live = Live(self._table(), console=self.console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def notice(self, text: str) -> None:
        """Something happened that is no step."""
        lines = [printable(line) for line in text.splitlines()]
        if self._live is None:
            for line in lines:
                self._line(f"      {line}")
            return
        self._notices = [*self._notices, *lines][-MAX_NOTICES:]
        self._live.update(self._table())

    def step(self, step: Step) -> None:
        """A step is decided."""
        self._steps[step.name] = step
        if self._live is not None:
            self._live.update(self._table())
            return
        mark = "ok  " if step.ok else "FAIL"
        self._line(f"{mark}  {step.name:<16} {step.ms:8.1f} ms  {_one_line(step.detail)}")

    def result(self, outcome: Outcome, prepared: Prepared) -> None:
        """After the end: the ladder, where the files lie, the verdict."""
        width = self.console.width if self.console.is_terminal else WIDTH
        if outcome.records:
            self._line("\nThe call, as border and office saw it (TLS decrypted):\n")
            for line in ladder(outcome.records, width=width):
                self._line(line)
        self._line("")
        if outcome.pcap is not None:
            self._line(f"pcap       {outcome.pcap}")
        for name in ("log", "trace", "audio"):
            self._line(f"{name:<10} {prepared.run_dir / name}/")
        ems = prepared.deployment.ems
        if ems is not None and prepared.loopback:
            token = prepared.run_dir / "control/ems.token"
            self._line(f"forms      http://{ems.ip}:{ems.port}/ (any user, password in {token})")
        self._line(f"more       farline trace --run-dir {prepared.run_dir} --decisions")
        held = sum(step.ok for step in outcome.verdict.steps)
        word = "PASS" if outcome.verdict.ok else "FAIL"
        style = "bold green" if outcome.verdict.ok else "bold red"
        total = len(outcome.verdict.steps)
        self.console.print(Text(f"\nverdict: {word} ({held} of {total} steps held)", style=style))

    def _line(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def _table(self) -> Group:
        table = Table(box=None, pad_edge=False)
        table.add_column("")
        table.add_column("step")
        table.add_column("ms", justify="right")
        table.add_column("what it proved", overflow="fold")
        waiting = True
        for name in STEPS:
            step = self._steps.get(name)
            if step is not None:
                mark = Text("✓", style="green") if step.ok else Text("✗", style="bold red")
                table.add_row(mark, name, f"{step.ms:.1f}", Text(_one_line(step.detail)))
            elif waiting:
                table.add_row(Spinner("dots"), name, "", "")
                waiting = False
            else:
                table.add_row("", Text(name, style="dim"), "", "")
        return Group(*(Text(line, style="dim") for line in self._notices), table)


def _one_line(text: str) -> str:
    return printable(" | ".join(line.strip() for line in text.splitlines() if line.strip()))
