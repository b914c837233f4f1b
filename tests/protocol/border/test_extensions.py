"""Extensions that a server requires and the caller does not know: timers, reliable answers."""

import pytest

from farline.sip import responses
from farline.testing.border_phone import media_address, offer
from farline.testing.trunk import OUTSIDE_NUMBER, TrunkSite


@pytest.fixture
def site():
    return TrunkSite()


def dialled(site, **headers):
    """The office calls out; the INVITE as the trunk reads it."""
    message = site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13"), **headers)
    site.desk.send(message)
    site.desk.take(status=100)
    return site.trunk.take("INVITE")


def refused(site, invite, status, **headers):
    """The trunk wants it otherwise; the INVITE that comes then."""
    site.trunk.answer(invite, status, **headers)
    assert site.trunk.take("ACK").cseq == invite.cseq
    return site.trunk.take("INVITE")


def reliable(site, invite, number, status=183):
    response = responses.make(invite, status, to_tag="provider", body=offer("203.0.113.2"))
    response.add("Contact", f"<{site.trunk.contact}>")
    response.add("Content-Type", "application/sdp")
    response.add("Require", "100rel")
    response.add("RSeq", str(number))
    site.trunk.send(response)


def test_a_trunk_that_requires_reliable_answers_gets_prack_from_the_border(site):
    first = dialled(site)
    second = refused(site, first, 421, Require="100rel")
    assert (second.get("Supported"), second.cseq, second.call_id) == ("100rel", 2, first.call_id)
    reliable(site, second, 17)
    progress = site.desk.take(status=183)
    assert (progress.get("RSeq"), progress.get("Require"), progress.cseq) == (None, None, 1)
    assert media_address(progress)[1] == "10.10.10.7"
    prack = site.trunk.take("PRACK")
    assert (prack.get("RAck"), prack.cseq, prack.to_tag) == ("17 2 INVITE", 3, "provider")
    site.trunk.answer(prack, 200)
    reliable(site, second, 17)  # our PRACK was late
    assert not site.world.unread(site.desk.flow)
    reliable(site, second, 18, 180)
    assert site.desk.take(status=180)
    prack = site.trunk.take("PRACK")
    assert (prack.get("RAck"), prack.cseq) == ("18 2 INVITE", 4)
    site.trunk.answer(prack, 200)
    site.trunk.answer(second, 200, body=offer("203.0.113.2"))
    ok = site.desk.take(status=200)
    site.desk.send(site.desk.in_dialog("ACK", ok, cseq=1))
    assert site.trunk.take("ACK").cseq == 2
    site.desk.send(site.desk.in_dialog("BYE", ok, cseq=2))
    bye = site.trunk.take("BYE")
    assert bye.cseq == 5
    site.trunk.answer(bye, 200)
    assert site.desk.take(status=200).cseq == 2
    assert site.calls == []


def test_a_caller_that_knows_reliable_answers_sends_prack_itself(site):
    invite = dialled(site, Supported="100rel")
    reliable(site, invite, 3)
    assert site.desk.take(status=183).get("RSeq") == "3"
    assert not site.world.unread(site.trunk.flow)


def test_answers_that_nobody_asked_to_be_reliable_pass_as_they_come(site):
    reliable(site, dialled(site), 3)
    assert site.desk.take(status=183).get("RSeq") == "3"
    assert not site.world.unread(site.trunk.flow)


def test_a_trunk_that_requires_timers_is_refreshed_by_the_border(site):
    second = refused(site, dialled(site), 421, Require="timer")
    assert (second.get("Supported"), second.get("Session-Expires")) == (
        "timer", "1800;refresher=uac",
    )  # fmt: skip
    site.trunk.answer(second, 200, body=offer("203.0.113.2"), Require="timer",
                      Session_Expires="200;refresher=uac", Allow="INVITE, UPDATE")  # fmt: skip
    ok = site.desk.take(status=200)
    assert ok.get("Session-Expires") is ok.get("Require") is None
    site.desk.send(site.desk.in_dialog("ACK", ok, cseq=1))
    site.trunk.take("ACK")
    site.world.wait(100.2)
    update = site.trunk.take("UPDATE")
    assert (update.get("Session-Expires"), update.cseq) == ("200;refresher=uac", 3)


def test_a_trunk_that_knows_no_timers_gets_a_call_that_requires_them(site):
    invite = dialled(site, Require="timer", Supported="timer", Session_Expires="600")
    second = refused(site, invite, 420, Unsupported="timer")
    assert second.get("Require") is None
    site.trunk.answer(second, 200, body=offer("203.0.113.2"))
    assert site.desk.take(status=200).get("Session-Expires") == "600;refresher=uas"


@pytest.mark.parametrize(
    ("status", "headers"),
    [(421, {"Require": "gruu"}), (420, {"Unsupported": "100rel"}), (421, {}), (420, {})],
)
def test_what_the_border_cannot_serve_is_told_to_the_caller(site, status, headers):
    invite = dialled(site)
    site.trunk.answer(invite, status, **headers)
    assert site.desk.take().status == status
    assert site.calls == []


def test_a_server_that_never_has_enough_is_not_asked_for_ever(site):
    second = refused(site, dialled(site), 421, Require="timer")
    site.trunk.answer(second, 421, Require="timer")
    assert site.desk.take().status == 421
