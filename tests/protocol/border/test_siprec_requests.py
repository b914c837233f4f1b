"""What a recording server asks for in the dialog that records (RFC 7866, RFC 4028)."""

import pytest

from farline.media.engine import Subscribe, SubscribeAnswer
from farline.sip import Message, responses
from farline.testing.border_phone import offer
from farline.testing.siprec import (
    ANSWER,
    OFFERS,
    accept,
    answer,
    parts,
    recorded_world,
    subscribed,
    to_server,
    told,
)

PAUSE = (
    b"v=0\r\no=- 9 10 IN IP4 10.10.10.20\r\ns=-\r\nc=IN IP4 10.10.10.20\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 8\r\na=inactive\r\nm=audio 6002 RTP/AVP 8\r\na=inactive\r\n"
)
GO_ON = PAUSE.replace(b"inactive", b"recvonly")
REQUEST = (
    b'<?xml version="1.0"?>\r\n<requestsnapshot xmlns="urn:ietf:params:xml:ns:recording:1"/>\r\n'
)


class Server:
    """The recording server of a call that is recorded."""

    def __init__(self, guide_border, **headers):
        self.world, self.phone = recorded_world(guide_border)
        self.phone.call_office()
        self.flow = to_server(self.world)
        self.invite = self.world.take(self.flow)
        self.cseq = 0
        if not headers:
            accept(self.world, self.flow, self.invite)
            return
        response = responses.make(self.invite, 200, to_tag="srs", body=ANSWER)
        response.add("Contact", f"<sip:srs@{self.flow.remote};transport=tcp>")
        response.add("Content-Type", "application/sdp")
        for name, value in headers.items():
            response.add(name.replace("_", "-"), value)
        self.world.receive(self.flow, response)
        assert self.world.take(self.flow).method == "ACK"

    def send(self, method, body=b"", kind="application/sdp", cseq=0, tag="", **headers):
        self.cseq = cseq or self.cseq + 1
        request = Message.request(method, "sip:10.10.10.7:5060;transport=tcp")
        via = f"SIP/2.0/TCP 10.10.10.20:5060;branch=z9hG4bK{method}{self.cseq}"
        contact = f"<sip:srs@{self.flow.remote};transport=tcp>"
        mine = self.invite.get("From")
        to = f"{mine.partition(';')[0]};tag={tag}" if tag else mine
        lines = {
            "Via": via, "Max-Forwards": "70", "To": to, "Contact": contact,
            "From": f"{self.invite.get('To')};tag=srs", "Call-ID": self.invite.call_id,
            "CSeq": f"{self.cseq} {method}", **headers,
        }  # fmt: skip
        for name, value in lines.items():
            request.add(name.replace("_", "-"), value)
        if body:
            request.add("Content-Type", kind)
        request.body = body
        self.world.receive(self.flow, request)

    def ask(self, method, *args, **headers):
        self.send(method, *args, **headers)
        return self.world.take(self.flow)

    def ack(self, body=b""):
        self.send("ACK", body, cseq=self.cseq)

    @property
    def engine(self):
        return [one.sdp for one in subscribed(self.world) if isinstance(one, SubscribeAnswer)]


@pytest.fixture
def server(guide_border):
    return Server(guide_border)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_the_server_pauses_the_recording_and_goes_on(server, method):
    paused = server.ask(method, PAUSE)
    assert (paused.status, paused.body.count(b"a=inactive")) == (200, 2)
    assert paused.get("Contact").endswith(";+sip.src")
    assert b"RTP/AVP 8\r\n" in paused.body  # of 8 and 0 what the server has offered
    assert b"o=- 1 2 IN" in paused.body
    assert server.engine == [ANSWER, PAUSE]
    if method == "INVITE":
        server.ack()
    resumed = server.ask(method, GO_ON)
    assert (resumed.status, resumed.body.count(b"a=sendonly")) == (200, 2)
    assert b"o=- 1 3 IN" in resumed.body
    assert server.engine[-1] == GO_ON
    if method == "INVITE":
        server.ack()
    server.world.wait(40)
    assert not server.world.unread(server.flow)


def test_an_invite_without_description_gets_our_offer_and_the_ack_answers(server):
    offered = server.ask("INVITE")
    assert offered.body == OFFERS[0]
    assert isinstance(subscribed(server.world)[-1], Subscribe)
    server.ack(PAUSE)
    assert server.engine[-1] == PAUSE


def test_a_success_without_ack_comes_again_and_then_the_recording_ends(server):
    assert server.ask("INVITE", PAUSE).status == 200
    server.world.wait(3.6)
    again = [server.world.take(server.flow) for _ in range(3)]
    assert {(one.status, one.cseq) for one in again} == {(200, 1)}
    server.world.wait(30)
    assert server.world.unread(server.flow)[-1].method == "BYE"
    assert ("failed", "no ACK came") in told(server.world)
    assert len(server.world.core.show()["sessions"]) == 1


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("whole", [True, False])
def test_the_server_asks_for_the_metadata_once_more(server, method, whole):
    body, kind = REQUEST, "application/rs-metadata-request"
    if whole:
        body = (b"--cut\r\nContent-Type: application/sdp\r\n\r\n%b\r\n--cut\r\nContent-Type: %b\r\n"
                b"Content-Disposition: recording-session\r\n\r\n%b\r\n--cut--\r\n"
                % (GO_ON, kind.encode(), REQUEST))  # fmt: skip
        kind = 'multipart/mixed;boundary="cut"'
    answered = server.ask(method, body, kind)
    assert answered.status == 200
    if method == "INVITE":
        assert not server.world.unread(server.flow)  # ours waits for the end of theirs
        server.ack()
    again = server.world.take(server.flow)
    assert (again.method, again.cseq) == ("INVITE", 2)
    first = parts(server.invite)["application/rs-metadata+xml"][1]
    assert parts(again)["application/rs-metadata+xml"][1] == first
    accept(server.world, server.flow, again)
    assert not server.world.unread(server.flow)


