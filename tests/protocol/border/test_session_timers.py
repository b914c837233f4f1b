"""Session timers (RFC 4028) between one who wants them and one who does not know them."""

import pytest

from farline.sip.effects import Started
from farline.testing.border_phone import offer
from farline.testing.trunk import NUMBER, TrunkSite

ASKED = {"Supported": "timer", "Session_Expires": "600"}


@pytest.fixture
def site():
    return TrunkSite()


def inbound(site, asked, answered, allow="INVITE, ACK, BYE, UPDATE"):
    """A call of the trunk to the office; the 200 as the trunk reads it."""
    invite = site.trunk.request("INVITE", NUMBER, body=offer("203.0.113.2"), Allow=allow, **asked)
    site.trunk.send(invite)
    site.trunk.take(status=100)
    site.desk.flow = site.world.opened[-1]
    arrived = site.desk.take("INVITE")
    site.desk.answer(arrived, 200, body=offer("10.10.10.13", 6000), Allow=allow, **answered)
    ok = site.trunk.take(status=200)
    site.trunk.send(site.trunk.in_dialog("ACK", ok, cseq=1))
    site.desk.take("ACK")
    return arrived, ok


def test_the_border_refreshes_for_an_office_that_knows_no_timers(site):
    arrived, ok = inbound(site, ASKED, {})
    assert ok.get("Session-Expires") == "600;refresher=uas"
    for number in (1, 2, 3):
        site.world.wait(300.2)
        update = site.trunk.take("UPDATE")
        assert (update.get("Session-Expires"), update.get("Supported")) == (
            "600;refresher=uac", "timer",
        )  # fmt: skip
        assert (update.cseq, update.to_tag) == (number, "provider")
        site.trunk.answer(update, 200, Session_Expires="600;refresher=uac")
    assert not site.world.unread(site.desk.flow)
    site.desk.send(site.desk.in_dialog("BYE", arrived, cseq=1))
    bye = site.trunk.take("BYE")
    assert bye.cseq == 4
    site.trunk.answer(bye, 200)
    site.world.wait(1000)
    assert not site.world.unread(site.trunk.flow)


def test_a_trunk_without_update_gets_a_re_invite_with_what_it_had(site):
    _, ok = inbound(site, ASKED, {}, allow="INVITE, ACK, BYE")
    site.world.wait(300.2)
    again = site.trunk.take("INVITE")
    assert again.get("Session-Expires") == "600;refresher=uac"
    assert again.body.partition(b"m=")[2] == ok.body.partition(b"m=")[2]
    site.trunk.answer(again, 200, body=offer("203.0.113.2"), Session_Expires="600;refresher=uac")
    assert site.trunk.take("ACK").cseq == again.cseq
    assert not site.world.unread(site.desk.flow)
    assert len(site.calls) == 1


@pytest.mark.parametrize("status", [481, 408])
def test_a_trunk_that_is_gone_ends_the_call(site, status):
    inbound(site, ASKED, {})
    site.world.wait(300.2)
    site.trunk.answer(site.trunk.take("UPDATE"), status)
    assert site.desk.take("BYE").get("Reason").startswith("Q.850;cause=102")
    assert site.calls == []


def test_a_refresh_that_is_refused_is_tried_again_until_the_session_is_over(site):
    inbound(site, ASKED, {})
    site.world.wait(300.2)
    site.trunk.answer(site.trunk.take("UPDATE"), 500)
    site.world.wait(30.2)
    site.trunk.answer(site.trunk.take("UPDATE"), 200)
    assert len(site.calls) == 1
    site.world.wait(290)
    while site.calls:
        for message in site.world.unread(site.trunk.flow):
            if site.trunk.take() and message.method == "UPDATE":
                site.trunk.answer(message, 500)
        site.world.wait(5)
    assert site.desk.take("BYE")


