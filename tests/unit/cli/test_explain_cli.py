"""explain, replay and check as commands: words, JSON, exit status, mistakes of the caller."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from farline.cli.main import make_app
from farline.config import load_deployment
from farline.runtime.control import ControlServer
from farline.testing import SeededIds
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "examples" / "guide.yaml"
VECTORS = ROOT / "vectors" / "guide"
PCAP = ROOT / "vectors" / "pcap" / "guide-call.pcap"
PHONE = ("--at", "IPORWB1Sig", "--from", "192.168.67.61:10057", "--transport", "tcp")


def run(*arguments):
    return CliRunner().invoke(make_app(), [str(argument) for argument in arguments])


@pytest.fixture
def loopback(tmp_path):
    text = GUIDE.read_text().replace("10.10.10.", "127.10.10.")
    path = tmp_path / "loopback.yaml"
    path.write_text(text.replace("192.168.64.", "127.168.64."))
    return path


def test_explain_a_message_in_words():
    result = run("explain", VECTORS / "01-register-phone.sip", "--config", GUIDE, *PHONE)
    assert result.exit_code == 0
    assert "flow: SubsflowRW, because SubsflowRW is the first that matches" in result.output
    assert "    * SubsflowRW: the first that matches" in result.output
    assert "sends REGISTER to 10.10.10.13:5060 (TCP) from IPORWA1Sig" in result.output
    assert "| REGISTER sip:" not in result.output


def test_explain_an_invite_as_if_registered_with_the_message():
    invite = VECTORS / "09-invite-phone.sip"
    result = run("explain", invite, "--config", GUIDE, *PHONE, "--registered",
                 "3001@ipo1xp.ipolab.com", "--message")  # fmt: skip
    assert result.exit_code == 0
    assert "    | INVITE sip:3003@ipo1xp.ipolab.com SIP/2.0" in result.output


def test_explain_says_a_refusal_with_form_and_field_and_status_1():
    invite = VECTORS / "09-invite-phone.sip"
    result = run("explain", invite, "--config", GUIDE, *PHONE, "--json")
    assert result.exit_code == 1
    (row,) = json.loads(result.output)
    assert row["refused"]["status"] == 403
    assert row["refused"]["form"].endswith("SubsflowRW: Methods Allowed Before REGISTER")
    flow = next(step for step in row["steps"] if step["stage"] == "admission")
    assert flow["candidates"] == [
        {"name": "SubsflowRW", "taken": True, "why": "the first that matches"}
    ]


def test_explain_a_transport_that_nobody_listens_on(tmp_path):
    config = tmp_path / "no-tls.yaml"
    text = GUIDE.read_text().replace("tls_port: 5061\n      tls_profile: ServerProf", "udp_port: ")
    config.write_text(text.replace("udp_port: 5060\n      udp_port: ", "udp_port: 5060"))
    where = (*PHONE[:4], "--transport", "tls")
    result = run("explain", VECTORS / "01-register-phone.sip", "--config", config, *where)
    assert result.exit_code == 1
    assert "refused (no answer): IPORWB1Sig has no TLS port" in result.output


def test_explain_a_capture_one_message_after_the_other(loopback):
    result = run("explain", PCAP, "--config", loopback, "--json")
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert [row["what"] for row in found[:5]] == [
        "REGISTER", "401 Unauthorized", "REGISTER", "200 OK", "INVITE (SDP)"
    ]  # fmt: skip
    only = run("explain", PCAP, "--config", loopback, "--at", "IPORWA1Sig", "--json")
    assert {row["at"] for row in json.loads(only.output)} == {"IPORWA1Sig"}
    phone = run("explain", PCAP, "--config", loopback, "--from", "127.22.33.101:57783", "--json")
    assert {row["from"] for row in json.loads(phone.output)} == {"127.22.33.101:57783"}


async def test_explain_with_the_bindings_of_a_running_border(tmp_path):
    secrets = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
    world = BorderWorld(load_deployment(GUIDE.read_text(), secrets).border, SeededIds())
    phone = Phone(world)
    phone.register()
    rows = json.loads(json.dumps(world.core.show()))
    request = tmp_path / "options.sip"
    request.write_bytes(phone.office_request("OPTIONS").to_bytes())
    server = ControlServer(tmp_path / "control" / "border.sock", {"show": lambda: rows})
    await server.start()
    try:
        arguments = ("explain", request, "--config", GUIDE, "--at", "IPORWA1Sig", "--from",
                     "10.10.10.13:4103", "--transport", "tcp", "--run-dir", tmp_path)  # fmt: skip
        result = await asyncio.to_thread(run, *arguments)
        outside = await asyncio.to_thread(
            run, "explain", VECTORS / "09-invite-phone.sip", "--config", GUIDE, *PHONE,
            "--run-dir", tmp_path,
        )  # fmt: skip
    finally:
        await server.stop()
    assert result.exit_code == 0, result.output
    assert "sends OPTIONS to 192.168.67.61:10057 (TCP) from IPORWB1Sig" in result.output
    assert "3001@ipo1xp.ipolab.com registered by SubsflowRW" in outside.output
    assert "sends INVITE (SDP) to 10.10.10.13:5060 (TCP) from IPORWA1Sig" in outside.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "a message needs --at INTERFACE and --from ADDRESS:PORT"),
        (("--at", "B9", "--from", "192.0.2.1:5060"), "no signaling interface 'B9'; there is: "),
        (("--at", "IPORWB1Sig", "--from", "192.0.2.1"), "is no address:port"),
        ((*PHONE[:4], "--transport", "sctp"), "is none of udp, tcp, tls"),
        ((*PHONE, "--registered", "3001"), "is no address of record"),
        ((*PHONE, "--run-dir", "/nonexistent"), "border is not running"),
        (("--at", "IPORWA1Sig", *PHONE[2:], "--registered", "3001@a"), "AOR=address:port"),
    ],
)
def test_explain_says_what_is_wrong_with_the_command(arguments, text):
    result = run("explain", VECTORS / "09-invite-phone.sip", "--config", GUIDE, *arguments)
    assert result.exit_code == 2
    assert text in result.output


def test_captures_that_are_none_or_of_somebody_else(tmp_path):
    broken = tmp_path / "x.pcap"
    broken.write_bytes(PCAP.read_bytes()[:10])
    assert "cut short" in run("explain", broken, "--config", GUIDE).output
    other = run("replay", PCAP, "--config", GUIDE)
    assert other.exit_code == 2
    assert "no SIP message to or from a signaling interface of the border" in other.output
    assert run("replay", tmp_path / "none.pcap", "--config", GUIDE).exit_code == 2
    assert run("replay", "--config", GUIDE).exit_code == 2
    assert run("replay", "--run-dir", tmp_path, "--config", GUIDE).exit_code == 2
    assert run("replay", PCAP, "--config", tmp_path / "none.yaml").exit_code == 2


def test_replay_of_the_same_configuration_says_nothing(loopback):
    result = run("replay", PCAP, "--config", loopback, "--against", loopback)
    assert result.exit_code == 0
    assert result.output == "15 messages replayed; 19 sent; 0 difference(s)\n"
    result = run("replay", PCAP, "--config", loopback, "--json")
    assert json.loads(result.output) == {
        "replayed": 15, "unheard": 0, "sent": 19, "differences": []
    }  # fmt: skip


def test_replay_of_another_configuration_ends_with_status_1(loopback, tmp_path):
    candidate = tmp_path / "candidate.yaml"
    candidate.write_text(
        loopback.read_text().replace('source_subnet: "*"', "source_subnet: 10.0.0.0/8")
    )
    result = run("replay", PCAP, "--config", candidate, "--against", loopback)
    assert result.exit_code == 1
    assert "not sent any more: INVITE (SDP)" in result.output
    assert "SubsflowRW: Source Subnet is 10.0.0.0/8" in result.output
    rows = json.loads(run("replay", PCAP, "--config", candidate, "--json").output)
    assert rows["differences"][0]["kind"] == "missing"


def test_check_says_warnings_and_ends_with_status_0(loopback, tmp_path):
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("{ruel: a, dora: b, enhtcpaservice: c}")
    secrets.chmod(0o600)
    loopback.write_text(
        loopback.read_text().replace('remote_subnet: "*"', "remote_subnet: 10.9.0.0/16")
    )
    result = run("check", loopback, "--json")
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert (found["ok"], found["problems"]) == (True, [])
    places = [row["place"] for row in found["warnings"]]
    assert "border.routing_profiles[0].next_hops[0]" in places
    assert "tls_server_profiles[0].certificate" in places
    words = run("check", loopback)
    assert words.exit_code == 0
    assert "warning: line" in words.output
    assert "right (border, office, portal, ems, lab)" in words.output


def test_check_refuses_errors_and_says_the_warnings_beside(loopback, tmp_path):
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("{ruel: a, dora: b, enhtcpaservice: c}")
    secrets.chmod(0o600)
    text = loopback.read_text().replace("listen_port: 5222", "listen_port: 5061")
    loopback.write_text(text.replace('remote_subnet: "*"', "remote_subnet: 10.9.0.0/16"))
    result = run("check", loopback, "--json")
    assert result.exit_code == 2
    found = json.loads(result.output)
    assert [row["place"] for row in found["problems"]] == [
        "border.application_relays[1].device.listen_port"
    ]
    assert found["warnings"]


@pytest.mark.parametrize("command", ["explain", "replay", "check"])
def test_help_has_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: farline {command}" in result.output
