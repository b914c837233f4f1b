"""What `farline lab exec`, `down` and `status` must know of a running lab: DIR/lab.json.

The process is named by its id and the time it started, so that a stale file never leads to a
process that happens to have got the same number.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "lab.json"


@dataclass(frozen=True, slots=True)
class LabState:
    """A lab that runs."""

    pid: int
    started: int
    """Clock ticks from boot to the start of the process."""
    mode: str
    """"namespaces" or "loopback"."""
    nodes: dict[str, int] = field(default_factory=dict)
    """Process 1 of each node, with namespaces."""
    ready: bool = False
    """Whether the servers in it answer."""


def start_time(pid: int) -> int | None:
    """When a process started (clock ticks from boot); None when there is none or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may hold anything (proc(5)).
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def write_state(run_dir: Path, mode: str, nodes: dict[str, int], *, ready: bool) -> None:
    """Say that this process is the lab of the run directory."""
    pid = os.getpid()
    state = LabState(pid, start_time(pid) or 0, mode, nodes, ready)
    new = run_dir / (FILE + ".new")
    new.write_text(json.dumps(asdict(state), indent=2) + "\n")
    new.replace(run_dir / FILE)


def read_state(run_dir: Path) -> LabState | None:
    """The lab that runs now; None when there is none (a file left by a dead one is ignored)."""
    try:
        state = LabState(**json.loads((run_dir / FILE).read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
    return state if start_time(state.pid) == state.started else None


def clear_state(run_dir: Path) -> None:
    """The lab of this process has ended."""
    (run_dir / FILE).unlink(missing_ok=True)