@pytest.mark.parametrize(
    ("method", "body", "kind", "headers", "status"),
    [
        ("INVITE", PAUSE.replace(b"RTP/AVP 8", b"RTP/AVP 9"), "application/sdp", {}, 488),
        ("UPDATE", PAUSE.partition(b"m=audio 6002")[0], "application/sdp", {}, 488),
        ("INVITE", b"v=x", "application/sdp", {}, 488),
        ("INVITE", b"hello", "text/plain", {}, 415),
        ("INVITE", b"--x--", "multipart/mixed;boundary=x", {}, 400),
        ("UPDATE", b"", "", {"Session_Expires": "60"}, 422),
        ("UPDATE", b"", "", {"Session_Expires": "soon"}, 400),
        ("UPDATE", b"", "", {"Require": "gruu"}, 420),
        ("UPDATE", b"", "", {"tag": "other"}, 481),
        ("INFO", b"", "", {}, 405),
    ],
)
def test_what_cannot_be_is_refused_and_the_recording_goes_on(
    server, method, body, kind, headers, status
):
    refused = server.ask(method, body, kind, **headers)
    assert refused.status == status
    if status == 405:
        assert refused.get("Allow") == "ACK, BYE, CANCEL, INVITE, OPTIONS, UPDATE"
    if status == 422:
        assert refused.get("Min-SE") == "90"
    assert server.ask("UPDATE", PAUSE).status == 200


def test_options_tells_what_there_is(server):
    told = server.ask("OPTIONS")
    assert (told.status, told.get("Supported")) == (200, "siprec, timer")
    assert "UPDATE" in told.get("Allow")


def test_a_request_out_of_its_order_is_refused(server):
    assert server.ask("UPDATE", cseq=5).status == 200
    assert server.ask("UPDATE", cseq=4).status == 500


def test_an_invite_that_meets_ours_is_told_to_come_again(server):
    world, phone = server.world, server.phone
    world.engine.offer = OFFERS[1]
    held(world, phone)
    ours = world.take(server.flow)
    assert ours.method == "INVITE"
    assert server.ask("INVITE", PAUSE).status == 491
    answer(world, server.flow, ours, 491)  # and the server says the same
    assert world.take(server.flow).method == "ACK"
    assert not world.unread(server.flow)
    world.wait(4.1)
    again = world.take(server.flow)
    assert parts(again)["application/sdp"][1] == OFFERS[1].rstrip()
    accept(world, server.flow, again)
    assert "failed" not in dict(told(world))


def test_the_server_refreshes_the_session_and_when_it_does_not_the_recording_ends(server):
    refreshed = server.ask("UPDATE", Session_Expires="120;refresher=uac", Supported="timer")
    assert refreshed.get("Session-Expires") == "120;refresher=uac"
    assert refreshed.get("Require") == "timer"
    server.world.wait(80)
    assert not server.world.unread(server.flow)
    server.ask("UPDATE", Session_Expires="120;refresher=uac", Supported="timer")
    server.world.wait(80)
    assert not server.world.unread(server.flow)
    server.world.wait(9)
    assert server.world.take(server.flow).method == "BYE"
    assert ("failed", "it did not refresh") in told(server.world)


def test_the_border_refreshes_where_the_server_wants_it(guide_border):
    server = Server(guide_border, Session_Expires="100;refresher=uac", Require="timer")
    assert server.invite.get("Supported") == "timer"
    server.world.wait(50.1)
    again = server.world.take(server.flow)
    assert (again.method, again.get("Session-Expires")) == ("INVITE", "100;refresher=uac")
    answer(server.world, server.flow, again, 422)  # without Min-SE: nothing to be done about it
    assert server.world.take(server.flow).method == "ACK"
    assert server.world.take(server.flow).method == "BYE"


def test_a_session_that_is_too_short_for_the_server_gets_longer(guide_border):
    server = Server(guide_border, Session_Expires="100;refresher=uac", Require="timer")
    server.world.wait(50.1)
    refused = responses.make(server.world.take(server.flow), 422, to_tag="srs")
    refused.add("Min-SE", "600")
    server.world.receive(server.flow, refused)
    assert server.world.take(server.flow).method == "ACK"
    server.world.wait(0.1)
    again = server.world.take(server.flow)
    assert again.get("Session-Expires") == "600;refresher=uac"
    accept(server.world, server.flow, again)


def held(world, phone):
    world.receive(phone.flow, phone.in_dialog("INVITE", body=offer(direction="sendonly")))
    phone.office_answer(world.take(phone.upstream), 200, body=offer("10.10.10.13"))
