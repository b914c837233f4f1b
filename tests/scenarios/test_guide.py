"""The guide's scenario whole, as `make run` and `farline lab` run it, and what is left after it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from farline.config import load_deployment, load_secrets
from farline.lab.namespaces import missing_for_namespaces
from farline.lab.state import read_state
from farline.lab.verdict import STEPS
from farline.runtime.control import ControlError, call

ROOT = Path(__file__).parents[2]
REASON = missing_for_namespaces()
FARLINE = (sys.executable, "-m", "farline.cli.main")
needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]
pytestmark = pytest.mark.timeout(240)


def farline(*arguments, timeout=200):
    return subprocess.run(
        [*FARLINE, *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT,
    )  # fmt: skip


def processes(marker):
    """Command lines of processes whose command line or environment names the run directory."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                line = (process / "cmdline").read_bytes()
                if marker in line or marker in (process / "environ").read_bytes():
                    found.append(line.replace(b"\0", b" "))
            except OSError:
                continue
    return found


def wait_gone(run_dir):
    until = time.monotonic() + 20
    while processes(os.fsencode(run_dir)) and time.monotonic() < until:
        time.sleep(0.05)
    assert processes(os.fsencode(run_dir)) == []


@pytest.fixture
def run_dir(tmp_path):
    # Unix sockets have short names, pytest's directories long ones.
    directory = Path(f"/tmp/farline-test-{os.getpid()}-{tmp_path.name[-8:]}")
    yield directory
    subprocess.run(["rm", "-rf", str(directory)], check=True)


