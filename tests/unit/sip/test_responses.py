"""Responses out of requests."""

from __future__ import annotations

import pytest

from farline._core import Message, WireError
from farline.sip import responses
from farline.testing import sip_request

VIAS = [("Via", "SIP/2.0/TCP a;branch=z9hG4bKa"), ("Record-Route", "<sip:p1;lr>")]


def test_what_is_copied() -> None:
    request = sip_request(headers=[*VIAS, ("Record-Route", "<sip:p2;lr>"), ("Timestamp", "54")])
    response = responses.make(request, 180, to_tag="dora", headers=[("Server", "Farline")])
    response.validate()
    assert response.reason == "Ringing"
    assert response.values("Via") == request.values("Via")
    assert response.values("Record-Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert response.get("From") == request.get("From")
    assert response.get("To") == "<sip:3003@ipo1xp.ipolab.com>;tag=dora"
    assert (response.call_id, response.cseq, response.method) == ("call-1", 1, "INVITE")
    assert response.get("Server") == "Farline" and response.get("Content-Length") == "0"
    assert response.get("Timestamp") is None


def test_a_tag_that_is_there_stays() -> None:
    response = responses.make(sip_request(to_tag="old"), 200, to_tag="new")
    assert response.to_tag == "old"


def test_100_has_the_timestamp_and_no_tag_of_ours() -> None:
    response = responses.make(sip_request(headers=[("Timestamp", "54")]), 100)
    assert response.get("Timestamp") == "54" and response.to_tag == ""


@pytest.mark.parametrize(("method", "status"), [("INVITE", 486), ("INVITE", 100), ("OPTIONS", 200)])
def test_no_record_route_where_no_dialog_is_made(method: str, status: int) -> None:
    response = responses.make(sip_request(method, headers=VIAS), status, to_tag="x")
    assert response.get("Record-Route") is None


def test_body() -> None:
    response = responses.make(sip_request(), 200, to_tag="x", body=b"v=0\r\n")
    assert response.get("Content-Type") == "application/sdp"
    assert response.get("Content-Length") == "5"
    assert Message.parse(response.to_bytes()).body == b"v=0\r\n"


@pytest.mark.parametrize(
    ("status", "phrase"), [(200, "OK"), (486, "Busy Here"), (499, "Bad Request"), (699, "Failure")]
)
def test_phrases(status: int, phrase: str) -> None:
    assert responses.reason_phrase(status) == phrase
    assert responses.make(sip_request(), status).reason == phrase


def test_an_error_becomes_its_answer() -> None:
    error = WireError(420, "what\r\nEvil: yes", "Require")
    response = responses.for_error(sip_request(), error, to_tag="x")
    assert response is not None
    assert (response.status, response.reason) == (420, "what??Evil: yes")
    assert response.get("Evil") is None


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (sip_request("ACK"), 400),
        (sip_request(), 0),
        (responses.make(sip_request(), 200), 400),
    ],
)
def test_errors_that_are_only_dropped(request_: Message, status: int) -> None:
    assert responses.for_error(request_, WireError(status, "x", "Via"), to_tag="x") is None


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_request_too_broken_to_answer(name: str) -> None:
    request = sip_request()
    request.remove(name)
    assert responses.for_error(request, WireError(400, "x", name), to_tag="x") is None
