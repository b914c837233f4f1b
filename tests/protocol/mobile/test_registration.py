from __future__ import annotations

from itertools import pairwise

import pytest

from farline.mobile.commands import Ponged, Register, Registered, Unregister
from farline.sip.transport import Address, Transport
from farline.testing import Impairment

PHONE = Address("172.22.33.101", 62657)


def test_register_has_the_guides_form(make_desk):
    desk = make_desk(transport=Transport.TCP)
    desk.register()
    first, second = desk.sent("REGISTER")
    port = desk.link.seen[0].flow.local.port
    assert first.uri == "sip:ipo1xp.ipolab.com"
    assert [name for name, _ in second.headers()] == [
        "Via", "From", "To", "CSeq", "Call-ID", "Max-Forwards", "Supported", "Allow",
        "User-Agent", "Contact", "Content-Length", "Authorization",
    ]  # fmt: skip
    assert first.get("Contact") == (
        f"<sip:3001@172.22.33.101:{port};transport=tcp>;q=1;expires=3600;"
        '+sip.instance="<urn:uuid:96CD7630-D24F-46C6-9E6E-6AF07A9B45D6>";reg-id=1'
    )
    assert first.get("Supported") == "eventlist,outbound,replaces"
    assert first.get("Allow") == (
        "INVITE,ACK,OPTIONS,BYE,CANCEL,NOTIFY,MESSAGE,REFER,INFO,PUBLISH,UPDATE"
    )
    assert first.get("Max-Forwards") == "70"
    assert (first.cseq, second.cseq) == (1, 2)
    assert first.call_id == second.call_id
    assert first.from_tag == second.from_tag
    assert first.get("Authorization") is None
    assert second.get("Authorization").startswith(
        'Digest realm="ipoffice",nonce="nonce-1",uri="sip:ipo1xp.ipolab.com",response="'
    )
    assert desk.registration[-1].lease == 180


def test_keep_alive_goes_before_the_first_register(make_desk):
    desk = make_desk()
    desk.register()
    assert desk.link.seen[0].data == b"\r\n\r\n"


def test_refreshes_at_half_the_granted_lease(desk):
    desk.register()
    desk.run(500)
    unauthorised = [m for m in desk.sent("REGISTER") if m.get("Authorization") is None]
    times = [
        seen.at
        for seen in desk.link.seen
        if seen.data.startswith(b"REGISTER") and b"Authorization" not in seen.data
    ]
    assert len(unauthorised) == 6  # at 0, 90, 180, 270, 360, 450 s
    assert all(89 < later - earlier < 91 for earlier, later in pairwise(times))
    assert {news.state for news in desk.registration[3:]} == {Registered.REGISTERED}


def test_keep_alives_hold_the_mapping(desk, server):
    desk.register()
    desk.run(80)
    assert server.pings == 4  # at 0, 25, 50, 75 s


def test_wrong_password_names_the_door_and_stops(make_desk):
    desk = make_desk(password="wrong")
    desk.tell(Register(PHONE))
    desk.run(600)
    news = desk.registration[-1]
    assert news.state is Registered.REFUSED
    assert news.status == 401
    assert "wrong password for 3001" in news.detail
    assert len(desk.sent("REGISTER")) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_final_answers_are_not_tried_again(make_desk, server, status):
    server.register_status = status
    desk = make_desk()
    desk.tell(Register(PHONE))
    desk.run(600)
    assert desk.registration[-1].state is Registered.REFUSED
    assert desk.registration[-1].detail.startswith(str(status))
    assert len(desk.sent("REGISTER")) == 2


def test_busy_server_is_tried_again_when_it_says(make_desk, server):
    server.register_status = 503
    server.register_headers = [("Retry-After", "30")]
    desk = make_desk()
    desk.tell(Register(PHONE))
    desk.run(5)
    assert desk.registration[-1].state is Registered.LOST
    assert desk.registration[-1].retry_in == 30.0
    server.register_status, server.register_headers = 200, []
    desk.run(30)
    assert desk.registration[-1].state is Registered.REGISTERED


def test_a_longer_lease_is_asked_for_when_told(make_desk, server):
    server.register_status = 423
    server.register_headers = [("Min-Expires", "7200")]
    desk = make_desk()
    desk.tell(Register(PHONE))
    desk.run(0.5)
    server.register_status = 200
    assert "expires=7200" in desk.sent("REGISTER")[-1].get("Contact")


def test_unregister_removes_the_binding(desk):
    desk.register()
    desk.tell(Unregister())
    desk.run(1)
    assert "expires=0" in desk.sent("REGISTER")[-1].get("Contact")
    assert desk.registration[-1].state is Registered.UNREGISTERED
    desk.run(500)
    assert "expires=0" in desk.sent("REGISTER")[-1].get("Contact")


def test_a_cut_connection_is_opened_again_at_once(make_desk, server):
    desk = make_desk()
    desk.register()
    desk.link.cut(server.flow)
    desk.run(1)
    states = [news.state for news in desk.registration]
    assert states[-4:] == [
        Registered.LOST, Registered.CONNECTING, Registered.STARTED, Registered.REGISTERED,
    ]  # fmt: skip
    assert len(server.flows) == 2


def test_an_unreachable_server_is_tried_with_growing_pauses(make_desk):
    desk = make_desk()
    desk.link._bound.clear()
    desk.tell(Register(PHONE))
    desk.run(400)
    pauses = [news.retry_in for news in desk.registration if news.state is Registered.LOST]
    assert all(2 ** (n - 1) <= pause <= 2**n for n, pause in enumerate(pauses[:8]))
    assert len(pauses) < 12


def test_a_flow_that_stops_answering_keep_alives_is_dead(make_desk, server):
    desk = make_desk()
    desk.register()
    flow = desk.link.seen[0].flow
    desk.tell(Ponged(flow))
    desk.run(24.5)  # the next keep-alive leaves at 25 s and is not answered
    desk.run(12)
    assert len(server.flows) == 2
    assert desk.registration[-1].state is Registered.REGISTERED


def test_a_server_that_never_ponged_is_not_suspected(make_desk, server):
    desk = make_desk()
    desk.register()
    desk.run(80)
    assert len(server.flows) == 1


@pytest.mark.parametrize("seed", range(1, 6))
def test_registers_over_a_bad_link(make_desk, seed):
    desk = make_desk(
        transport=Transport.UDP, seed=seed, impairment=Impairment(loss=0.2, duplicate=0.1)
    )
    desk.tell(Register(PHONE))
    desk.run(120)
    assert desk.registration[-1].state is Registered.REGISTERED


def test_a_200_without_our_binding_is_no_registration(make_desk, server):
    server.lease = 0
    desk = make_desk()
    desk.tell(Register(PHONE))
    desk.run(1)
    assert desk.registration[-1].state is Registered.REFUSED
    assert "no binding" in desk.registration[-1].detail


def test_only_our_realm_is_answered(make_desk):
    """A server, or a callee behind it, that challenges for another realm gets no credentials."""
    desk = make_desk(realm="elsewhere")
    desk.tell(Register(PHONE))
    desk.run(5)
    assert len(desk.sent("REGISTER")) == 1
    assert desk.registration[-1].state is Registered.REFUSED
    assert "cannot be met" in desk.registration[-1].detail
    same = make_desk(realm="ipoffice")
    same.register()
