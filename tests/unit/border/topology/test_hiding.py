"""The last look at what goes outside."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from farline.border.plan import Plan
from farline.border.topology.hiding import Hider
from farline.border.topology.inside import InsideAddresses
from farline.config import load_deployment
from farline.sip import Message

ROOT = Path(__file__).parents[4]
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
PLAN = Plan(load_deployment((ROOT / "examples" / "guide.yaml").read_text(), SECRETS).border)


@pytest.fixture
def hider():
    return Hider(PLAN.inside)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("10.10.10.13", "X"),
        ("10.10.10.13:5060", "X"),
        ("<sip:3003@10.10.10.30:5060;lr>, <sip:10.10.10.13>", "<sip:3003@X;lr>, <sip:X>"),
        ("110.10.10.13", "110.10.10.13"),
        ("10.10.10.131", "X"),
        ("10.10.10.13.4", "10.10.10.13.4"),
        ("10.10.10.999", "10.10.10.999"),
        ("10.10.11.13", "10.10.11.13"),
        ("seen at 10.10.10.13.", "seen at X."),
        ("<sip:3@a.example?Route=%3Csip:%4010.10.10.13:5060%3E>",
         "<sip:3@a.example?Route=%3Csip:%40X%3E>"),
        ("sip:10%2E10%2e10.13:5060", "sip:X"),
        ("a%2Eb", "a%2Eb"),
        ("[::ffff:10.10.10.13]:5060 or ::FFFF:A0A:A0D", "X or X"),
        ("[::ffff:192.0.2.1]:5060", "[::ffff:192.0.2.1]:5060"),
        ("node:a:10.10.10.13:5060", "node:a:X"),
        ("<sip:3@10.10.10.13?Replaces=a%4010.10.10.13%3Bto-tag%3D1&X=10.10.10.13>",
         "<sip:3@X?Replaces=a%4010.10.10.13%3Bto-tag%3D1&X=X>"),
        ("192.168.64.96:5060 and 172.22.33.101", "192.168.64.96:5060 and 172.22.33.101"),
        ("", ""),
    ],
)  # fmt: skip
def test_clean(hider, text, cleaned):
    assert hider.clean(text, "X") == cleaned
    assert text == cleaned or hider.leaks(text.encode())


def test_dialog_identifiers_are_left_alone(hider):
    message = Message.response(200, "OK")
    message.add("Call-ID", "abc@10.10.10.13")
    message.add("Replaces", "abc@10.10.10.13;to-tag=1;from-tag=2")
    message.add("Content-Type", "application/dialog-info+xml")
    message.body = b'<dialog call-id="abc@10.10.10.13"><target uri="sip:10.10.10.13"/></dialog>'
    message.add("Server", "office/1.0 (10.10.10.13)")
    assert not hider.clean_message(message, domain="d", address="1.2.3.4:5060")
    assert message.call_id == "abc@10.10.10.13"
    assert message.get("Server") == "office/1.0 (1.2.3.4:5060)"
    # a phone that picks the call up, or takes its place, must name it as the office does
    assert message.get("Replaces") == "abc@10.10.10.13;to-tag=1;from-tag=2"
    assert message.body == b'<dialog call-id="abc@10.10.10.13"><target uri="sip:d"/></dialog>'
    assert [where for where, _ in hider.findings(message.to_bytes())] == ["Replaces", "body"]


def test_sdp_keeps_addresses_where_addresses_belong(hider):
    message = Message.response(200, "OK")
    message.add("Content-Type", "application/sdp")
    message.body = b"v=0\r\na=candidate:1 1 UDP 1 10.10.10.13 40750 typ host\r\n"
    hider.clean_message(message, domain="d", address="1.2.3.4:5060")
    assert message.body == b"v=0\r\na=candidate:1 1 UDP 1 1.2.3.4 40750 typ host\r\n"
    assert message.get("Content-Length") == str(len(message.body))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("<sip:x@[FD00:10:0::13]:5060;maddr=fd00:10::7>", "<sip:x@X;maddr=X>"),
        ("seen at fd00:10::13.", "seen at X."),
        ("fd00:10::13: no answer", "X: no answer"),
        ("fd00:10::, [fd00:10::10.0.0.1]:5060", "X, X"),
        ("text%20fd00:10::13%20", "text%20X%20"),
        ("?Route=%3Csip%3A%5Bfd00%3A10%3A%3A13%5D%3A5060%3E", "?Route=%3Csip:X%3E"),
        ("sip%3A%5Bfd00%3A11%3A%3A1%5D fd00:11::1.", "sip%3A%5Bfd00%3A11%3A%3A1%5D fd00:11::1."),
    ],
)  # fmt: skip
def test_clean_ipv6(monkeypatch, text, cleaned):
    inside = InsideAddresses(PLAN.border)
    monkeypatch.setattr(inside, "networks", (ip_network("fd00:10::/64"),))
    hider = Hider(inside)
    assert hider.clean(text, "X") == cleaned
    assert text == cleaned or (hider.leaks(text.encode()) and hider.names_inside(text))
