"""A trunk that asks who the border is: challenges answered, and the border's own registrations."""

import pytest

from farline.media.reports import MediaTimeout
from farline.sip import Address
from farline.sip.digest_server import Outcome
from farline.testing.border_phone import offer
from farline.testing.border_server import Server
from farline.testing.trunk import NUMBER, OUTSIDE_NUMBER, TrunkSite
from farline.testing.trunk_guard import ALONE, Guard


@pytest.fixture
def site():
    return TrunkSite(ALONE)


@pytest.fixture
def guard(site):
    return Guard(site)


def dialled(site, **headers):
    """The office calls out; the INVITE as the trunk reads it."""
    site.desk.send(
        site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13"), **headers)
    )
    site.desk.take(status=100)
    return site.trunk.take("INVITE")


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5"), ("SHA-512-256",)])
@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("qop", [True, False])
def test_a_challenged_call_is_answered_for(site, algorithms, status, qop):
    guard = Guard(site, algorithms=algorithms, qop=qop)
    first = dialled(site)
    guard.challenge(first, status)
    second = site.trunk.take("INVITE")
    assert guard.judge(second) is Outcome.GOOD
    assert (first.cseq, second.cseq, second.call_id) == (1, 2, first.call_id)
    assert not site.world.unread(site.desk.flow)
    site.trunk.answer(second, 200, body=offer("203.0.113.2"))
    ok = site.desk.take(status=200)
    assert ok.cseq == 1
    site.desk.send(site.desk.in_dialog("ACK", ok, cseq=1))
    ack = site.trunk.take("ACK")
    assert ack.cseq == 2
    proofs = ("Authorization", "Proxy-Authorization")
    assert [ack.all(one) for one in proofs] == [second.all(one) for one in proofs]
    site.desk.send(site.desk.in_dialog("BYE", ok, cseq=2))
    bye = site.trunk.take("BYE")
    assert bye.cseq == 3
    guard.challenge(bye, status)
    again = site.trunk.take("BYE")
    assert (again.cseq, guard.judge(again)) == (4, Outcome.GOOD)
    site.trunk.answer(again, 200)
    assert site.desk.take(status=200).cseq == 2
    assert site.calls == []


def test_a_reliable_answer_after_a_challenge(site, guard):
    guard.challenge(dialled(site, Supported="100rel"))
    second = site.trunk.take("INVITE")
    site.trunk.answer(second, 183, body=offer("203.0.113.2"), RSeq="7", Require="100rel")
    progress = site.desk.take(status=183)
    assert progress.cseq == 1
    site.desk.send(site.desk.in_dialog("PRACK", progress, cseq=2, RAck="7 1 INVITE"))
    prack = site.trunk.take("PRACK")
    assert (prack.cseq, prack.get("RAck")) == (3, "7 2 INVITE")


def test_cancel_after_a_challenge(site, guard):
    invite = site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13"))
    site.desk.send(invite)
    site.desk.take(status=100)
    guard.challenge(site.trunk.take("INVITE"))
    second = site.trunk.take("INVITE")
    site.trunk.answer(second, 180)
    site.desk.take(status=180)
    cancel = site.desk.request("CANCEL", OUTSIDE_NUMBER)
    cancel.set_all("Via", invite.all("Via"))
    site.desk.send(cancel)
    assert site.desk.take().status == 200
    assert site.trunk.take("CANCEL").cseq == 2


def test_wrong_credentials_are_told_once(site, guard):
    guard.challenge(dialled(site))
    second = site.trunk.take("INVITE")
    assert guard.judge(second, "another") is Outcome.WRONG
    guard.challenge(second)
    assert site.desk.take().status == 407
    assert site.calls == []


def test_another_realm_is_not_answered(site):
    Guard(site, realm="elsewhere").challenge(dialled(site))
    answer = site.desk.take(status=407)
    assert 'realm="elsewhere"' in answer.get("Proxy-Authenticate")
    assert site.world.decisions("authentication")[-1].value == "passed on"


def test_requests_without_a_dialog_are_answered_for(site, guard):
    message = site.desk.request(
        "MESSAGE", OUTSIDE_NUMBER, cseq=5, body=b"hi", Content_Type="text/plain"
    )
    site.desk.send(message)
    guard.challenge(site.trunk.take("MESSAGE"), 401)
    second = site.trunk.take("MESSAGE")
    assert (second.cseq, guard.judge(second)) == (6, Outcome.GOOD)
    site.trunk.answer(second, 200)
    assert site.desk.take(status=200).cseq == 5


def test_the_trunk_that_began_is_answered_too(site, guard):
    arrived, _ = site.inbound()
    site.desk.send(site.desk.in_dialog("BYE", arrived, cseq=1))
    guard.challenge(site.trunk.take("BYE"))
    second = site.trunk.take("BYE")
    assert guard.judge(second) is Outcome.GOOD
    site.trunk.answer(second, 200)
    assert site.desk.take(status=200).cseq == 1


def test_without_the_page_challenges_pass():
    site = TrunkSite(ALONE, ("enabled: true\n        user_name: office",
                             "enabled: false\n        user_name: office"))  # fmt: skip
    Guard(site).challenge(dialled(site))
    assert site.desk.take(status=407).get("Proxy-Authenticate")


def test_phones_answer_for_themselves():
    """A server that asks phones: neither their registration nor their own answer is touched."""
    office = ("      sip_domain: office.example.com\n",
              "      sip_domain: office.example.com\n      authentication: {enabled: true,"
              " user_name: office, password: {secret: trunk}}\n")  # fmt: skip
    site = TrunkSite(ALONE, office)
    phone = Server(
        site.world, "PhoneSig", Address("192.168.67.61", 5060), user="3001", domain="x.org"
    )
    request = phone.request("REGISTER", "sip:x.org", to="<sip:3001@x.org>")
    phone.send(request)
    flow = site.world.opened[-1]
    inner = site.desk.take("REGISTER", flow=flow)
    site.desk.answer(inner, 401, flow=flow, WWW_Authenticate='Digest realm="ipoffice",nonce="1"')
    assert phone.take().status == 401
    assert not site.world.unread(flow)


# ---- registrations ----


def test_an_invite_to_the_number_of_a_trunk_is_not_touched(site):
    """A call from the trunk bears no credentials of ours."""
    site.trunk.send(site.trunk.request("INVITE", NUMBER, body=offer("203.0.113.2")))
    site.trunk.take(status=100)
    arrived = site.desk.take("INVITE", flow=site.world.opened[-1])
    assert arrived.get("Authorization") is None


def test_a_bye_of_the_borders_own_is_answered_for(site, guard):
    _, ok = site.outbound()
    assert ok.status == 200
    (call,) = site.calls
    site.world.give(MediaTimeout(call["media"], 60.0))
    assert site.desk.take().method == "BYE"
    guard.challenge(site.trunk.take("BYE"))
    second = site.trunk.take("BYE")
    assert guard.judge(second) is Outcome.GOOD
    assert site.calls == []
