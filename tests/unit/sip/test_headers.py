"""Typed header readers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline._core import Message, Via, WireError
from farline.sip import Address, headers
from farline.sip.headers import RAck, Reason, Refresher, SessionExpires
from farline.testing import sip_request

GUIDE_CONTACT = (
    "<sip:3001@172.22.33.101:62657;transport=tcp>;q=1;expires=3600;"
    '+sip.instance="<urn:uuid:96CD7630-D24F-46C6-9E6E-6AF07A9B45D6>";reg-id=1'
)


def having(name: str, *values: str) -> Message:
    message = sip_request("REGISTER")
    message.set_all(name, list(values))
    return message


SECONDS = [
    (headers.expires, "Expires"),
    (headers.min_expires, "Min-Expires"),
    (headers.min_se, "Min-SE"),
    (headers.retry_after, "Retry-After"),
    (headers.rseq, "RSeq"),
    (headers.max_forwards, "Max-Forwards"),
]


@pytest.mark.parametrize(("reader", "name"), SECONDS)
def test_numbers(reader, name: str) -> None:
    assert reader(having(name, "180")) == 180
    assert reader(having(name)) is None
    for wrong in ("", "-1", "abc", "1.5", "²"):
        with pytest.raises(WireError) as caught:
            reader(having(name, wrong))
        assert (caught.value.status, caught.value.where) == (400, name)


def test_numbers_have_a_ceiling() -> None:
    assert headers.expires(having("Expires", "9" * 500)) == headers.MAX_SECONDS
    with pytest.raises(WireError):
        headers.max_forwards(having("Max-Forwards", "256"))


def test_retry_after_with_comment_and_duration() -> None:
    assert headers.retry_after(having("Retry-After", "120 (in a meeting);duration=60")) == 120


def test_the_guides_contact() -> None:
    (contact,) = headers.contacts(having("Contact", GUIDE_CONTACT))
    assert (contact.expires, contact.q) == (3600, 1.0)
    assert contact.address.uri.port == 62657 and contact.address.param("reg-id") == "1"


def test_contacts_in_one_line_and_several() -> None:
    message = having("Contact", "<sip:a@h>;q=0.5, <sip:b@h>;expires=60", "<sip:c@h>;expires=soon")
    found = headers.contacts(message)
    assert [(c.address.uri.user, c.expires, c.q) for c in found] == [
        ("a", None, 0.5),
        ("b", 60, None),
        ("c", 3600, None),
    ]


@pytest.mark.parametrize("value", ["<sip:a@h>;q=2", "<sip:a@h>;q=0.1234", "<sip:a@h>;q=", "<"])
def test_wrong_contacts(value: str) -> None:
    with pytest.raises(WireError):
        headers.contacts(having("Contact", value))


def test_contacts_are_bounded() -> None:
    with pytest.raises(WireError, match="32"):
        headers.contacts(having("Contact", ", ".join(["<sip:a@h>"] * 33)))


def test_star() -> None:
    assert headers.is_star(having("Contact", "*"))
    assert not headers.is_star(having("Contact", "<sip:a@h>"))


def test_the_lease_asked_for() -> None:
    (own,) = headers.contacts(having("Contact", "<sip:a@h>;expires=60"))
    (none,) = headers.contacts(having("Contact", "<sip:a@h>"))
    whole = having("Expires", "90")
    assert headers.contact_expires(own, whole) == 60
    assert headers.contact_expires(none, whole) == 90
    assert headers.contact_expires(none, sip_request(), 180) == 180


def test_reason_as_the_guide_has_it() -> None:
    message = having("Reason", 'Q.850;cause=16;text="Normal call clearing", SIP ;cause=200')
    assert headers.reasons(message) == [
        Reason("Q.850", 16, "Normal call clearing"),
        Reason("SIP", 200),
    ]
    assert str(Reason("Q.850", 16, 'a "b"')) == 'Q.850;cause=16;text="a \\"b\\""'
    assert str(Reason("SIP", None)) == "SIP"
    with pytest.raises(WireError):
        headers.reasons(having("Reason", "SIP;cause=x"))


def test_session_expires() -> None:
    value = headers.session_expires(having("Session-Expires", "1800;refresher=UAS"))
    assert value == SessionExpires(1800, Refresher.UAS) and str(value) == "1800;refresher=uas"
    assert headers.session_expires(sip_request()) is None
    assert headers.session_expires(having("x", "90")) == SessionExpires(90)
    assert str(headers.session_expires(having("Session-Expires", "90"))) == "90"
    for wrong in ("90;refresher=proxy", "x", "90;;"):
        with pytest.raises(WireError):
            headers.session_expires(having("Session-Expires", wrong))


def test_rack() -> None:
    assert headers.rack(having("RAck", "776656 1 INVITE")) == RAck(776656, 1, "INVITE")
    assert headers.rack(sip_request()) is None
    with pytest.raises(WireError):
        headers.rack(having("RAck", "1 INVITE"))


def test_a_token_is_dropped_and_the_header_with_the_last() -> None:
    message = having("Require", "timer, Outbound", "TIMER")
    headers.drop_token(message, "Require", "timer")
    assert message.all("Require") == ["Outbound"]
    headers.drop_token(message, "Require", "timer")
    assert message.all("Require") == ["Outbound"]
    headers.drop_token(message, "Require", "outbound")
    assert message.get("Require") is None


def test_tokens() -> None:
    message = having("Supported", "eventlist,Outbound", "replaces")
    assert headers.tokens(message, "Supported") == {"eventlist", "outbound", "replaces"}


@pytest.mark.parametrize(
    ("via", "address"),
    [
        ("SIP/2.0/UDP h;branch=z9hG4bK1", Address("h", 5060)),
        ("SIP/2.0/TLS h;branch=z9hG4bK1", Address("h", 5061)),
        ("SIP/2.0/TLS h:5070;branch=z9hG4bK1", Address("h", 5070)),
    ],
)
def test_via_address(via: str, address: Address) -> None:
    assert headers.via_address(Via.parse(via)) == address


@pytest.mark.parametrize(
    ("value", "host"),
    [("<sip:a;lr>", "a"), ('"<sip:b>" <sip:c@d>;x=1', "d"), ("sip:e:5070", "e"), ("<sip:", None)],
)
def test_uri_of(value: str, host: str | None) -> None:
    uri = headers.uri_of(value)
    assert (uri.host if uri is not None else None) == host


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, ""), ("Application/SDP ; charset=utf-8", "application/sdp"), (";", "")],
)
def test_media_type(value: str | None, kind: str) -> None:
    message = Message.request("MESSAGE", "sip:a")
    if value is not None:
        message.add("Content-Type", value)
    assert headers.media_type(message) == kind


@given(st.text(max_size=80))
def test_parameters_are_read_or_refused(text: str) -> None:
    try:
        head, params = headers.split_params(text, "X")
    except WireError:
        return
    assert ";" not in head and all(name == name.lower() for name in params)
