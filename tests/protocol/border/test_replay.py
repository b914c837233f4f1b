"""A recording through a configuration: equal to itself, and what another one would change."""

import tomllib
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farline.border.explain.difference import differences
from farline.border.explain.recording import Recorded, from_capture, from_records
from farline.border.explain.replay import Replay, recorded_output
from farline.border.plan import Plan
from farline.config import load_deployment
from farline.sip import Address, Transport
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone, offer
from farline.trace import Record
from farline.trace.capture import Capture, Captured
from farline.trace.events import MessageSeen, Note
from farline.trace.packet import Endpoint

ROOT = Path(__file__).parents[3]
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
GUIDE = (ROOT / "examples" / "guide.yaml").read_text()
LOOPBACK = GUIDE.replace("10.10.10.", "127.10.10.").replace("192.168.64.", "127.168.64.")


@cache
def border(*changes, text=LOOPBACK):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return load_deployment(text, SECRETS).border


def capture():
    data = (ROOT / "vectors" / "pcap" / "guide-call.pcap").read_bytes()
    return from_capture(Capture(data).messages(), Plan(border()))


RECORDING = capture()


def against(candidate, recording=RECORDING, current=None):
    after = Replay(candidate).run(recording)
    before = recorded_output(recording) if current is None else Replay(current).run(recording)
    return after, differences(before, after)


def kinds(found):
    return [(one.kind, one.what.split(" (")[0]) for one in found]


def test_the_captured_call_comes_out_as_it_was_recorded():
    (entry,) = tomllib.loads((ROOT / "vectors/pcap/index.toml").read_text())["capture"]
    assert len(RECORDING) == entry["messages"]
    after, found = against(border())
    assert found == []
    assert len(after.happened) + len(after.emitted) == entry["messages"]
    assert all(one.flow is not None for one in after.happened)


def test_a_run_is_the_same_each_time():
    one, other = Replay(border()).run(RECORDING), Replay(border()).run(RECORDING)
    assert one.emitted == other.emitted


@pytest.mark.parametrize("current", [None, border()])
def test_a_narrower_flow_refuses_the_phone(current):
    candidate = border(('source_subnet: "*"', "source_subnet: 10.0.0.0/8"))
    after, found = against(candidate, current=current)
    first = found[0]
    assert (first.kind, first.because) == (
        "missing",
        "registration refused 403: no subscriber flow on IPORWB1Sig matches: "
        "SubsflowRW: Source Subnet is 10.0.0.0/8",
    )
    answer = next(one for one in found if one.kind == "changed")
    assert answer.what.startswith("401 Unauthorized (REGISTER 1")
    (change,) = answer.changes
    assert (change.what, change.was, change.would_be) == (
        "start line", "SIP/2.0 401 Unauthorized", "SIP/2.0 403 Forbidden"
    )  # fmt: skip
    assert ("missing", "INVITE") in kinds(found)
    assert any(one.why == "it answers a request that was not sent" for one in after.happened)


def test_another_next_hop_is_a_difference_of_each_request_to_it():
    candidate = border(("127.10.10.13, port: 5060, transport: TCP", "127.10.10.13, port: 5070, "
                        "transport: TCP"))  # fmt: skip
    _, found = against(candidate)
    sent = [(one.what.split()[0], change) for one in found for change in one.changes]
    assert {what for what, _ in sent} == {"REGISTER", "INVITE", "ACK"}
    assert {change.what for _, change in sent} == {"next hop"}
    assert {(c.was, c.would_be) for _, c in sent} == {
        ("127.10.10.13:5060 (TCP)", "127.10.10.13:5070 (TCP)")
    }


def test_headers_and_bodies_that_differ_are_named():
    candidate = border(
        ("        - ip: 127.10.10.7", "        - ip: 127.10.10.7\n        - ip: 127.10.10.8"),
        ("{name: IPORWA1Media, network: IPOA1Internal, ip: 127.10.10.7",
         "{name: IPORWA1Media, network: IPOA1Internal, ip: 127.10.10.8"),
    )  # fmt: skip
    _, found = against(candidate)
    (invite,) = found
    assert invite.what.startswith("INVITE")
    assert {change.what for change in invite.changes} == {"body"}
    assert any(change.would_be == "c=IN IP4 127.10.10.8" for change in invite.changes)


