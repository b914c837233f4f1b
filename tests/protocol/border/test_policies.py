"""Every field of the policy rules, by what it changes on the wire."""

import pytest

from farline.config import ConfigError, EndPointPolicyGroup
from farline.config.check_flows import check_flows
from farline.config.policies import check_policies
from farline.config.policy_rules import ApplicationRule, BorderRule, MediaRule, SecurityRule
from farline.config.signaling_rules import SignalingRule
from farline.media.engine import Offer
from farline.media.reports import CallRecorded
from farline.media.sessions import MediaSessions
from farline.sip import responses
from farline.testing import SeededIds
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer

FLOWS = "  # Device Specific Settings > End Point Flows > Subscriber Flows"
MONDAY_NOON = 1_767_614_400.0
"""2026-01-05 12:00 UTC."""

VIDEO = (
    b"m=video 5002 RTP/AVP 96 34 97\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42\r\n"
    b"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
)
AUDIO = (
    b"v=0\r\no=- 1 2 IN IP4 172.22.33.101\r\ns=-\r\nc=IN IP4 172.22.33.101\r\nt=0 0\r\n"
    b"m=audio 5000 RTP/AVP 96 9 0 8 101 13\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 x=1\r\n"
    b"a=rtcp-fb:96 nack\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-15\r\n"
)


class Relay:
    """Takes everything; notes what is transcoded."""

    voices = None

    def open(self, session, stream, interfaces, rtp, /):
        return 35000, 35000

    def transcode(self, session, stream, sides, /):
        self.voices = sides

    def __getattr__(self, name):
        return lambda *_, **__: None


@pytest.fixture
def engine_of():
    """Gives a border the built-in engine, beside a relay that takes everything."""

    def make(world):
        relay = Relay()
        sessions = MediaSessions(relay, world.config.media_addresses(), SeededIds())
        world.engine.perform = sessions.perform
        sessions.relay = relay
        return sessions

    return make


@pytest.fixture
def policed(guide_border):
    """A border with rules: the subscriber flow's and, where given, the server flow's."""

    def make(subscriber=None, server=None, wall=None, registered=True):
        groups = tuple(
            EndPointPolicyGroup(name=name, sets=sets if isinstance(sets, list) else [sets])
            for name, sets in (("mine", subscriber or {}), ("theirs", server or {}))
        )
        border = changed(
            guide_border,
            end_point_policy_groups=groups,
            subscriber_flows={"end_point_policy_group": "mine"},
            server_flows={"end_point_policy_group": "theirs"},
        )
        assert not any(check_policies(border))
        world = BorderWorld(border, wall=wall)
        phone = Phone(world)
        if registered:
            phone.register()
        return world, phone

    return make


def signaling(**rule):
    return {"signaling": {"name": "s", **rule}}


def media(**rule):
    return {"media": {"name": "m", **rule}}


def application(**rule):
    return {"application": {"name": "a", **rule}}


def security(**rule):
    return {"security": {"name": "sec", **rule}}


def passed(world, phone, method="MESSAGE", **headers):
    world.receive(phone.flow, phone.request(method, f"sip:3003@{DOMAIN}", **headers))
    return world.take(phone.upstream)


def refused(world, phone, method="MESSAGE", **headers):
    """The final answer to a request of the phone that the office never sees, and who decided."""
    world.receive(phone.flow, phone.request(method, f"sip:3003@{DOMAIN}", **headers))
    assert not world.unread(phone.upstream)
    answer = world.take(phone.flow)
    while answer.status == 100:
        answer = world.take(phone.flow)
    return answer.status


def decided(world, stage="policy"):
    return world.decisions(stage)[-1]


# ---- application rule ----


@pytest.mark.parametrize(
    ("line", "body"),
    [("voice", offer()), ("video", offer().partition(b"m=audio")[0] + VIDEO)],
)
def test_calls_of_a_kind_in(policed, line, body):
    world, phone = policed(application(**{line: {"inbound": False}}))
    assert refused(world, phone, "INVITE", body=body) == 403
    assert decided(world).form.endswith(f"{line.capitalize()} In")
    world.receive(phone.upstream, phone.office_request("INVITE", body=body))
    assert world.take(phone.flow).method == "INVITE"


