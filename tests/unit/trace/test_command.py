"""`farline trace` over files as the roles write them."""

import json

import pytest
import typer
from typer.testing import CliRunner

from farline.cli.trace import trace
from farline.runtime.trace_files import Follower, read_records, trace_files
from farline.trace import encode_event
from farline.trace.events import CallChanged, Decision, MessageSeen
from farline.trace.reader import Reader

B1, A1, OFFICE = "192.168.64.96:5060", "10.10.10.7:43873", "10.10.10.13:5060"
INVITE = b"INVITE sip:3003@x SIP/2.0\r\nCSeq: 1 INVITE\r\nCall-ID: one\r\n\r\n"
HOSTILE = b"INVITE sip:\x1b[2J@x SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n"


def seen(direction, local, remote, call="one", data=INVITE, interface="B1"):
    return MessageSeen(direction, interface, "TCP", local, remote, call, data)


@pytest.fixture
def run_dir(tmp_path):
    write(tmp_path / "trace/border.jsonl.1", "border", (1.0, seen("in", B1, "192.168.67.61:1")))
    write(
        tmp_path / "trace/border.jsonl",
        "border",
        (1.1, Decision("flow", "SubsflowRW", "source * matches", "one", "B1")),
        (1.2, seen("out", A1, OFFICE, interface="A1")),
    )
    write(
        tmp_path / "office/trace/office.jsonl",
        "office",
        (1.21, seen("in", OFFICE, A1, interface="LAN1")),
        (1.22, CallChanged("one", "started", other="two")),
        (1.23, seen("out", OFFICE, "10.10.10.30:5060", call="two", interface="LAN1")),
        (0.5, seen("in", OFFICE, "10.10.10.66:5060", "evil", HOSTILE, interface="LAN1")),
    )
    return tmp_path


def write(path, role, *events):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(encode_event(event, at, role) + "\n" for at, event in events)


def run(*arguments):
    app = typer.Typer()
    app.command()(trace)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_files_of_all_nodes_are_found_the_older_first(run_dir):
    names = [[path.name for path in paths] for paths in trace_files(run_dir)]
    assert sorted(names) == [["border.jsonl.1", "border.jsonl"], ["office.jsonl"]]
    times = [r.time for r in read_records(run_dir, Reader()) if r.role == "border"]
    assert times == [1.0, 1.1, 1.2]


def test_the_ladder_of_the_last_call_has_both_legs_and_each_message_once(run_dir):
    result = run("--run-dir", run_dir, "--ladder", "--width", "120")
    assert result.exit_code == 0, result.output
    assert result.output.count("INVITE") == 3
    assert "10.10.10.30" in result.output
    assert "10.10.10.66" not in result.output


def test_json_lines_are_events(run_dir):
    result = run("--run-dir", run_dir, "--call", "one", "--json", "--role", "office")
    kinds = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert kinds == ["message", "call", "message"]


def test_decisions_say_why(run_dir):
    result = run("--run-dir", run_dir, "--decisions")
    assert "flow: SubsflowRW, because source * matches" in result.stdout
    assert len(result.stdout.splitlines()) == 1


def test_the_list_lets_no_control_character_out(run_dir):
    result = run("--run-dir", run_dir)
    assert "\x1b" not in result.output
    assert len(result.stdout.splitlines()) == 7


def test_a_pcap_is_written(run_dir, tmp_path):
    result = run("--run-dir", run_dir, "--pcap", tmp_path / "a.pcap", "--interface", "A1")
    data = (tmp_path / "a.pcap").read_bytes()
    assert result.exit_code == 0
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    assert data.count(b"INVITE sip:3003") == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("--call", "nobody"), 3), (("--ladder", "--json"), 2), (("--ladder", "--follow"), 2)],
)
def test_what_cannot_be_shown_has_a_status(run_dir, arguments, status):
    assert run("--run-dir", run_dir, *arguments).exit_code == status


def test_no_run_directory(tmp_path):
    assert run("--run-dir", tmp_path / "none").exit_code == 2


def test_following_gives_what_is_added_also_over_a_rotation(run_dir):
    follower = Follower(run_dir, Reader())
    assert follower.poll() == []
    path = run_dir / "trace/border.jsonl"
    write(path, "border", (2.0, seen("in", B1, "192.0.2.1:1")))
    with path.open("a") as file:
        file.write('{"time":2.5,')
    assert [record.time for record in follower.poll()] == [2.0]
    with path.open("a") as file:
        file.write('"half":1}\n')
    path.replace(path.with_name("border.jsonl.1"))
    write(path, "border", (3.0, seen("in", B1, "192.0.2.1:1")))
    assert [record.time for record in follower.poll()] == [3.0]
    assert follower.reader.skipped == 1
    follower.close()
