"""A caller who requires 100rel of a server that has none: the border makes the answers reliable."""

import pytest

from farline.testing.border_phone import media_address, offer
from farline.testing.trunk import OUTSIDE_NUMBER, TrunkSite

SDP, DESK_SDP = offer("203.0.113.2"), offer("10.10.10.13")
NO_PRACK = (
    ("  routing_profiles:\n", "  interworking_profiles:\n"
     "    - {name: No PRACK, prack_support: false}\n\n  routing_profiles:\n"),
    ("    # the provider's own domain\n",
     "\n      advanced: {interworking_profile: No PRACK}\n"),
)  # fmt: skip


@pytest.fixture(params=["420", "profile"])
def dialled(request):
    """The office requires 100rel; the trunk has refused it, or its profile knows it has none."""
    return begun(request.param)


def begun(how, body=DESK_SDP):
    site = TrunkSite(*(NO_PRACK if how == "profile" else ()))
    site.invite = site.desk.request(
        "INVITE", OUTSIDE_NUMBER, body=body, Require="100rel", Supported="100rel"
    )
    site.desk.send(site.invite)
    site.desk.take(status=100)
    site.arrived = site.trunk.take("INVITE")
    if how == "420":
        assert site.arrived.get("Require") == "100rel"
        site.trunk.answer(site.arrived, 420, Unsupported="100rel")
        site.trunk.take("ACK")
        site.arrived = site.trunk.take("INVITE")
    assert site.arrived.get("Require") is site.arrived.get("Supported") is None
    return site


def prack(site, response, cseq=2, **headers):
    given = {"RAck": f"{response.get('RSeq')} 1 INVITE", **headers}
    site.desk.send(site.desk.in_dialog("PRACK", response, cseq=cseq, **given))
    return site.desk.take().status


def test_the_border_makes_answers_reliable_and_takes_the_prack(dialled):
    site = dialled
    site.trunk.answer(site.arrived, 183, body=SDP)
    progress = site.desk.take(status=183)
    assert progress.get("Require") == "100rel"
    assert media_address(progress)[1] == "10.10.10.7"
    site.trunk.answer(site.arrived, 180)
    assert not site.world.unread(site.desk.flow)  # one at a time
    assert prack(site, progress) == 200
    ringing = site.desk.take(status=180)
    assert int(ringing.get("RSeq")) == int(progress.get("RSeq")) + 1
    assert prack(site, progress, 3) == 481  # that one was acknowledged
    assert prack(site, ringing, 4) == 200
    site.trunk.answer(site.arrived, 200, body=SDP)
    ok = site.desk.take(status=200)
    assert (ok.get("RSeq"), ok.get("Require")) == (None, None)
    site.desk.send(site.desk.in_dialog("ACK", ok, cseq=1))
    assert site.trunk.take("ACK").cseq == site.arrived.cseq
    site.desk.send(site.desk.in_dialog("BYE", ok, cseq=5))
    bye = site.trunk.take("BYE")
    assert bye.cseq > site.arrived.cseq
    site.trunk.answer(bye, 200)
    assert site.desk.take(status=200).cseq == 5
    assert site.calls == []


def test_an_answer_without_prack_comes_again_and_then_the_call_ends(dialled):
    site = dialled
    site.trunk.answer(site.arrived, 180)
    first = site.desk.take(status=180)
    site.world.wait(3.6)  # 0.5, 1.5, 3.5
    again = [site.desk.take(status=180) for _ in range(3)]
    assert {one.get("RSeq") for one in again} == {first.get("RSeq")}
    assert not site.world.unread(site.desk.flow)
    site.world.wait(30)
    cancel = site.trunk.take("CANCEL")
    assert cancel.cseq == site.arrived.cseq
    last = site.world.unread(site.desk.flow)[-1]
    assert last.status == 504
    assert site.calls == []