def test_calls_out(policed):
    """Out of the server flow: from the phone to the office."""
    world, phone = policed(server=application(voice={"outbound": False}))
    assert refused(world, phone, "INVITE", body=offer()) == 403
    assert decided(world).form == (
        "Domain Policies > Application Rules: a (group theirs, order 1): Voice Out"
    )


def test_video_is_taken_out_of_a_call_that_may_have_voice_only(policed):
    world, phone = policed(application(video={"inbound": False}))
    inner = passed(world, phone, "INVITE", body=offer() + VIDEO)
    assert b"m=video 0 " in inner.body and b"m=audio 0" not in inner.body


def test_video_sessions_are_counted(policed):
    world, phone = policed(application(video={"max_concurrent_sessions": 1}))
    one = passed(world, phone, "INVITE", body=offer() + VIDEO, call="v1")
    two = passed(world, phone, "INVITE", body=offer() + VIDEO, call="v2", from_tag="t2")
    assert b"m=video 0 " not in one.body and b"m=video 0 " in two.body
    phone.office_answer(one, 486)
    three = passed(world, phone, "INVITE", body=offer() + VIDEO, call="v3", from_tag="t3")
    assert b"m=video 0 " not in three.body


@pytest.mark.parametrize(
    ("rule", "status", "field"),
    [
        ({"max_concurrent_sessions": 1}, 503, "Maximum Sessions"),
        ({"max_sessions_per_endpoint": 1}, 486, "Sessions Per Endpoint"),
        ({"voice": {"max_concurrent_sessions": 1}}, 503, "Voice: Maximum Concurrent Sessions"),
        ({"voice": {"max_sessions_per_endpoint": 1}}, 486, "Sessions Per Endpoint"),
    ],
)
def test_most_sessions(policed, rule, status, field):
    world, phone = policed(application(**rule))
    phone.call_office()
    assert refused(world, phone, "INVITE", call="c2", from_tag="t2", body=offer()) == status
    assert decided(world).form.endswith(field)


def test_sessions_of_the_server_flow_are_counted_too(policed):
    world, phone = policed(server=application(max_concurrent_sessions=1))
    phone.call_office()
    assert refused(world, phone, "INVITE", call="c2", from_tag="t2", body=offer()) == 503


@pytest.mark.parametrize("way", ["inbound", "outbound"])
def test_instant_messages(policed, way):
    rule = application(im={way: False})
    world, phone = policed(rule) if way == "inbound" else policed(server=rule)
    assert refused(world, phone) == 403
    msrp = b"m=message 7654 TCP/MSRP *\r\na=path:msrp://x:1/y;tcp\r\n"
    inner = passed(world, phone, "INVITE", body=offer() + msrp, call="m")
    assert b"m=message 0 TCP/MSRP" in inner.body


# ---- border rule ----


@pytest.mark.parametrize("nat", [True, False])
def test_natting(policed, nat):
    """Off: media may only come from where SDP says."""
    world, phone = policed({"border": {"name": "b", "nat": nat}})
    phone.call_office()
    assert world.engine.requests[0].sender.signaling_source == ("192.168.67.61" if nat else "")


@pytest.mark.parametrize("on", [True, False])
def test_natting_by_ice(policed, on):
    world, phone = policed({"border": {"name": "b", "natting_by_ice": on}})
    ice = b"a=ice-ufrag:x\r\na=candidate:1 1 UDP 1 172.22.33.101 5000 typ host\r\n"
    inner = passed(world, phone, "INVITE", body=offer() + ice)
    asked = world.engine.requests[0].sdp
    assert (b"a=candidate" in asked, b"a=ice-ufrag" in inner.body) == (on, on)
    phone.office_answer(inner, 200, body=offer(OFFICE, 40750) + b"a=ice-ufrag:y\r\n")
    world.take(phone.flow)
    assert (b"a=ice-ufrag:y" in world.take(phone.flow).body) == on


# ---- media rule ----


def formats(message, kind=b"audio"):
    line = message.body.partition(b"m=" + kind)[2].partition(b"\r\n")[0]
    return line.split()[2:]


