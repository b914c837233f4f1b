"""Calls through the border in both directions."""

import pytest

from farline.media.engine import Delete, Offer, Quiet
from farline.media.reports import (
    CallRecorded,
    DigitDialled,
    MediaTimeout,
    OneWayAudio,
)
from farline.sip import NameAddr, Transport, responses
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import OFFICE, Phone, media_address, offer
from farline.trace.events import MediaSeen


def test_office_calls_phone(world, phone, office_flow):
    world.receive(office_flow, phone.office_request("INVITE", body=offer(OFFICE, 40750)))
    assert world.take(office_flow).status == 100
    invite = world.take(phone.flow)
    assert invite.uri == phone.contact
    assert invite.get("Route") is None
    assert invite.get("Record-Route") == "<sip:192.168.64.96:5060;ipcs-line=11;lr;transport=tcp>"
    assert media_address(invite) == (35000, "192.168.64.96")
    phone.answer(invite, 180)
    ringing = world.take(office_flow)
    assert ringing.status == 180
    assert str(NameAddr.parse(ringing.get("Contact")).uri) == phone.inside
    assert f"subid_ipcs={phone.subid}" in ringing.get("Record-Route")
    assert ringing.values("Via")[0].startswith(f"SIP/2.0/TCP {OFFICE}:5060;rport=4103;")
    phone.answer(invite, 200, body=offer())
    ok = world.take(office_flow)
    assert media_address(ok) == (35002, "10.10.10.7")
    world.receive(office_flow, phone.office_request("ACK", to_tag="phone"))
    ack = world.take(phone.flow)
    assert (ack.method, ack.uri) == ("ACK", phone.contact)
    bye = phone.request(
        "BYE",
        "sip:3003@192.168.64.96:5060;transport=tcp",
        to='"Dora" <sip:3003@ipo1xp.ipolab.com>;tag=office',
        call="call-2",
    )
    world.receive(phone.flow, bye)
    inner = world.take(phone.upstream)
    assert inner.uri == f"sip:3003@{OFFICE}:5060;transport=tcp"
    phone.office_answer(inner, 200)
    assert world.take(phone.flow).status == 200
    assert world.core.show()["sessions"] == []
    assert isinstance(world.engine.requests[-1], Delete)


def test_cancel_by_the_phone(world, phone):
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 180)
    assert world.take(phone.flow).status == 180
    cancel = phone.request("CANCEL", phone.invite.uri, cseq=phone.cseq, Reason="SIP;cause=600")
    cancel.set("Via", phone.invite.get("Via"))
    cancel.set("CSeq", f"{phone.invite.cseq} CANCEL")
    world.receive(phone.flow, cancel)
    assert (world.take(phone.flow).method, world.unread(phone.flow)) == ("CANCEL", [])
    inner = world.take(phone.upstream)
    assert (inner.method, inner.get("Reason")) == ("CANCEL", "SIP;cause=600")
    phone.office_answer(inner, 200)
    phone.office_answer(phone.inner_invite, 487)
    assert world.take(phone.upstream).method == "ACK"
    final = world.take(phone.flow)
    assert (final.status, final.method) == (487, "INVITE")
    assert world.core.show()["sessions"] == []
    assert world.engine.sessions == {}


def test_hold_and_resume(world, phone):
    phone.call_office()
    for direction, port in (("sendonly", 5000), ("sendrecv", 5010)):
        body = offer(port=port, direction=direction)
        world.receive(phone.flow, phone.in_dialog("INVITE", body=body))
        assert world.take(phone.flow).status == 100
        inner = world.take(phone.upstream)
        assert f"a={direction}".encode() in inner.body
        assert media_address(inner) == (35000, "10.10.10.7")
        asked = world.engine.requests[-1]
        assert isinstance(asked, Offer)
        assert asked.sender.name == "outside"
        phone.office_answer(inner, 200, body=offer(OFFICE, 40750))
        ok = world.take(phone.flow)
        assert media_address(ok) == (35002, "192.168.64.96")
        world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
        assert world.take(phone.upstream).method == "ACK"
    assert len(world.engine.sessions) == 1


def test_reinvite_by_the_office(world, phone, office_flow):
    phone.call_office()
    request = phone.office_request(
        "INVITE", to_tag="phone", call="call-1", cseq=7, body=offer(OFFICE, 40760)
    )
    world.receive(office_flow, request)
    assert world.take(office_flow).status == 100
    inner = world.take(phone.flow)
    assert inner.uri == phone.contact
    assert world.engine.requests[-1].sender.name == "inside"
    phone.answer(inner, 488)
    assert world.take(phone.flow).method == "ACK"
    assert world.take(office_flow).status == 488
    (session,) = world.core.show()["sessions"]
    assert session["state"] == "answered"


