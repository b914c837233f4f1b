"""Input that is wrong on purpose: answered or dropped, counted, and nothing else suffers."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farline.sip import Address, responses
from farline.testing.office import SDP, Phone, with_sdp
from farline.trace.events import Refused

STRANGER = Address("10.10.10.66", 5060)


@pytest.fixture
def stranger(bench):
    return bench.phone("3001", STRANGER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 40,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"INVITE sip:3003@ipo1xp.ipolab.com SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
    ],
)
def test_rubbish(bench, stranger, data):
    stranger.send(data)
    stranger.nothing()
    assert [event.reason for event in bench.events if isinstance(event, Refused)] == ["malformed"]
    assert bench.core.show()["counters"]["malformed"] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Contact", "<<>>"),
        ("Contact", ""),
        ("Record-Route", "<sip:a;lr>, <<<"),
        ("Session-Expires", "soon"),
        ("Authorization", 'Digest username="x'),
        ("Content-Type", "text/plain"),
        ("Max-Forwards", "-1"),
        ("From", "<<>>;tag=1"),
        ("Via", "nonsense"),
    ],
)
def test_wrong_headers_in_an_invite(bench, ruel, dora, name, value):
    invite = with_sdp(ruel.request("INVITE", "3003"), SDP)
    invite.set("Supported", "timer")
    invite.set(name, value)
    ruel.send(invite)
    dora.inbox.clear()
    statuses = [message.status for _, message in ruel.inbox]
    assert all(100 <= status < 500 for status in statuses)
    assert [call for call in bench.core.switch.calls if call.over] == []


def test_bytes_that_are_no_utf8(bench, stranger):
    request = stranger.request("REGISTER", "3001").to_bytes()
    stranger.send(request.replace(b"call-3001", b"call-\xff\xfe"))
    stranger.take("SIP/2.0 401")
    request = stranger.request("REGISTER", "3001", [("User-Agent", "u")]).to_bytes()
    stranger.send(request.replace(b"User-Agent: u", b"User-Agent: \xff"))
    stranger.take("SIP/2.0 401")


def test_a_contact_that_is_no_utf8_is_not_kept(bench, stranger):
    stranger.contact = "sip:3001@10.10.10.66"
    first = stranger.request("REGISTER", "3001")
    stranger.send(first)
    from farline.sip.digest_client import DigestClient

    second = DigestClient("3001", "ruel-pw", bench.ids).retry(first, stranger.take("SIP/2.0 401"))
    second.prepend("Via", "SIP/2.0/TCP 10.10.10.66:5060;branch=z9hG4bK-utf8")
    stranger.send(second.to_bytes().replace(b"sip:3001@10.10.10.66>", b"sip:\xff@10.10.10.66>"))
    assert stranger.take("SIP/2.0").status in (200, 400)
    assert isinstance(bench.core.show(), dict)


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("BYE", 481), ("INFO", 481), ("UPDATE", 481), ("NOTIFY", 481),
     ("REFER", 405), ("MESSAGE", 405), ("PRACK", 405), ("SUBSCRIBE", 401), ("PUBLISH", 401),
     ("INVITE", 401), ("REGISTER", 401), ("JUMP", 501)],
)  # fmt: skip
def test_a_stranger_gets_nothing(bench, stranger, dora, method, status):
    stranger.send(stranger.request(method, "3003" if method != "REGISTER" else "3001"))
    stranger.take(f"SIP/2.0 {status}")
    dora.nothing()


def test_subscribe_of_a_known_phone(bench, ruel):
    ruel.send(ruel.request("SUBSCRIBE", "3001", [("Event", "message-summary")]))
    ruel.take("SIP/2.0 489")


def test_answers_that_nobody_asked_for(bench, ruel, dora):
    invite = with_sdp(ruel.request("INVITE", "3003"), SDP)
    dora.answer(invite, 200, SDP)
    ruel.nothing()
    dora.nothing()


def test_a_phone_that_answers_without_contact(bench, ruel, dora):
    ruel.invite("3003")
    invite = dora.take("INVITE")
    dora.contact = ""
    dora.answer(invite, 200, SDP, [("Record-Route", "<<<")])
    ruel.take("SIP/2.0 100")
    assert ruel.take("SIP/2.0").status >= 400
    assert bench.core.switch.calls == []


def test_cancel_of_somebody_elses_call(bench, ruel, dora, stranger):
    invite = ruel.invite("3003")
    at_dora = dora.take("INVITE")
    cancel = stranger.request("CANCEL", "3003", call_id=invite.call_id)
    stranger.send(cancel)
    stranger.take("SIP/2.0 481")
    dora.answer(at_dora, 180)
    ruel.take("SIP/2.0 180")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.integers(0, 900),
    junk=st.binary(min_size=1, max_size=8),
    cut=st.integers(0, 6),
    method=st.sampled_from(["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE"]),
)
def test_mutations_never_raise(bench, ruel, at, junk, cut, method):
    request = with_sdp(ruel.request(method, "3001"), SDP if method == "INVITE" else b"")
    data = request.to_bytes()
    at %= len(data)
    phone = Phone(bench, "3001", ruel.flow, ruel.contact)
    phone.send(data[:at] + junk + data[at + cut :])
    ruel.inbox.clear()
    bench.core.show()


FUZZ = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def spoilt(message, at, junk, cut):
    data = message.to_bytes()
    at %= len(data)
    return data[:at] + junk + data[at + cut :]


@FUZZ
@given(
    at=st.integers(0, 900),
    junk=st.binary(max_size=8),
    cut=st.integers(0, 40),
    status=st.sampled_from([100, 180, 183, 200, 302, 401, 486, 699]),
)
def test_spoilt_answers_never_raise(make_bench, at, junk, cut, status):
    bench = make_bench()
    caller = bench.phone("3001", Address("10.10.10.7", 43873))
    called = bench.phone("3003", Address("10.10.10.30", 5060))
    caller.register("ruel-pw")
    called.register("dora-pw")
    caller.invite("3003")
    fields = [("Contact", f"<{called.contact}>"), ("Session-Expires", "90;refresher=uac")]
    answer = responses.make(called.take("INVITE"), status, to_tag="b", headers=fields)
    called.send(spoilt(with_sdp(answer, SDP), at, junk, cut), called.last_flow)
    bench.wait(400)
    bench.core.show()
    for call in bench.core.switch.calls:
        assert call.answered is not None or call.a is not None


@FUZZ
@given(
    at=st.integers(0, 900),
    junk=st.binary(max_size=8),
    cut=st.integers(0, 40),
    method=st.sampled_from(["INVITE", "UPDATE", "INFO", "REFER", "BYE", "ACK"]),
)
def test_spoilt_requests_inside_a_call_never_raise(make_bench, at, junk, cut, method):
    bench = make_bench()
    caller = bench.phone("3001", Address("10.10.10.7", 43873))
    called = bench.phone("3003", Address("10.10.10.30", 5060))
    caller.register("ruel-pw")
    called.register("dora-pw")
    caller.invite("3003")
    called.answer(called.take("INVITE"), 200, SDP)
    answer = caller.take("SIP/2.0 200")
    caller.inside("ACK", answer, cseq=1)
    uri = "<sip:3001@ipo1xp.ipolab.com>"
    fields = [("Refer-To", uri), ("Session-Expires", "1800"), ("Supported", "timer")]
    request = caller.request(method, "x", fields, cseq=2, call_id=answer.call_id)
    request.uri = "sip:3003@10.10.10.13:5060"
    request.set("From", answer.get("From"))
    request.set("To", answer.get("To"))
    body = SDP if method in ("INVITE", "UPDATE", "ACK") else b""
    caller.send(spoilt(with_sdp(request, body), at, junk, cut))
    bench.wait(100)
    bench.core.show()