def test_allowed_codecs(policed):
    world, phone = policed(media(audio={"allowed": ["PCMA", "opus"]}))
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"96", b"8", b"101", b"13"]
    assert b"opus" in inner.body and b"G722" not in inner.body and b"fmtp:101" in inner.body


def test_codecs_have_to_be_allowed_on_both_legs(policed):
    world, phone = policed(
        media(audio={"allowed": ["PCMA", "opus"]}), media(audio={"allowed": ["opus", "G722"]})
    )
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"96", b"101", b"13"]
    assert b"a=rtcp-fb:96 nack" in inner.body
    phone.office_answer(inner, 200, body=AUDIO.replace(b"96 9 0 8 101 13", b"96 101"))
    world.take(phone.flow)
    assert formats(world.take(phone.flow)) == [b"96", b"101"]


def test_transcoding_codecs_are_told_to_the_engine(policed):
    world, phone = policed(
        media(audio={"transcoding": ["opus", "g722"]}), media(audio={"transcoding": ["pcma"]})
    )
    phone.call_office()
    offered = world.engine.requests[0]
    assert offered.sender.transcoding == ("opus", "g722")
    assert offered.receiver.transcoding == ("pcma",)


def test_allowed_codecs_of_each_leg_where_codecs_are_transcoded(policed, engine_of):
    world, phone = policed(
        media(audio={"allowed": ["opus"]}),
        media(audio={"allowed": ["PCMU"], "transcoding": ["pcma"]}),
    )
    engine_of(world)
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"101", b"13", b"8"]
    answer = AUDIO.replace(b"96 9 0 8 101 13", b"8 101")
    phone.office_answer(inner, 200, body=answer)
    world.take(phone.flow)
    shown = world.take(phone.flow)
    assert formats(shown) == [b"96", b"101"] and b"opus" in shown.body


def test_a_call_that_is_transcoded_lives_with_hold_from_either_side(policed, engine_of):
    world, phone = policed(
        media(audio={"allowed": ["opus"]}), media(audio={"transcoding": ["pcma"]})
    )
    sessions = engine_of(world)
    opus = AUDIO.replace(b"96 9 0 8 101 13", b"96 101")
    alaw = AUDIO.replace(b"96 9 0 8 101 13", b"8 101")
    inner = passed(world, phone, "INVITE", body=opus)
    assert formats(inner) == [b"96", b"101", b"8"]
    assert world.take(phone.flow).status == 100
    for status in (183, 200):
        phone.office_answer(inner, status, body=alaw)
        answer = world.take(phone.flow)
        assert (answer.status, formats(answer)) == (status, [b"96", b"101"])
    voices = sessions.relay.voices
    assert [one.codec for one in voices] == ["opus", "PCMA"]
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    assert world.take(phone.upstream).method == "ACK"

    # The phone holds the call, without a word of what the office speaks.
    world.receive(phone.flow, phone.in_dialog("INVITE", body=opus + b"a=sendonly\r\n"))
    held = world.take(phone.upstream)
    assert formats(held) == [b"96", b"101", b"8"] and b"a=sendonly" in held.body
    phone.office_answer(held, 200, body=alaw + b"a=recvonly\r\n")
    assert world.take(phone.flow).status == 100
    answer = world.take(phone.flow)
    assert formats(answer) == [b"96", b"101"] and b"a=recvonly" in answer.body
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    world.take(phone.upstream)

    # The office takes it up. The rule of the phone leg adds nothing: what it has stays.
    tag = {"call": inner.call_id, "to_tag": inner.from_tag, "from_tag": "office"}
    again = phone.office_request("INVITE", cseq=7, body=alaw, **tag)
    world.receive(phone.upstream, again)
    outer = world.take(phone.flow)
    assert formats(outer) == [b"101", b"96", b"97"]
    phone.answer(outer, 200, to_tag="phone", body=opus)
    assert world.take(phone.upstream).status == 100
    answer = world.take(phone.upstream)
    assert formats(answer) == [b"8", b"101"]
    assert [one.ssrc for one in sessions.relay.voices] == [one.ssrc for one in voices]