def test_late_offer(world, phone):
    invite = phone.request("INVITE", "sip:3003@ipo1xp.ipolab.com")
    world.receive(phone.flow, invite)
    world.take(phone.flow)
    inner = world.take(phone.upstream)
    assert inner.body == b""
    phone.office_answer(inner, 200, body=offer(OFFICE, 40750))
    assert media_address(world.take(phone.flow)) == (35000, "192.168.64.96")
    ack = phone.in_dialog("ACK", cseq=phone.cseq, body=offer())
    world.receive(phone.flow, ack)
    assert media_address(world.take(phone.upstream)) == (35002, "10.10.10.7")
    kinds = [type(request).__name__ for request in world.engine.requests]
    assert kinds == ["Offer", "Answer"]
    world.receive(phone.flow, ack)  # the 200 was repeated, and so is the ACK
    assert media_address(world.take(phone.upstream)) == (35002, "10.10.10.7")
    assert len(world.engine.requests) == 2


def test_early_media_then_the_same_answer(world, phone):
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 183, body=offer(OFFICE, 40750))
    early = world.take(phone.flow)
    phone.office_answer(phone.inner_invite, 200, body=offer(OFFICE, 40750))
    final = world.take(phone.flow)
    assert (early.status, final.status) == (183, 200)
    assert early.body == final.body
    assert [type(r).__name__ for r in world.engine.requests] == ["Offer", "Answer"]


def test_reliable_provisional_with_prack_and_update(world, phone):
    phone.call_office(answer=False)
    phone.office_answer(
        phone.inner_invite, 183, body=offer(OFFICE, 40750), Require="100rel", RSeq="1"
    )
    assert world.take(phone.flow).get("RSeq") == "1"
    world.receive(phone.flow, phone.in_dialog("PRACK", RAck="1 1 INVITE"))
    prack = world.take(phone.upstream)
    assert (prack.method, prack.get("RAck")) == ("PRACK", "1 1 INVITE")
    phone.office_answer(prack, 200)
    assert world.take(phone.flow).status == 200
    world.receive(phone.flow, phone.in_dialog("UPDATE", body=offer(port=5020)))
    update = world.take(phone.upstream)
    assert media_address(update) == (35000, "10.10.10.7")
    phone.office_answer(update, 200, body=offer(OFFICE, 40752))
    assert media_address(world.take(phone.flow)) == (35002, "192.168.64.96")
    assert [type(r).__name__ for r in world.engine.requests] == [
        "Offer",
        "Answer",
        "Offer",
        "Answer",
    ]


def test_forked_answers_keep_their_targets(world, phone):
    phone.call_office(answer=False)
    for number in (1, 2):
        phone.office_answer(
            phone.inner_invite,
            180,
            to_tag=f"fork{number}",
            Contact=f"<sip:3003@10.10.10.3{number}:5060>",
        )
        ringing = world.take(phone.flow)
        assert ringing.to_tag == f"fork{number}"
        assert str(NameAddr.parse(ringing.get("Contact")).uri) == phone.target
    phone.office_answer(
        phone.inner_invite, 200, to_tag="fork2", Contact="<sip:3003@10.10.10.32:5060>"
    )
    world.take(phone.flow)
    ack = phone.in_dialog("ACK", cseq=phone.cseq)
    ack.set("To", "<sip:3003@ipo1xp.ipolab.com>;tag=fork2")
    world.receive(phone.flow, ack)
    assert world.take(phone.upstream).uri == "sip:3003@10.10.10.32:5060"


def test_routes_of_inside_proxies_are_hidden_and_restored(world, phone):
    phone.call_office(answer=False)
    ours = phone.inner_invite.get("Record-Route")
    recorded = f"<sip:10.10.10.22;lr>, <sip:10.10.10.21;lr>, {ours}"
    phone.office_answer(phone.inner_invite, 200, Record_Route=recorded)
    ok = world.take(phone.flow)
    assert ok.all("Record-Route") == ["<sip:192.168.64.96:5060;ipcs-line=11;lr;transport=tcp>"]
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    ack = world.take(phone.upstream)
    assert ack.values("Route") == ["<sip:10.10.10.21;lr>", "<sip:10.10.10.22;lr>"]


def test_call_survives_a_new_connection_of_the_phone(world, phone, office_flow):
    phone.call_office()
    world.close(phone.flow)
    phone.flow = world.accept("IPORWB1Sig", "192.168.67.61", 20001)
    phone.register(cseq=2)
    world.receive(office_flow, phone.office_request("BYE", to_tag="phone", call="call-1", cseq=2))
    bye = world.take(phone.flow)
    assert bye.method == "BYE"
    phone.answer(bye, 200)
    assert world.take(office_flow).status == 200


def ends(world):
    """What the media engine was told of endings."""
    return [one for one in world.engine.requests if isinstance(one, Quiet | Delete)]


def test_media_ends_with_the_bye_and_not_with_its_answer(world, phone):
    phone.call_office()
    (session,) = world.core.show()["sessions"]
    world.receive(phone.flow, phone.in_dialog("BYE"))
    inner = world.take(phone.upstream)
    assert ends(world) == [Quiet(session["media"])]
    phone.office_answer(inner, 200)
    assert isinstance(ends(world)[-1], Delete)


