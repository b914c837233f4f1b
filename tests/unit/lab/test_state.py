"""A lab's state is believed only while the very process that wrote it lives."""

import json
import os
import subprocess
import sys

from farline.lab.state import clear_state, read_state, start_time, write_state


def test_written_read_cleared(tmp_path):
    write_state(tmp_path, "namespaces", {"mobile": 42}, ready=True)
    state = read_state(tmp_path)
    assert (state.pid, state.nodes, state.ready) == (os.getpid(), {"mobile": 42}, True)
    clear_state(tmp_path)
    assert read_state(tmp_path) is None


def test_another_process_with_the_same_number_is_not_the_lab(tmp_path):
    write_state(tmp_path, "loopback", {}, ready=True)
    path = tmp_path / "lab.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"started": 1}))
    assert read_state(tmp_path) is None


def test_a_dead_lab_is_no_lab(tmp_path):
    code = (
        "import sys; from pathlib import Path; from farline.lab.state import write_state;"
        "write_state(Path(sys.argv[1]), 'loopback', {}, ready=True)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert (tmp_path / "lab.json").exists()
    assert read_state(tmp_path) is None


def test_nonsense_is_no_lab(tmp_path):
    for text in ("", "[]", '{"pid": 1}', "{"):
        (tmp_path / "lab.json").write_text(text)
        assert read_state(tmp_path) is None


def test_no_process_has_no_start():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert start_time(child.pid) is None
    assert start_time(os.getpid()) > 0