def test_no_codec_left(policed):
    world, phone = policed(media(audio={"allowed": ["G729"]}))
    assert refused(world, phone, "INVITE", body=AUDIO) == 488
    because = decided(world, "anchor").because
    assert "audio refused" in because and "Media Rules: m (group mine, order 1)" in because


def test_preferred_codecs_of_the_leg_that_the_offer_goes_to(policed):
    world, phone = policed(
        media(audio={"preferred": ["G722"]}), media(audio={"preferred": ["PCMA", "PCMU"]})
    )
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"8", b"0", b"96", b"9", b"101", b"13"]
    phone.office_answer(inner, 200, body=AUDIO)
    world.take(phone.flow)
    assert formats(world.take(phone.flow))[0] == b"9"


def test_video_codecs(policed):
    world, phone = policed(media(video={"allowed": ["H263"]}))
    inner = passed(world, phone, "INVITE", body=offer() + VIDEO)
    assert formats(inner, b"video") == [b"34"] and b"H264" not in inner.body
    assert formats(inner) == [b"8", b"101"]


@pytest.mark.parametrize(
    ("field", "stream"),
    [
        ("bfcp", b"m=application 5004 UDP/BFCP *\r\na=floorctrl:c-s\r\n"),
        ("fecc", b"m=application 5006 RTP/AVP 100\r\na=rtpmap:100 H224/4800\r\n"),
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_bfcp_and_fecc(policed, field, stream, on):
    world, phone = policed(media(**{field: on}), media(**{field: True}))
    inner = passed(world, phone, "INVITE", body=offer() + stream)
    assert (b"m=application 0 " not in inner.body) == on
    assert b"m=audio 0" not in inner.body


def test_qos_and_encryption_are_told_to_the_engine(policed):
    world, phone = policed(
        media(voice_qos=160, video_qos=40, encryption="preferred"), media(voice_qos=8)
    )
    phone.call_office()
    side = world.engine.requests[0].sender
    assert (side.encryption, dict(side.classes)) == ("preferred", {"audio": 160, "video": 40})
    assert dict(world.engine.requests[0].receiver.classes)["audio"] == 8


# ---- security rule ----


@pytest.mark.parametrize(
    ("check", "given", "status"),
    [
        ("known_methods", {"method": "FROB"}, 405),
        ("one_contact", {"Contact": "<sip:a@1.2.3.4>, <sip:b@1.2.3.4>"}, 400),
        ("printable_user", {"to": f"<sip:a%07b@{DOMAIN}>"}, 400),
        ("sdp", {"method": "INVITE", "body": b"v=0\r\nx"}, 488),
    ],
)
def test_compliance(policed, check, given, status):
    given = {"method": "MESSAGE", **given}
    world, phone = policed(security(compliance=[check]))
    assert refused(world, phone, **given) == status
    assert decided(world).form.endswith(f"Compliance: {check}")
    assert passed(world, phone, call="good").method == "MESSAGE"


def test_body_without_content_type(policed):
    world, phone = policed(security(compliance=["content_type"]))
    message = phone.request("MESSAGE", f"sip:3003@{DOMAIN}", body=b"hello")
    message.remove("Content-Type")
    world.receive(phone.flow, message)
    assert world.take(phone.flow).status == 415


def test_scrubbing(policed):
    rule = security(scrub_headers=["Alert-Info", "Subject"], scrub_bodies=["text/*"])
    world, phone = policed(rule)
    headers = {"Alert_Info": "<http://x/y>", "Subject": "z", "Priority": "low"}
    inner = passed(world, phone, body=b"<b>hi</b>", Content_Type="text/html", **headers)
    assert inner.get("Alert-Info") is None and inner.get("Subject") is None
    assert (inner.get("Priority"), inner.body, inner.get("Content-Type")) == ("low", b"", None)


def test_message_size(policed):
    world, phone = policed(security(max_message_bytes=1000))
    assert refused(world, phone, X_Long="x" * 1000) == 413
    assert decided(world).form.endswith("DoS: Message Size")


def test_requests_per_second_of_one_end_point(policed):
    world, phone = policed(security(max_requests_per_second=1))
    world.wait(10)
    other = Phone(world, user="3002", port=10058)
    other.register()
    for number in range(2):
        passed(world, phone, call=f"r{number}")
    assert refused(world, phone, call="r3") == 503
    assert decided(world).form.endswith("DoS: Requests Per Second")
    world.wait(1.5)
    passed(world, phone, call="r4")


def test_authentication_of_a_register(policed):
    """A server that lets somebody in without a password is not believed."""
    world, phone = policed(security(authentication=True), registered=False)
    for credentials, status in ((None, 403), ('Digest username="3001"', 200)):
        request = phone.request(
            "REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>", call=f"reg-{status}"
        )
        if credentials:
            request.add("Authorization", credentials)
        world.receive(phone.flow, request)
        assert world.take(phone.flow).status == 100
        inner = world.take(world.opened[-1])
        answer = responses.make(inner, 200, to_tag="x")
        answer.add("Contact", f"{inner.get('Contact')};expires=180")
        world.receive(world.opened[-1], answer)
        assert world.take(phone.flow).status == status
        assert [row["registered"] for row in world.core.show()["bindings"]] == [status == 200]


# ---- signaling rule ----


@pytest.mark.parametrize("direction", ["inbound", "outbound", "both"])
def test_blocked_request(policed, direction):
    rule = signaling(requests=[{"method": "MESSAGE", "direction": direction, "response_code": 405}])
    world, phone = policed(rule)
    if direction == "outbound":
        passed(world, phone)
        world.receive(phone.upstream, phone.office_request("MESSAGE"))
        assert world.take(phone.upstream).status == 405
        assert not world.unread(phone.flow)
    else:
        assert refused(world, phone) == 405
        assert decided(world).form.endswith("Requests: MESSAGE")
    assert passed(world, phone, "OPTIONS", call="o").method == "OPTIONS"


def test_first_line_decides(policed):
    rule = signaling(
        requests=[
            {"method": "MESSAGE", "action": "allow"},
            {"method": "REGISTER", "action": "allow"},
            {"method": "*", "response_code": 480},
        ]
    )
    world, phone = policed(server=rule)
    assert passed(world, phone).method == "MESSAGE"
    assert refused(world, phone, "INFO") == 480


def test_request_headers(policed):
    rule = signaling(
        request_headers=[
            {"header": "Subject", "action": "remove"},
            {"header": "Priority", "action": "change", "value": "urgent", "direction": "outbound"},
            {"header": "X-Bad", "action": "block", "response_code": 400, "method": "MESSAGE"},
        ]
    )
    world, phone = policed(server=rule)
    inner = passed(world, phone, Subject="x")
    assert inner.get("Subject") is None and inner.get("Priority") == "urgent"
    assert refused(world, phone, X_Bad="1") == 400
    assert passed(world, phone, "OPTIONS", X_Bad="1").get("X-Bad") == "1"
    world.receive(phone.upstream, phone.office_request("MESSAGE", call="in"))
    assert world.take(phone.flow).get("Priority") is None


def test_the_first_line_of_a_header_decides(policed):
    rule = signaling(
        request_headers=[
            {"header": "Subject", "method": "OPTIONS", "action": "allow"},
            {"header": "subject", "action": "change", "value": "as the house has it"},
            {"header": "Subject"},
            {"header": "X-Bad", "method": "OPTIONS", "action": "allow"},
            {"header": "X-Bad", "action": "block"},
        ]
    )
    world, phone = policed(server=rule)
    assert passed(world, phone, Subject="x").get("Subject") == "as the house has it"
    assert passed(world, phone, "OPTIONS", call="o", Subject="x").get("Subject") == "x"
    assert passed(world, phone, "OPTIONS", call="p", X_Bad="1").get("X-Bad") == "1"
    assert refused(world, phone, call="q", X_Bad="1") == 403


def test_answers_with_a_blocked_header(policed):
    """Held back while provisional, another failure, and a success without the header."""
    line = {"header": "X-Bad", "action": "block", "response_code": 480, "direction": "inbound"}
    world, phone = policed(server=signaling(response_headers=[line]))
    for number, (status, bad) in enumerate(((486, 480), (200, 200)), 1):
        inner = passed(
            world, phone, "INVITE", body=offer(), call=f"r{number}", from_tag=str(number)
        )
        assert world.take(phone.flow).status == 100
        phone.office_answer(inner, 183, X_Bad="1")
        assert not world.unread(phone.flow)
        phone.office_answer(inner, 180)
        assert world.take(phone.flow).status == 180
        phone.office_answer(inner, status, body=offer(OFFICE, 40750), X_Bad="1")
        answer = world.take(phone.flow)
        assert answer.status == bad
        assert answer.get("X-Bad") is None or bad != 200
        if bad != 200:
            assert world.take(phone.upstream).method == "ACK"


def test_responses(policed):
    rule = signaling(
        responses=[
            {"codes": "183", "action": "block"},
            {"codes": "180", "new_code": 183, "direction": "inbound"},
            {"codes": "486", "action": "allow"},
            {"codes": "4xx", "new_code": 603, "method": "INVITE"},
            {"codes": "5xx", "action": "block"},
        ],
        response_headers=[{"header": "Server"}],
    )
    world, phone = policed(server=rule)
    for number, (given, shown) in enumerate([(486, 486), (404, 603), (503, 500)]):
        inner = passed(
            world, phone, "INVITE", body=offer(), call=f"r{number}", from_tag=str(number)
        )
        assert world.take(phone.flow).status == 100
        phone.office_answer(inner, 183)
        assert not world.unread(phone.flow)
        phone.office_answer(inner, 180, Server="PBX")
        ringing = world.take(phone.flow)
        assert (ringing.status, ringing.reason) == (183, "Session Progress")
        assert ringing.get("Server") is None
        phone.office_answer(inner, given)
        assert world.take(phone.flow).status == shown
        assert world.take(phone.upstream).method == "ACK"
    phone.office_answer(passed(world, phone, call="m"), 404)
    assert world.take(phone.flow).status == 404


@pytest.mark.parametrize("direction", ["inbound", "outbound", "both"])
def test_direction_of_a_response_line(policed, direction):
    """Inbound are the server's answers, outbound those that it gets."""
    line = {"codes": "486", "new_code": 480, "direction": direction}
    world, phone = policed(server=signaling(responses=[line]))
    phone.office_answer(passed(world, phone), 486)
    while (answer := world.take(phone.flow)).status == 100:
        pass
    assert answer.status == (486 if direction == "outbound" else 480)
    world.receive(phone.upstream, phone.office_request("MESSAGE", call="out"))
    phone.answer(world.take(phone.flow), 486)
    while (answer := world.take(phone.upstream)).status == 100:
        pass
    assert answer.status == (486 if direction == "inbound" else 480)


@pytest.mark.parametrize("on", [True, False])
def test_ucid(policed, on):
    world, phone = policed(server=signaling(ucid=on, ucid_node=7), wall=lambda now: 1.0 + now)
    inner = passed(world, phone, "INVITE", body=offer())
    expected = "00FA0800070001000003E9;encoding=hex" if on else None
    assert inner.get("User-to-User") == expected
    given = passed(world, phone, "INVITE", body=offer(), User_to_User="ab;encoding=hex",
                   call="2", from_tag="t2")  # fmt: skip
    assert given.get("User-to-User") == "ab;encoding=hex"


# ---- charging rule ----


def hang_up(world, phone):
    world.receive(phone.flow, phone.in_dialog("BYE"))
    world.receive(phone.upstream, responses.make(world.take(phone.upstream), 200))


@pytest.mark.parametrize(("records", "written"), [("off", 0), ("answered", 1), ("all", 2)])
def test_charging(policed, records, written):
    charging = {"charging": {"name": "c", "records": records, "format": "sqlite"}}
    world, phone = policed(charging, wall=lambda now: MONDAY_NOON + now)
    began = world.clock.now
    phone.call_office()
    world.wait(90)
    hang_up(world, phone)
    busy = passed(world, phone, "INVITE", call="busy", from_tag="t2", body=offer())
    phone.office_answer(busy, 486)
    assert [one.format for one in world.charged] == ["sqlite"] * written
    if written:
        record = world.charged[0].record
        assert (record.aor, record.beginner, record.end) == (f"3001@{DOMAIN}", "outside", "ended")
        assert (record.caller, record.called) == (f"sip:3001@{DOMAIN}", f"sip:3003@{DOMAIN}")
        assert record.seconds == 90.0 and record.started == MONDAY_NOON + began
        assert (record.subscriber_flow, record.server_flow) == ("SubsflowRW", "ServflowRW")
        assert (record.policy_group, record.server) == ("mine", f"{OFFICE}:5060")
    if written == 2:
        assert (world.charged[1].record.answered, world.charged[1].record.reason) == (None, "486")


def test_charging_of_both_flows_in_two_formats(policed):
    both = ({"charging": "default"}, {"charging": "answered-sqlite"})
    world, phone = policed(*both)
    phone.call_office()
    hang_up(world, phone)
    assert [(one.format, one.record.policy_group) for one in world.charged] == [
        ("jsonl", "mine"),
        ("sqlite", "theirs"),
    ]


# ---- recording rule ----


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        (({}, {}), (False, False)),
        (({"recording": "file"}, {}), (True, False)),
        (({}, {"recording": {"name": "r", "record_to_file": True}}), (False, True)),
    ],
)
def test_recording(policed, rules, asked):
    world, phone = policed({"charging": "default", **rules[0]}, rules[1])
    phone.call_office()
    offered = next(one for one in world.engine.requests if isinstance(one, Offer))
    assert (offered.sender.record, offered.receiver.record) == asked
    (session,) = world.core.show()["sessions"]
    world.give(CallRecorded(session["media"], "began", "one.wav"))
    world.give(CallRecorded(session["media"], "ended", "one.wav", 3.0))
    world.give(CallRecorded(session["media"], "began", "two.wav"))
    hang_up(world, phone)
    assert world.charged[0].record.recordings == "one.wav two.wav"


