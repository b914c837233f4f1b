"""A whole login, DNS to REGISTER, as the mobile client measures it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from report import Row, turns

RUNS = 3
STEPS = ("dns", "im-info", "xmpp", "mybuddy", "sip-info", "register")


def measure() -> list[Row]:
    """The guide's scenario three times, each from nothing; a row a step and one for the sum."""
    runs = [_scenario() for _ in turns("login", RUNS, ("ours",))]
    rows = [
        Row("login, first byte to registered", "ms", [sum(run.values()) for run in runs], [], "")
    ]
    rows += [Row(f"login: {step}", "ms", [run[step] for run in runs], [], "") for step in STEPS]
    return rows


def _scenario() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="farline-bench-") as name:
        verdict = Path(name) / "verdict.json"
        argv = [sys.executable, "-m", "farline.cli.main", "lab", "run", "--loopback", "--once"]
        argv += ["--run-dir", str(Path(name) / "run"), "--json", str(verdict)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode != 0:
            raise SystemExit(f"the scenario failed:\n{done.stdout}\n{done.stderr}")
        steps = json.loads(verdict.read_text())["steps"]
    return {step["name"]: float(step["ms"]) for step in steps if step["name"] in STEPS}