@pytest.mark.parametrize("status", [401, 407])
def test_a_call_whose_bye_is_challenged_goes_on(world, phone, status):
    phone.call_office()
    (session,) = world.core.show()["sessions"]
    media = session["media"]
    world.receive(phone.flow, phone.in_dialog("BYE"))
    phone.office_answer(world.take(phone.upstream), status)
    assert world.take(phone.flow).status == status
    assert ends(world) == [Quiet(media), Quiet(media, quiet=False)]
    assert len(world.core.show()["sessions"]) == 1
    world.receive(phone.flow, phone.in_dialog("BYE"))
    phone.office_answer(world.take(phone.upstream), 481)
    assert isinstance(ends(world)[-1], Delete)
    assert world.core.show()["sessions"] == []


def test_a_bye_that_nobody_answers_leaves_nothing_to_be_heard(world, phone, office_flow):
    phone.call_office()
    (session,) = world.core.show()["sessions"]
    bye = phone.office_request("BYE", to_tag="phone", call="call-1", cseq=2)
    world.receive(office_flow, bye)
    assert ends(world) == [Quiet(session["media"])]


@pytest.mark.parametrize(("subnet", "reach"), [("*", ()), ("192.168.0.0/16", ("192.168.0.0/16",))])
def test_a_phones_sdp_is_believed_within_its_flow_only(guide_border, subnet, reach):
    flows = {"source_subnet": subnet}
    world = BorderWorld(changed(guide_border, subscriber_flows=flows))
    phone = Phone(world)
    phone.register()
    phone.call_office()
    (offer,) = [one for one in world.engine.requests if isinstance(one, Offer)]
    assert (offer.sender.reach, offer.receiver.reach) == (reach, None)


def test_call_for_somebody_else(world, phone, office_flow):
    """A hunt group's call: To names the group, and the phone's BYE comes in that name."""
    invite = phone.office_request("INVITE")
    invite.set("To", "<sip:200@ipo1xp.ipolab.com>")
    world.receive(office_flow, invite)
    phone.answer(world.take(phone.flow), 200)
    bye = phone.request(
        "BYE", phone.target, to='"Dora" <sip:3003@ipo1xp.ipolab.com>;tag=office', call="call-2"
    )
    bye.set("From", "<sip:200@ipo1xp.ipolab.com>;tag=phone")
    world.receive(phone.flow, bye)
    phone.office_answer(world.take(phone.upstream), 200)
    assert world.take(phone.flow).status == 200
    assert world.core.show()["sessions"] == []


def test_phone_over_tls(world):
    secure = Phone(world, transport=Transport.TLS, port=10061)
    secure.register()
    secure.call_office(answer=False)
    secure.office_answer(secure.inner_invite, 180)
    ringing = world.take(secure.flow)
    assert ringing.get("Contact") == '"Dora" <sip:3003@192.168.64.96:5061;transport=tls>'
    secure.office_answer(
        secure.inner_invite, 200, Record_Route=secure.inner_invite.get("Record-Route")
    )
    ok = world.take(secure.flow)
    assert ok.get("Record-Route") == "<sip:192.168.64.96:5061;ipcs-line=11;lr;transport=tls>"
    assert "transport=tcp" in secure.inner_invite.get("Contact")


def test_what_the_engine_saw_is_traced(world, phone):
    phone.call_office()
    (session,) = world.core.show()["sessions"]
    because = "inside does not send: nothing came to 10.10.10.7:35000"
    world.give(OneWayAudio(session["media"], "inside", 8.0, because))
    world.give(DigitDialled(session["media"], "outside", "#", 80))
    call = session["call"]
    assert world.events[-2:] == [
        MediaSeen(call, "one-way audio", f"inside silent for 8 s: {because}"),
        MediaSeen(call, "digit", "outside dialled a digit for 80 ms"),
    ]
    world.give(MediaTimeout(session["media"], 60.0))
    assert [one.detail for one in world.events if getattr(one, "what", "") == "at the end"] == [
        "no media"
    ]


def test_recordings_are_traced_also_after_the_call(world, phone):
    phone.call_office()
    (session,) = world.core.show()["sessions"]
    media, call = session["media"], session["call"]
    world.give(CallRecorded(media, "began", "a.wav"))
    world.give(CallRecorded(media, "began", "a.wav"))
    world.receive(phone.flow, phone.in_dialog("BYE"))
    world.receive(phone.upstream, responses.make(world.take(phone.upstream), 200))
    world.give(CallRecorded(media, "ended", "a.wav", 12.34, 3))
    world.give(CallRecorded("of-yesterday", "failed", "b.wav", why="No space left on device"))
    told = [one for one in world.events if getattr(one, "what", "").startswith("recording")]
    assert told == [
        MediaSeen(call, "recording began", "a.wav"),
        MediaSeen(call, "recording ended", "a.wav, 12.3 s, 3 packets left out"),
        MediaSeen("", "recording failed", "b.wav: No space left on device"),
    ]
    assert world.core.show()["counters"]["media.recording_failed"] == 1