def test_who_refreshes_itself_is_watched(site):
    _, ok = inbound(site, {"Supported": "timer", "Session_Expires": "600;refresher=uac"}, {})
    assert (ok.get("Session-Expires"), ok.get("Require")) == ("600;refresher=uac", "timer")
    site.world.wait(400)
    update = site.trunk.in_dialog("UPDATE", ok, cseq=2, Supported="timer",
                                  Session_Expires="600;refresher=uac")  # fmt: skip
    site.trunk.send(update)
    site.desk.answer(site.desk.take("UPDATE"), 200)
    assert site.trunk.take(status=200).get("Session-Expires") == "600;refresher=uac"
    site.world.wait(400)
    assert len(site.calls) == 1
    site.world.wait(201)
    assert site.desk.take("BYE")
    assert site.calls == []


def test_an_office_that_wants_refreshes_of_a_trunk_that_knows_none(site):
    _, ok = inbound(site, {}, {"Session_Expires": "300;refresher=uac", "Require": "timer"})
    assert ok.get("Session-Expires") is ok.get("Require") is None
    site.world.wait(150.2)
    update = site.desk.take("UPDATE")
    assert update.get("Session-Expires") == "300;refresher=uac"
    assert not site.world.unread(site.trunk.flow)


def test_two_who_know_timers_are_left_alone(site):
    _, ok = inbound(site, ASKED, {"Session_Expires": "500;refresher=uac", "Require": "timer"})
    assert (ok.get("Session-Expires"), ok.get("Require")) == ("500;refresher=uac", "timer")
    site.world.wait(2000)
    assert not site.world.unread()
    assert len(site.calls) == 1


@pytest.mark.parametrize("allow", ["INVITE, ACK, BYE, UPDATE", "INVITE, ACK, BYE"])
def test_the_refreshes_go_on_after_a_restart(site, allow):
    inbound(site, ASKED, {}, allow)
    site.world.wait(100)
    site.world.crash()
    site.world.give(Started())
    site.world.wait(195)
    others = {"OPTIONS", "REGISTER"}
    assert {one.method for one in site.world.unread(site.trunk.flow)} <= others
    site.world.wait(10)
    refresh = next(
        one for one in site.world.unread(site.trunk.flow) if one.method in ("UPDATE", "INVITE")
    )
    assert refresh.get("Session-Expires") == "600;refresher=uac"
    assert (refresh.method == "UPDATE") is ("UPDATE" in allow)


def test_the_border_refreshes_for_one_who_left_by_a_transfer():
    """The office was to refresh, and has transferred the trunk to another extension."""
    profile = ("  routing_profiles:\n", "  interworking_profiles:\n"
               "    - {name: Transfers, refer_handling: handle}\n\n"
               "  routing_profiles:\n")  # fmt: skip
    trunk = ("      sip_domain: trunk.example.net    # the provider's own domain\n",
             "      sip_domain: trunk.example.net\n"
             "      advanced: {interworking_profile: Transfers}\n")  # fmt: skip
    site = TrunkSite(profile, trunk)
    arrived, _ = inbound(site, ASKED, {"Session_Expires": "600;refresher=uas"})
    refer = site.desk.in_dialog("REFER", arrived, cseq=2, Refer_To="<sip:3005@office.example.com>",
                                Refer_Sub="false")  # fmt: skip
    site.desk.send(refer)
    site.desk.take(status=202)
    target = site.desk.take("INVITE")
    site.desk.answer(target, 200, body=offer("10.10.10.40", 7000), tag="target")
    site.desk.take("ACK")
    again = site.trunk.take("INVITE")
    site.trunk.answer(again, 200, body=offer("203.0.113.2"))
    site.trunk.take("ACK")
    site.desk.send(site.desk.in_dialog("BYE", arrived, cseq=3))
    assert site.desk.take().status == 200
    site.world.wait(300.2)
    update = site.trunk.take("UPDATE")
    assert update.get("Session-Expires") == "600;refresher=uac"