def test_a_success_waits_for_the_prack_of_an_answer_with_sdp(dialled):
    site = dialled
    site.trunk.answer(site.arrived, 183, body=SDP)
    progress = site.desk.take(status=183)
    for _ in range(2):  # the trunk repeats it
        site.trunk.answer(site.arrived, 200, body=SDP)
    assert not site.world.unread(site.desk.flow)
    assert prack(site, progress) == 200
    site.desk.send(site.desk.in_dialog("ACK", site.desk.take(status=200), cseq=1))
    site.trunk.take("ACK")
    assert [one["state"] for one in site.calls] == ["answered"]


def test_a_success_does_not_wait_for_the_prack_of_a_bare_answer(dialled):
    site = dialled
    site.trunk.answer(site.arrived, 180)
    ringing = site.desk.take(status=180)
    site.trunk.answer(site.arrived, 200, body=SDP)
    site.desk.take(status=200)
    assert prack(site, ringing) == 200  # late, and taken all the same
    site.world.wait(40)
    assert not [one for one in site.world.unread(site.desk.flow) if one.status == 180]


def test_a_caller_who_cancels_while_a_success_waits(dialled):
    site = dialled
    site.trunk.answer(site.arrived, 183, body=SDP)
    site.desk.take(status=183)
    site.trunk.answer(site.arrived, 200, body=SDP)
    cancel = site.desk.request("CANCEL", OUTSIDE_NUMBER)
    cancel.set("Via", site.invite.get("Via"))
    site.desk.send(cancel)
    assert {site.desk.take().status, site.desk.take().status} == {200, 487}
    site.trunk.take("ACK")
    assert 'text="cancelled"' in site.trunk.take("BYE").get("Reason")
    assert site.calls == []


def test_a_final_refusal_ends_the_repetitions(dialled):
    site = dialled
    site.trunk.answer(site.arrived, 180)
    site.desk.take(status=180)
    site.trunk.answer(site.arrived, 486)
    assert site.desk.take().status == 486
    site.world.wait(40)
    assert not [one for one in site.world.unread(site.desk.flow) if one.status == 180]


def test_an_offer_of_the_server_goes_in_the_success_only():
    site = begun("profile", body=b"")
    site.trunk.answer(site.arrived, 183, body=SDP)
    progress = site.desk.take(status=183)
    assert not progress.body
    assert prack(site, progress) == 200
    site.trunk.answer(site.arrived, 200, body=SDP)
    ok = site.desk.take(status=200)
    assert media_address(ok)[1] == "10.10.10.7"
    site.desk.send(site.desk.in_dialog("ACK", ok, cseq=1, body=offer("10.10.10.13")))
    assert media_address(site.trunk.take("ACK"))[1] == "203.0.113.10"


@pytest.mark.parametrize(
    ("rack", "status"), [("1 1 INVITE", 481), ("x", 400), ("{} 2 INVITE", 481), ("{} 1 BYE", 481)]
)
def test_a_prack_of_nothing_is_refused(rack, status):
    site = begun("profile")
    site.trunk.answer(site.arrived, 180)
    ringing = site.desk.take(status=180)
    assert prack(site, ringing, RAck=rack.format(ringing.get("RSeq"))) == status
    assert prack(site, ringing, 3) == 200


def test_an_offer_in_prack_is_refused_and_acknowledges():
    site = begun("profile")
    site.trunk.answer(site.arrived, 183, body=SDP)
    progress = site.desk.take(status=183)
    asked = site.desk.in_dialog("PRACK", progress, cseq=2, body=offer("10.10.10.13", 7000),
                                RAck=f"{progress.get('RSeq')} 1 INVITE")  # fmt: skip
    site.desk.send(asked)
    site.desk.take(status=488)
    site.trunk.answer(site.arrived, 200, body=SDP)
    site.desk.take(status=200)


def test_no_more_answers_wait_than_there_is_room_for():
    site = begun("profile")
    for _ in range(20):
        site.trunk.answer(site.arrived, 180)
    seen = []
    while site.world.unread(site.desk.flow):
        seen.append(site.desk.take(status=180))
        assert prack(site, seen[-1], cseq=1 + len(seen)) == 200
    assert len(seen) == 9  # the first, and those that waited
