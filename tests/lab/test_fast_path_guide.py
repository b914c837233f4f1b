"""The guide's scenario, its call relayed by the kernel."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from farline.lab.namespaces import missing_for_namespaces
from farline.runtime.control import ControlError, call

ROOT = Path(__file__).parents[2]
REASON = missing_for_namespaces()
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(240),
]


async def shown(run_dir):
    """The border's streams, as `farline show media` has them; none while there is no border."""
    try:
        return (await call(run_dir / "control" / "media.sock", "show"))["streams"]
    except ControlError:
        return []


def test_the_guides_call_is_the_kernels(tmp_path):
    run_dir = Path(f"/tmp/farline-fast-{os.getpid()}")
    argv = [sys.executable, "-m", "farline.cli.main"]
    lab = subprocess.Popen(
        [*argv, "lab", "run", "--once", "--run-dir", str(run_dir)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        start_new_session=True,
    )  # fmt: skip
    seen = set()
    try:
        while lab.poll() is None:
            for one in asyncio.run(shown(run_dir)):
                if one["kind"] == "rtp":
                    seen.add((one["side"], one["path"]))
            time.sleep(0.1)
        said, _ = lab.communicate(timeout=30)
    finally:
        if lab.poll() is None:
            lab.terminate()
            lab.communicate(timeout=60)
        subprocess.run(["rm", "-rf", str(run_dir)], check=True)
    assert "verdict: PASS" in said, said
    assert {("outside", "kernel"), ("inside", "kernel")} <= seen