# ---- time of day, order ----


def test_the_first_set_whose_time_it_is_holds(policed, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    moment = [MONDAY_NOON]
    night = {"name": "night", "start": "18:00", "end": "08:00"}
    weekend = {"name": "weekend", "days": ["sat", "sun"]}
    block = {"requests": [{"method": "MESSAGE"}], "name": "none"}
    sets = [
        {"time_of_day": night, "signaling": {**block, "name": "a"}},
        {"time_of_day": weekend, **application(max_concurrent_sessions=0)},
        {},
    ]
    world, phone = policed(sets, wall=lambda now: moment[0])
    assert passed(world, phone).method == "MESSAGE"
    inner = passed(world, phone, "INVITE", body=offer(), call="monday")
    phone.office_answer(inner, 486)
    assert world.take(phone.upstream).method == "ACK"
    while world.unread(phone.flow):
        world.take(phone.flow)
    for hours, status in ((7, 403), (19.9, 403), (20, None)):  # 19:00, 07:54, 08:00
        moment[0] = MONDAY_NOON + hours * 3600
        if status:
            assert refused(world, phone, call=f"h{hours}") == status
        else:
            assert passed(world, phone, call="tuesday").method == "MESSAGE"
    moment[0] = MONDAY_NOON + 5 * 86_400  # Saturday noon
    assert passed(world, phone, call="3").method == "MESSAGE"
    assert refused(world, phone, "INVITE", body=offer(), call="4") == 503
    assert "group mine, order 2" in decided(world).form


def test_outside_of_every_window_nothing_begins(policed, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    moment = [MONDAY_NOON]
    sets = [{"time_of_day": "working-hours"}]
    world, phone = policed(sets, wall=lambda now: moment[0])
    phone.call_office()
    moment[0] += 8 * 3600
    assert refused(world, phone, call="2") == 403
    assert "Time of Day Rules: working-hours" in decided(world).form
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.upstream).method == "BYE"


def test_signaling_qos_goes_by_the_flow_and_by_the_hour(policed, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    moment = [MONDAY_NOON]
    night = {"name": "night", "start": "18:00", "end": "08:00"}
    sets = [{"time_of_day": night, **signaling(signaling_qos=40)}, signaling(signaling_qos=104)]
    world, phone = policed(sets, signaling(signaling_qos=160), wall=lambda now: moment[0])

    def marks(since):
        """DS bytes towards the phone and towards the office."""
        sent = world.ds_bytes[since:]
        return [{mark for way, mark in sent if way == one} for one in (phone.flow, phone.upstream)]

    assert marks(0) == [{104}, {160}]
    since = len(world.ds_bytes)
    moment[0] += 7 * 3600
    phone.call_office()
    assert marks(since) == [{40}, {160}]


def test_signaling_qos_of_two_flows_on_one_interface(guide_border):
    """Flows of two subnets in two groups: each phone's messages have their own DS byte."""
    [first] = guide_border.subscriber_flows
    groups = tuple(
        EndPointPolicyGroup(name=name, sets=[signaling(signaling_qos=value)])
        for name, value in (("a", 104), ("b", 40))
    )
    flows = tuple(
        first.model_copy(
            update={"name": name, "source_subnet": subnet, "end_point_policy_group": name}
        )
        for name, subnet in (("a", "192.168.67.0/24"), ("b", "*"))
    )
    border = guide_border.model_copy(
        update={"end_point_policy_groups": groups, "subscriber_flows": flows}
    )
    world = BorderWorld(border)
    for phone, ds_byte in (
        (Phone(world), 104),
        (Phone(world, user="3003", ip="192.168.70.1"), 40),
    ):
        phone.register()
        assert {mark for way, mark in world.ds_bytes if way == phone.flow} == {ds_byte}
        assert {mark for way, mark in world.ds_bytes if way == phone.upstream} == {None}


# ---- the forms ----


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sets: [{media: nowhere}]", "no such media rule 'nowhere'"),
        ("sets: [{signaling: {requests: [{method: ACK}]}}]", "block INVITE"),
        ("sets: [{signaling: {responses: [{codes: '200', new_code: 603}]}}]", "a success"),
        (
            "sets: [{signaling: {responses: [{codes: '486', new_code: 200}]}}]",
            "a final one 300-699",
        ),
        ("sets: [{signaling: {request_headers: [{header: Call-ID}]}}]", "carries the dialog"),
        ("sets: [{time_of_day: {start: '25:00'}}]", "write a time as 08:30"),
        ("sets: [{time_of_day: {start: '08:00', end: '08:00'}}]", "the window is empty"),
        ("voice_qos: 8, sets: [{}]", "stand in its sets"),
    ],
)
def test_mistakes(load_border, text, says):
    with pytest.raises(ConfigError, match=says):
        load_border((FLOWS, f"  end_point_policy_groups: [{{name: g, {text}}}]\n{FLOWS}"))


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("border", (BorderRule(name="other"), BorderRule(name="mine", nat=False))),
        ("security", (SecurityRule(name="mine", max_message_bytes=1000),)),
        ("signaling", (SignalingRule(name="mine", requests=[{"method": "MESSAGE"}]),)),
        ("media", (MediaRule(name="mine", audio={"allowed": ["G722"]}),)),
        ("application", (ApplicationRule(name="mine", voice={"inbound": False}),)),
    ],
)
def test_a_set_finds_its_rule_by_name(guide_border, kind, rules):
    """Of two rules the one that the set names holds, and the decision says its name."""
    group = EndPointPolicyGroup(name="g", sets=[{kind: "mine"}])
    border = changed(
        guide_border,
        **{f"{kind}_rules": rules},
        end_point_policy_groups=(group,),
        subscriber_flows={"end_point_policy_group": "g"},
    )
    assert not any(check_policies(border))
    world = BorderWorld(border)
    phone = Phone(world)
    phone.register()
    if kind == "border":
        phone.call_office()
        assert world.engine.requests[0].sender.signaling_source == ""
        return
    method = "INVITE" if kind in ("media", "application") else "MESSAGE"
    headers = {"body": offer()} if method == "INVITE" else {"X_Long": "x" * 1000}
    assert refused(world, phone, method, **headers) >= 400
    last = decided(world, "anchor" if kind == "media" else "policy")
    assert ": mine (group g, order 1)" in f"{last.form} {last.because}"


def test_shipped_groups_can_be_used_without_defining_them(guide_border):
    for name in ("default-low", "default-med", "default-high-enc", "avaya-def-high-subscriber"):
        border = changed(guide_border, subscriber_flows={"end_point_policy_group": name})
        assert not list(check_flows(border, set()))
        assert border.resolved_groups()[name][0].group == name