@pytest.mark.parametrize("mode", ["--loopback", pytest.param("--no-loopback", marks=needs_root)])
def test_ruel_logs_in_from_outside_and_talks_to_dora(run_dir, mode):
    verdict_file = run_dir.with_suffix(".json")
    options = ["--run-dir", run_dir, "--once", "--json", verdict_file]
    done = farline("lab", "run", *([mode] if mode == "--loopback" else []), *options)
    verdict = json.loads(verdict_file.read_text())
    verdict_file.unlink()
    assert [step["name"] for step in verdict["steps"]] == list(STEPS)
    assert [step for step in verdict["steps"] if not step["ok"]] == [], done.stdout + done.stderr
    assert verdict["verdict"] == "pass"
    assert done.returncode == 0
    assert "verdict: PASS" in done.stdout
    deployment = load_deployment(
        (run_dir / "deployment.yaml").read_text(),
        load_secrets((run_dir / "secrets.yaml").read_text()),
    )
    a1, b1 = deployment.border.signaling_interfaces
    lab = deployment.lab
    mobile = lab.mobile.ip if mode == "--loopback" else lab.router.wan_ip  # behind the NAT router
    addresses = (mobile, b1.ip, a1.ip, deployment.office.ip, lab.desk_phone.ip)
    assert len(set(addresses)) == 5
    ladder = done.stdout[done.stdout.index("The call, as") :]
    for text in (*addresses, "INVITE (SDP)", "180 Ringing", "200 OK (SDP)", "ACK", "BYE"):
        assert text in ladder
    [capture] = (run_dir / "calls").glob("*.pcap")
    malformed = subprocess.run(
        ["tshark", "-r", capture, "-Y", "_ws.malformed"], capture_output=True, text=True, check=True
    )
    assert malformed.stdout == ""
    methods = subprocess.run(
        ["tshark", "-r", capture, "-T", "fields", "-e", "sip.Method"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {"INVITE", "ACK", "BYE"} <= set(methods)
    wait_gone(run_dir)


def test_a_user_without_mobile_voip_is_turned_away_and_the_verdict_says_where(run_dir, tmp_path):
    config = tmp_path / "deployment.yaml"
    guide = (ROOT / "examples/guide.yaml").read_text()
    config.write_text(guide.replace("mobile_voip: true", "mobile_voip: false", 1))
    verdict_file = tmp_path / "verdict.json"
    options = ["--config", config, "--run-dir", run_dir, "--once", "--json", verdict_file]
    done = farline("lab", "run", "--loopback", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = json.loads(verdict_file.read_text())
    assert verdict["verdict"] == "fail"
    failed = [step for step in verdict["steps"] if not step["ok"]]
    assert verdict["steps"][0]["ok"]
    assert "REST" in failed[0]["detail"]
    assert "403" in failed[0]["detail"]
    assert [step["name"] for step in verdict["steps"]] == list(STEPS)
    assert {"call", "audio-to-office", "audio-to-mobile", "bye"} <= {s["name"] for s in failed}
    wait_gone(run_dir)


def test_it_serves_until_ctrl_c_with_the_verdict_as_its_status(run_dir):
    process = subprocess.Popen(
        [*FARLINE, "lab", "run", "--loopback", "--run-dir", str(run_dir)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        start_new_session=True,
    )  # fmt: skip
    try:
        shown = []
        for line in process.stdout:
            shown.append(line)
            if "Serving until Ctrl-C" in line:
                break
        assert any("verdict: PASS" in line for line in shown), "".join(shown)
        assert read_state(run_dir).ready
        assert farline("show", "border", "--run-dir", run_dir).returncode == 0
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    wait_gone(run_dir)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_run_on_loopback(run_dir, number):
    process = subprocess.Popen(
        [*FARLINE, "lab", "hold", "--loopback", "--run-dir", str(run_dir)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        state = read_state(run_dir)
        if state is not None and state.ready:
            break
        time.sleep(0.05)
    assert len(processes(os.fsencode(run_dir))) >= 6
    process.send_signal(number)
    process.wait(30)
    wait_gone(run_dir)
    assert read_state(run_dir) is None


def pid_of(run_dir, role):
    """The process of a role that answers; None: none does."""
    try:
        status = asyncio.run(call(run_dir / "control" / f"{role}.sock", "status"))
    except ControlError:
        return None
    return status["pid"]


@pytest.mark.parametrize("mode", ["--loopback", pytest.param("--no-loopback", marks=needs_root)])
def test_a_server_of_a_lab_that_is_killed_is_started_again(run_dir, mode):
    up = farline("lab", "up", "--run-dir", run_dir, *([mode] if mode == "--loopback" else []))
    assert up.returncode == 0, up.stderr
    try:
        before = pid_of(run_dir, "border")
        kill = ["kill", "-KILL", str(before)]
        if mode != "--loopback":  # the process says its number in its node
            kill = [*FARLINE, "lab", "exec", "--run-dir", str(run_dir), "border", "--", *kill]
        subprocess.run(kill, check=True, timeout=60)
        until = time.monotonic() + 60
        while pid_of(run_dir, "border") in (None, before) and time.monotonic() < until:
            time.sleep(0.05)
        assert pid_of(run_dir, "border") not in (None, before)
        while "border is ready" not in again(run_dir) and time.monotonic() < until:
            time.sleep(0.05)
        assert "border is ready" in again(run_dir)
    finally:
        down = farline("lab", "down", "--run-dir", run_dir)
    assert down.returncode == 0, down.stderr
    wait_gone(run_dir)


def again(run_dir):
    """What the lab has said since the border ended."""
    said = (run_dir / "lab.log").read_text()
    return said.partition("border ended with status ")[2]


@pytest.mark.root
@pytest.mark.skipif(REASON is not None, reason=str(REASON))
def test_a_lab_is_put_up_used_and_taken_down(run_dir):
    up = farline("lab", "up", "--run-dir", run_dir, "--json")
    assert up.returncode == 0, up.stderr
    try:
        state = json.loads(up.stdout)
        assert set(state["nodes"]) == {"mobile", "router", "outside", "border", "office"}
        name = "ipo1xp.ipolab.com"
        for node, address in (("mobile", "192.168.64.96"), ("office", "10.10.10.13")):
            asked = farline("lab", "exec", "--run-dir", run_dir, node, "--", "dig", "+short", name)
            assert asked.stdout == f"{address}\n"
        refused = farline("lab", "exec", "--run-dir", run_dir, "mobile", "--", "false")
        assert refused.returncode == 1
        # Anybody's tool: curl asks for im-info through the border's relay, with TLS to the portal.
        asked = farline(
            "lab", "exec", "--run-dir", run_dir, "mobile", "--",
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
            "--cacert", run_dir / "tls/ca.pem", f"https://{name}:8444/sipxconfig/rest/my/im-info",
        )  # fmt: skip
        assert asked.stdout == "401"
        assert farline("lab", "status", "--run-dir", run_dir).returncode == 0
        assert farline("lab", "up", "--run-dir", run_dir).returncode == 2
    finally:
        down = farline("lab", "down", "--run-dir", run_dir)
    assert down.returncode == 0, down.stderr
    assert farline("lab", "status", "--run-dir", run_dir).returncode == 3
    wait_gone(run_dir)
