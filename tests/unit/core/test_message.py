"""`Message`: what Python sees of the parser (its grammar is tested in rust/sip-wire/tests)."""

import pytest

from farline._core import MAX_MESSAGE, Message, WireError

REGISTER = (
    b"REGISTER sip:ipo1xp.ipolab.com SIP/2.0\r\n"
    b"f: <sip:3001@ipo1xp.ipolab.com>;tag=3FE790F6\r\n"
    b"To: <sip:3001@ipo1xp.ipolab.com>\r\n"
    b"CSeq: 2 REGISTER\r\n"
    b"Call-ID: D03868AF\r\n"
    b"Contact: <sip:3001@172.22.33.101:62657;transport=tcp>;q=1\r\n"
    b"Via: SIP/2.0/TCP 172.22.33.101:62657;branch=z9hG4bK4F\r\n"
    b"X-Bytes: caf\xe9 \xc3\xa9\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@pytest.fixture
def message() -> Message:
    return Message.parse(REGISTER)


def test_reading(message: Message) -> None:
    message.validate()
    assert message.is_request
    assert (message.method, message.uri) == ("REGISTER", "sip:ipo1xp.ipolab.com")
    assert (message.status, message.reason, message.body) == (0, "", b"")
    assert (message.call_id, message.cseq) == ("D03868AF", 2)
    assert (message.from_tag, message.to_tag) == ("3FE790F6", "")
    assert message.headers()[0] == ("From", "<sip:3001@ipo1xp.ipolab.com>;tag=3FE790F6")
    assert message.get("Route") is None
    assert message.all("Route") == message.values("Route") == []
    assert message.pop("Route") is None
    assert message.remove("Route") == 0


def test_a_response_has_no_uri() -> None:
    response = Message.response(180, "Ringing")
    assert not response.is_request
    assert (response.status, response.reason, response.uri) == (180, "Ringing", "")
    assert (response.method, response.cseq, response.top_via) == ("", -1, None)
    response.add("CSeq", "3 INVITE")
    assert (response.method, response.cseq) == ("INVITE", 3)
    with pytest.raises(WireError):
        response.uri = "sip:a@example.com"
    assert response.to_bytes() == b"SIP/2.0 180 Ringing\r\nCSeq: 3 INVITE\r\n\r\n"


def test_bytes_that_are_no_utf8_survive(message: Message) -> None:
    value = message.get("X-Bytes")
    assert value == "caf\udce9 é"
    message.set("X-Again", value)
    assert b"X-Again: caf\xe9 \xc3\xa9\r\n" in message.to_bytes()


def test_forwarding_touches_only_what_it_must(message: Message) -> None:
    message.prepend("Via", "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632")
    message.set("contact", "<sip:3001@10.10.10.7:5060;transport=tcp>;q=1")
    message.add("Max-Forwards", "69")
    message.uri = "sip:other.example.com"
    expected = (
        REGISTER.replace(b"ipo1xp.ipolab.com SIP", b"other.example.com SIP", 1)
        .replace(b"172.22.33.101:62657;transport", b"10.10.10.7:5060;transport")
        .replace(b"Via:", b"Via: SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632\r\nVia:")
        .replace(b"Length: 0\r\n", b"Length: 0\r\nMax-Forwards: 69\r\n")
    )
    assert message.to_bytes() == expected
    assert message.pop("Via") == "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632"
    assert message.pop("v") == "SIP/2.0/TCP 172.22.33.101:62657;branch=z9hG4bK4F"
    assert message.top_via is None


def test_a_copy_is_another_message(message: Message) -> None:
    other = message.copy()
    other.set("Call-ID", "other")
    other.body = b"text"
    assert message.to_bytes() == REGISTER
    assert (other.call_id, other.body, other.get("l")) == ("other", b"text", "4")


def test_the_error_says_what_to_answer() -> None:
    with pytest.raises(WireError) as caught:
        Message.parse(REGISTER.replace(b"CSeq: 2", b"CSeq: x")).validate()
    error = caught.value
    assert isinstance(error, ValueError)
    assert (error.status, error.where, error.head) == (400, "CSeq", b"")
    assert error.args == (400, error.reason, "CSeq")
    assert str(error) == f"400 {error.reason} (CSeq)"


def test_the_error_can_be_raised_from_python() -> None:
    error = WireError(416, "scheme", "Request-URI", b"head")
    assert (error.status, error.reason, error.where, error.head) == (
        416,
        "scheme",
        "Request-URI",
        b"head",
    )


@pytest.mark.parametrize("text", ["a\r\nEvil: 1", "a\nb", "a\rb"])
def test_no_line_break_gets_in(message: Message, text: str) -> None:
    for write in (message.set, message.add, message.prepend):
        with pytest.raises(WireError):
            write("Subject", text)
        with pytest.raises(WireError):
            write(text, "value")
    with pytest.raises(WireError):
        message.set_all("Subject", ["fine", text])
    with pytest.raises(WireError):
        message.uri = f"sip:{text}"
    assert message.to_bytes() == REGISTER


def test_too_large() -> None:
    body = bytes(MAX_MESSAGE)
    with pytest.raises(WireError, match="513"):
        Message.parse(b"MESSAGE sip:a SIP/2.0\r\n\r\n" + body)


def test_repr_escapes() -> None:
    message = Message.parse(b"OPTIONS sip:a\x1b[2J SIP/2.0\r\n\r\n")
    assert "\x1b" not in repr(message)
    assert repr(Message.response(200, "OK")) == "<Message 200 'OK'>"
