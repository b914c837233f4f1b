"""What holds for every message: hiding and restoring, leaks, printing and parsing."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farline.border.plan import Candidate, Plan
from farline.border.topology.call_ids import CallIds
from farline.border.topology.hiding import Hider
from farline.border.topology.inside import InsideAddresses
from farline.border.topology.line import make_line
from farline.border.topology.stage import (
    inward_request,
    inward_response,
    outward_request,
    outward_response,
)
from farline.sip import Address, Flow, Message, Transport, responses

TOKEN = st.text(string.ascii_letters + string.digits + "-.!%*_+`'~", min_size=1, max_size=30)
TEXT = st.text(
    st.characters(
        min_codepoint=0x20, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Zl", "Zp"]
    ),
    max_size=60,
).map(str.strip)
REAL = {
    "Accept": "application/sdp, text/*;q=0.5", "Alert-Info": "<http://b.example/ring>",
    "Allow": "INVITE, ACK, BYE, REFER", "Allow-Events": "presence", "Authorization":
    'Digest username="3001", realm="b.example", nonce="n", uri="sip:b.example", response="r"',
    "Call-Info": "<http://b.example/i>;purpose=icon", "Event": "dialog;id=7", "Expires": "600",
    "In-Reply-To": "a@b", "Min-SE": "90", "Organization": "B", "Privacy": "id", "RAck":
    "1 2 INVITE", "Reason": 'Q.850;cause=16;text="x"', "Refer-To": "<sip:9@b.example?Replaces=a>",
    "Referred-By": "<sip:8@b.example>", "Require": "timer", "Session-Expires": "1800;refresher=uac",
    "Subscription-State": "active;expires=60", "Supported": "timer, replaces", "User-to-User":
    "00FA;encoding=hex", "P-Early-Media": "supported", "Accept-Contact": "*;audio", "Join":
    "c;to-tag=a;from-tag=b", "Diversion": "<sip:7@b.example>;reason=busy",
}  # fmt: skip
"""Headers that no rule names, each with a value as it has them."""

OTHERS = st.builds(
    lambda made, real: made + [(name, REAL[name]) for name in real],
    st.lists(
        st.tuples(st.from_regex(r"X-[A-Za-z]{1,12}|Subject|Date|Priority", fullmatch=True), TEXT),
        max_size=6,
    ),
    st.lists(st.sampled_from(sorted(REAL)), unique=True, max_size=8),
)
HOST = st.sampled_from(["10.10.10.13", "10.10.10.30", "192.168.64.96", "198.51.100.7", "a.example"])
RULES = (
    "{header: From, replace_action: overwrite, overwrite_value: a.example}, "
    "{header: To}, {header: Warning}, {header: User-Agent}, {header: Call-ID}, "
    "{header: P-Asserted-Identity, towards: endpoint}"
)
FLOWS = "  # Device Specific Settings > End Point Flows > Subscriber Flows"
NAMED = {
    "Via", "Max-Forwards", "From", "To", "Call-ID", "Contact", "Record-Route", "Route", "Warning",
    "User-Agent", "P-Asserted-Identity",
}  # fmt: skip


@pytest.fixture(scope="module")
def plan(load_border):
    return Plan(
        load_border(
            ("topology_hiding_profile: null", "topology_hiding_profile: strict"),
            (
                FLOWS,
                f"  topology_hiding_profiles: [{{name: strict, rules: [{RULES}]}}]\n"
                f"  topology_hiding_key: {{secret: ruel}}\n{FLOWS}",
            ),
        )
    )


@pytest.fixture(scope="module")
def line(plan):
    phone = Flow(
        1, "IPORWB1Sig", Transport.TCP, Address("192.168.64.96", 5060), Address("192.0.2.9", 1234)
    )
    return make_line(
        plan, subid="77", domain="a.example", subscriber=plan.border.subscriber_flows[0],
        phone=phone, server=plan.border.server_flows[0],
        candidate=Candidate("IPO", Transport.TCP, Address("10.10.10.13", 5060)),
    )  # fmt: skip


@st.composite
def requests(draw, host=HOST):
    user = st.text(string.ascii_letters + string.digits, min_size=1, max_size=10)
    method = draw(st.sampled_from(["MESSAGE", "INVITE", "OPTIONS", "SUBSCRIBE", "BYE"]))
    message = Message.request(method, f"sip:{draw(user)}@{draw(host)}")
    message.add("Via", f"SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK{draw(TOKEN)}")
    message.add("Max-Forwards", "70")
    message.add("From", f"<sip:{draw(user)}@{draw(host)}>;tag={draw(TOKEN)}")
    message.add("To", f"<sip:{draw(user)}@{draw(host)}>")
    message.add("Call-ID", draw(TOKEN))
    message.add("CSeq", f"{draw(st.integers(1, 2**31 - 1))} {method}")
    message.add("Contact", f"<sip:{draw(user)}@{draw(host)}:5062>")
    for name, value in draw(OTHERS):
        message.add(name, value)
    if draw(st.booleans()):
        message.add("Warning", f'399 {draw(host)} "seen at {draw(host)}"')
        message.add("X-Path", f"{draw(host)}:5060, {draw(host)}")
        message.add("Content-Type", "application/pidf+xml")
        message.body = f"<p><contact>sip:x@{draw(host)}</contact>{draw(host)}</p>".encode()
    return message


def unnamed(message, *more):
    return [pair for pair in message.headers() if pair[0] not in NAMED | set(more)]


@given(message=requests(st.just("b.example")))
@settings(max_examples=60, deadline=None)
def test_hiding_then_restoring_leaves_every_header_that_is_not_named(plan, line, message):
    """There and back: out to the office, and what it sends back with the same headers."""
    hider = Hider(InsideAddresses(plan.border))
    there = inward_request(plan, line, message, None, "sip:p@192.0.2.9:5062")
    back = outward_request(line, hider, there, None, message.uri)
    assert unnamed(back) == unnamed(message)
    assert (back.call_id, back.uri, back.body) == (message.call_id, message.uri, message.body)
    assert (back.from_tag, back.cseq, back.method) == (
        message.from_tag,
        message.cseq,
        message.method,
    )
    answer = responses.make(there, 200, to_tag="t")
    for name, value in unnamed(message, "CSeq", "Content-Length", "Content-Type"):
        answer.add(name, value)
    read = outward_response(line, hider, answer, message)
    again = inward_response(line, read, there)
    assert unnamed(again) == unnamed(answer)
    assert again.call_id == answer.call_id
    assert read.call_id == message.call_id


@given(message=requests())
@settings(max_examples=60, deadline=None)
def test_no_inside_address_in_any_byte_that_goes_out(plan, line, message):
    hider = Hider(InsideAddresses(plan.border))
    out = outward_request(line, hider, message, None, "sip:p@192.0.2.9:5062")
    out.prepend("Via", "SIP/2.0/TCP 192.168.64.96;branch=z9hG4bKx")
    assert b"10.10.10." not in out.to_bytes()
    assert hider.findings(out.to_bytes()) == []
    answer = responses.make(message, 200, to_tag="t")
    for name in ("Warning", "X-Path", "Contact"):
        answer.set_all(name, message.all(name))
    asked = Message.parse(message.to_bytes().replace(b"10.10.10.", b"198.51.100."))
    read = outward_response(line, hider, answer, asked)
    read.set("From", asked.get("From"))
    read.set("To", asked.get("To"))
    assert b"10.10.10." not in read.to_bytes()


@given(message=requests())
@settings(max_examples=60, deadline=None)
def test_what_is_printed_parses_to_the_same_message(plan, line, message):
    for one in (message, inward_request(plan, line, message, None, "")):
        one = one.copy()
        if one.top_via is None:
            one.prepend("Via", "SIP/2.0/TCP 192.168.64.96;branch=z9hG4bKx")
        data = one.to_bytes()
        parsed = Message.parse(data)
        parsed.validate()
        assert parsed.to_bytes() == data
        assert parsed.headers() == one.headers()
        assert (parsed.uri, parsed.body) == (one.uri, one.body)


@given(call_id=st.text(min_size=1, max_size=200), key=st.text(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_hidden_call_ids_come_back(call_id, key):
    ids, other = CallIds(key), CallIds(key + "x")
    token = ids.crossed(call_id)
    assert ids.crossed(token) == ids.canonical(token) == call_id
    assert ids.crossed(call_id) == token  # the same every time
    assert other.canonical(token) == token