def test_a_port_that_is_closed_reaches_nobody():
    candidate = border(("ip: 127.168.64.96\n      tcp_port: 5060", "ip: 127.168.64.96\n      "
                        "tcp_port: 5080"))  # fmt: skip
    after, found = against(candidate, current=border())
    deaf = [one for one in after.happened if one.flow is None]
    assert deaf[0].why == "no signaling interface listens on 127.168.64.96:5060 (TCP)"
    assert found[0].because == deaf[0].why


def test_a_capture_of_the_outside_alone_answers_for_the_office():
    outside = [one for one in RECORDING if one.local.host == "127.168.64.96"]
    until_bye = [one for one in outside if one.time < RECORDING[19].time + 1]
    after, found = against(border(), until_bye)
    assert found == []
    sent = [one.data.split(b" ")[0] for one in after.emitted if one.inside]
    assert sent == [b"REGISTER", b"REGISTER", b"INVITE", b"ACK"]
    _, found = against(border(('source_subnet: "*"', "source_subnet: 10.0.0.0/8")), until_bye)
    assert ("missing", "180 Ringing") in kinds(found)
    # Nobody stands in for a request of the office: its BYE does not come.
    _, found = against(border(), outside)
    assert ("missing", "BYE") in kinds(found)


def test_a_trace_replays_as_its_capture_does():
    records = [
        Record(
            one.time, "border",
            MessageSeen("in" if one.arrived else "out", "", one.transport, str(one.local),
                        str(one.remote), "", one.data),
        )
        for one in RECORDING
    ]  # fmt: skip
    noise = [Record(1.0, "office", records[0].event), Record(1.0, "border", Note("a", "b"))]
    bad = MessageSeen("in", "", "SCTP", "x", "y", "", b"")
    assert from_records([*noise, *records, Record(2.0, "border", bad)]) == RECORDING


def recorded(world):
    """A conversation of the test's border as a recording."""
    return [
        Recorded(1000.0 + index, arrived, (flow.transport, flow.local, flow.remote), data)
        for index, (arrived, flow, data) in enumerate(world)
    ]


class RecordingWorld(BorderWorld):
    """Keeps what came and went in its order."""

    def __init__(self, config):
        self.passed = []
        super().__init__(config)

    def receive(self, flow, message):
        data = message if isinstance(message, bytes) else message.to_bytes()
        self.passed.append((True, flow, data))
        super().receive(flow, data)

    def _perform(self, output):
        before = len(self.all_sent)
        super()._perform(output)
        self.passed += [(False, *sent) for sent in self.all_sent[before:]]


@pytest.mark.parametrize("transport", list(Transport))
def test_conversations_over_every_transport_replay_equal(transport):
    off = "      ws_port: null                  # for browsers: WSS, and their page's origin\n"
    ports = (off, "      ws_port: 80\n"), ("      wss_port: null\n", "      wss_port: 443\n")
    config = border(*ports, text=GUIDE)
    world = RecordingWorld(config)
    phone = Phone(world, transport=transport)
    phone.register()
    other = Phone(world, user="3002", port=10058, transport=transport)
    other.register()
    world.receive(other.upstream, other.office_request("INVITE", body=offer("10.10.10.13", 40750)))
    ringing = world.take(other.flow)
    other.answer(ringing, 180)
    other.answer(ringing, 200, body=offer())
    after, found = against(config, recorded(world.passed))
    assert found == []
    assert all(one.flow is not None for one in after.happened)


def test_tls_in_clear_is_told_by_its_vias():
    phone, border_ = Address("192.0.2.1", 4000), Address("192.168.64.96", 5060)
    data = (ROOT / "vectors/guide/01-register-phone.sip").read_bytes()
    plan = Plan(border(text=GUIDE))

    def only(data):
        ends = (Endpoint(ip_address(end.host), end.port) for end in (phone, border_))
        (found,) = from_capture([Captured(1.0, "TCP", *ends, data)], plan)
        return found.connection

    assert only(data) == (Transport.TCP, border_, phone)
    tls = data.replace(b"SIP/2.0/TCP", b"SIP/2.0/TLS")
    assert only(tls) == (Transport.TLS, Address("192.168.64.96", 5061), phone)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_recording_raises(data):
    count = data.draw(st.integers(1, 12))
    recording = []
    for one in RECORDING[:count]:
        changed = bytearray(one.data)
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(changed) - 1))
            changed[at] = data.draw(st.integers(0, 255))
        recording.append(Recorded(one.time, one.arrived, one.connection, bytes(changed)))
    after, found = against(border(), recording)
    assert len(after.happened) == sum(one.arrived for one in recording)
    assert all(one.kind in ("missing", "new", "changed") for one in found)
