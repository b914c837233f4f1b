"""Dialogs in both roles."""

from __future__ import annotations

import pytest

from farline._core import Message, WireError
from farline.sip import responses
from farline.sip.dialog import Dialog, DialogState
from farline.testing import sip_request

ROUTES = [("Record-Route", "<sip:p1;lr>"), ("Record-Route", "<sip:p2;lr>")]
DORA = ("Contact", "<sip:3003@10.10.10.13:5060;transport=tcp>")


def answered(status: int = 200, routes=ROUTES, tag: str = "dora") -> tuple[Message, Message]:
    invite = sip_request(headers=routes, cseq=7)
    return invite, responses.make(invite, status, to_tag=tag, headers=[DORA])


def test_uac() -> None:
    dialog = Dialog.as_uac(*answered())
    assert dialog.key == ("call-1", "ruel", "dora")
    assert dialog.state is DialogState.CONFIRMED
    assert dialog.remote_target == "sip:3003@10.10.10.13:5060;transport=tcp"
    bye = dialog.request("BYE", [("Reason", "Q.850;cause=16")])
    assert (bye.method, bye.uri, bye.cseq) == ("BYE", dialog.remote_target, 8)
    assert bye.values("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]
    assert (bye.from_tag, bye.to_tag) == ("ruel", "dora")
    assert bye.get("Reason") == "Q.850;cause=16" and bye.get("Max-Forwards") == "70"
    bye.prepend("Via", "SIP/2.0/TCP h;branch=z9hG4bK1")
    bye.validate()


def test_uas() -> None:
    dialog = Dialog.as_uas(*answered())
    assert dialog.key == ("call-1", "dora", "ruel")
    assert dialog.remote_target == "sip:3001@172.22.33.101:5060"
    bye = dialog.request("BYE")
    assert (bye.uri, bye.cseq) == (dialog.remote_target, 1)
    assert bye.values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert (bye.from_tag, bye.to_tag) == ("dora", "ruel")


def test_the_ack_repeats_the_number_of_the_invite() -> None:
    dialog = Dialog.as_uac(*answered())
    dialog.request("INFO")
    assert dialog.ack().get("CSeq") == "7 ACK"
    dialog.request("INVITE")
    assert dialog.ack([("X", "y")]).get("CSeq") == "9 ACK"


def test_a_strict_router_gets_the_request_uri() -> None:
    dialog = Dialog.as_uac(*answered(routes=[("Record-Route", "<sip:p1;lr>, <sip:strict>")]))
    request = dialog.request("INFO")
    assert request.uri == "sip:strict"
    assert request.values("Route") == ["<sip:p1;lr>", f"<{dialog.remote_target}>"]


def test_early_becomes_confirmed_with_the_route_set_of_the_2xx() -> None:
    invite, ringing = answered(180)
    dialog = Dialog.as_uac(invite, ringing)
    assert dialog.state is DialogState.EARLY
    moved = responses.make(invite, 200, to_tag="dora", headers=[("Contact", "<sip:new@h>")])
    moved.set_all("Record-Route", ["<sip:p3;lr>"])
    dialog.note_response(moved)
    assert dialog.state is DialogState.CONFIRMED
    assert dialog.route_set == ["<sip:p3;lr>"] and dialog.remote_target == "sip:new@h"


def test_uas_confirms_when_it_answers() -> None:
    dialog = Dialog.as_uas(*answered(180))
    assert dialog.state is DialogState.EARLY
    dialog.confirm()
    assert dialog.state is DialogState.CONFIRMED
    dialog.end()
    dialog.confirm()
    assert dialog.state is DialogState.TERMINATED


@pytest.mark.parametrize(("cseq", "status"), [(6, 500), (7, 500), (8, None), (2**31, 500)])
def test_cseq_must_rise(cseq: int, status: int | None) -> None:
    dialog = Dialog.as_uas(*answered())
    assert dialog.accept(sip_request("INFO", cseq=cseq)) == status


def test_ack_and_cancel_repeat_a_number() -> None:
    dialog = Dialog.as_uas(*answered())
    for method in ("ACK", "CANCEL"):
        assert dialog.accept(sip_request(method, cseq=7)) is None
    assert dialog.accept(sip_request("INFO", cseq=8)) is None


@pytest.mark.parametrize(
    ("method", "moves"), [("INVITE", True), ("UPDATE", True), ("INFO", False), ("MESSAGE", False)]
)
def test_target_refresh(method: str, moves: bool) -> None:
    dialog = Dialog.as_uas(*answered())
    request = sip_request(method, cseq=8)
    request.set("Contact", "<sip:3001@192.168.1.5>")
    dialog.accept(request)
    assert (dialog.remote_target == "sip:3001@192.168.1.5") is moves


def test_a_refused_request_moves_nothing() -> None:
    dialog = Dialog.as_uas(*answered())
    request = sip_request("INVITE", cseq=3)
    request.set("Contact", "<sip:evil@h>")
    assert dialog.accept(request) == 500
    assert dialog.remote_target == "sip:3001@172.22.33.101:5060"


def test_a_response_refreshes_the_target_only_with_2xx() -> None:
    dialog = Dialog.as_uac(*answered())
    for status, target in ((488, "3003@10.10.10.13:5060;transport=tcp"), (200, "new@h")):
        again = dialog.request("INVITE")
        response = responses.make(again, status, headers=[("Contact", "<sip:new@h>")])
        dialog.note_response(response)
        assert dialog.remote_target == f"sip:{target}"


def test_a_target_without_contact_stays() -> None:
    dialog = Dialog.as_uac(*answered())
    dialog.note_response(responses.make(dialog.request("INVITE"), 200))
    assert dialog.remote_target.startswith("sip:3003@")


@pytest.mark.parametrize(
    ("method", "status", "over"),
    [("INFO", 481, True), ("INFO", 408, True), ("INFO", 200, False), ("INVITE", 488, False),
     ("BYE", 200, True), ("BYE", 500, True), ("BYE", 100, False)],
)  # fmt: skip
def test_what_ends_a_dialog(method: str, status: int, over: bool) -> None:
    dialog = Dialog.as_uac(*answered())
    dialog.note_response(responses.make(dialog.request(method), status))
    assert (dialog.state is DialogState.TERMINATED) is over


def test_their_bye_ends_it() -> None:
    dialog = Dialog.as_uas(*answered())
    assert dialog.accept(sip_request("BYE", cseq=8)) is None
    assert dialog.state is DialogState.TERMINATED


def test_without_tag_or_contact_there_is_no_dialog() -> None:
    invite, _ = answered()
    with pytest.raises(WireError, match="tag"):
        Dialog.as_uac(invite, responses.make(invite, 200, headers=[DORA]))
    with pytest.raises(WireError, match="Contact"):
        Dialog.as_uac(invite, responses.make(invite, 200, to_tag="x"))
    invite.remove("Contact")
    with pytest.raises(WireError, match="Contact"):
        Dialog.as_uas(invite, responses.make(invite, 200, to_tag="x"))


def test_without_record_route_requests_go_straight_to_the_target() -> None:
    bye = Dialog.as_uac(*answered(routes=[])).request("BYE")
    assert bye.uri == "sip:3003@10.10.10.13:5060;transport=tcp" and bye.get("Route") is None
