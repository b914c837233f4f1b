"""ENUM (RFC 6116)."""

import pytest

from farline.sip import enum
from farline.sip.dns import Found, Naptr


def look_up(records, number="+4689761234", suffix=""):
    search, asked, found = enum.look_up(number, suffix), [], None
    while True:
        try:
            question = search.send(found)
        except StopIteration as stop:
            return stop.value, asked
        asked.append(question.name)
        found = Found(tuple(records.get(question.name, ())))


NAME = "4.3.2.1.6.7.9.8.6.4.e164.arpa"


def terminal(regexp, *, service="E2U+sip", order=100, preference=10):
    return Naptr(order, preference, "u", service, regexp, "")


@pytest.mark.parametrize(
    ("user", "number"),
    [("+46-8-976 1234", "+4689761234"), ("+123", "+123"), ("3003", ""), (None, ""), ("+1a2", ""),
     ("+1234567890123456", "")],
)  # fmt: skip
def test_numbers(user, number):
    assert enum.number_of(user) == number


def test_rfc_6116_example():
    found, asked = look_up({NAME: [terminal("!^.*$!sip:info@example.com!")]})
    assert (found.uri, asked) == ("sip:info@example.com", [NAME])


def test_groups_suffix_and_preference():
    records = {
        "3.2.1.enum.office.example": [
            terminal("!^\\+1(.*)$!mailto:\\1@example.com!", service="E2U+email:mailto", order=1),
            terminal("!^\\+1(.*)$!sip:last@example.com!", order=100, preference=20),
            terminal("!^\\+1(.*)$!sip:x\\1@example.com!", order=100, preference=10),
        ]
    }
    found, _ = look_up(records, "+123", "enum.office.example.")
    assert found.uri == "sip:x23@example.com"


@pytest.mark.parametrize(
    "regexp",
    ["", "!^.*$!", "!^.*$!http://example.com!", "!(((!sip:a@b!", "!^.*$!sip:\\2@" + "x" * 400 + "!",
     "1^.*$1sip:a@b1", "!^\\+99!sip:a@b!"],
)  # fmt: skip
def test_unusable_expressions(regexp):
    found, _ = look_up({NAME: [terminal(regexp)]})
    assert found.uri == ""
    assert "no usable E2U+sip record" in found.because


def test_an_evil_expression_takes_no_time():
    evil = "!^(\\+?(([0-9]+)+)+)+x$!sip:a@b!"
    assert look_up({NAME: [terminal(evil)]})[0].uri == ""


def test_non_terminal_records_are_followed_not_for_ever():
    def onward(name):
        return [Naptr(1, 1, "", "E2U+sip", "", name)]

    found, _ = look_up({NAME: onward("a.example"), "a.example": [terminal("!^.*$!sip:a@b!")]})
    assert found.uri == "sip:a@b"
    found, _ = look_up({NAME: onward("a.example"), "a.example": onward(NAME)})
    assert "a circle" in found.because
    chain = {f"n{n}.example": onward(f"n{n + 1}.example") for n in range(20)}
    found, asked = look_up({NAME: onward("n0.example"), **chain})
    assert len(asked) == 5
    assert "more than 5" in found.because
