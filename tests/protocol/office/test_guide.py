"""The guide's own conversation: what the office says, field by field."""

import re

from farline.sip import Address, Message
from farline.sip.digest import Challenge

REGISTER = b"""\
REGISTER sip:ipo1xp.ipolab.com SIP/2.0
From: <sip:3001@ipo1xp.ipolab.com>;tag=3FE790F6-4D74-4108-931B-1A21FA7B4BCF
To: <sip:3001@ipo1xp.ipolab.com>
CSeq: 1 REGISTER
Call-ID: D03868AF-E9E6-4A10-A80F-E4ECF8333D6F
Contact: <sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=191791003>;q=1;expires=3600;+sip.instance="<urn:uuid:96cd7630-d24f-46c6-9e6e-6af07a9b45d6>";reg-id=1
Allow: INVITE,ACK,OPTIONS,BYE,CANCEL,NOTIFY,MESSAGE,REFER,INFO,PUBLISH,UPDATE
Supported: eventlist,outbound,replaces
User-Agent: Avaya One X Mobile iOS iPhone5 10 1.1 759
Max-Forwards: 69
Via: SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632-001201536584-1s1632-
Content-Length: 0

"""  # noqa: E501

INVITE = b"""\
INVITE sip:3003@ipo1xp.ipolab.com SIP/2.0
From: <sip:3001@ipo1xp.ipolab.com>;tag=EAA125CA-67A5-4AE1-83D4-EFED38D6D521
To: <sip:3003@ipo1xp.ipolab.com>
CSeq: 1 INVITE
Call-ID: 9AFFE6FA-C879-4BCF-9FCF-44D497E9BDA7
Contact: <sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=191791003>;+sip.instance="<urn:uuid:96CD7630-D24F-46C6-9E6E-6AF07A9B45D6>"
Record-Route: <sip:10.10.10.7:5060;ipcs-line=11;lr;transport=tcp;subid_ipcs=191791003>
Allow: INVITE,ACK,OPTIONS,BYE,CANCEL,NOTIFY,MESSAGE,REFER,INFO,PUBLISH,UPDATE
Supported: eventlist,outbound,replaces
User-Agent: Avaya One X Mobile iOS iPhone5 10 1.1 759
Max-Forwards: 69
Via: SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632-000585509158-1--s1632-
Content-Type: application/sdp
Content-Length: 344

v=0
o=sip:3001@172.22.33.101 1 2 IN IP4 10.10.10.7
s=-
c=IN IP4 10.10.10.7
b=TIAS:64000
t=0 0
m=audio 35000 RTP/AVP 103 9 8 0 110 18 101
a=sendrecv
a=rtpmap:103 ISAC/16000/1
a=rtpmap:9 G722/8000/1
a=rtpmap:8 PCMA/8000/1
a=rtpmap:0 PCMU/8000/1
a=rtpmap:110 G726-32/8000/1
a=rtpmap:18 G729/8000/1
a=rtpmap:101 telephone-event/8000
"""  # noqa: E501

ACK = b"""\
ACK sip:3003@10.10.10.13:5060;transport=tcp SIP/2.0
From: <sip:3001@ipo1xp.ipolab.com>;tag=EAA125CA-67A5-4AE1-83D4-EFED38D6D521
To: <sip:3003@ipo1xp.ipolab.com>;tag=%s
CSeq: 1 ACK
Call-ID: 9AFFE6FA-C879-4BCF-9FCF-44D497E9BDA7
Max-Forwards: 69
Via: SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632-001682879609-1s1632-
Content-Length: 0

"""

CALL_ALLOW = "INVITE,ACK,CANCEL,OPTIONS,BYE,INFO,REFER,NOTIFY,SUBSCRIBE,REGISTER,PUBLISH,UPDATE"
PRODUCT = "Farline Office 0.1"

DORAS_ANSWER = (
    b"v=0\r\no=dora 9 9 IN IP4 10.10.10.30\r\ns=dora's phone\r\nc=IN IP4 10.10.10.30\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


def wire(text: bytes) -> bytes:
    """CRLF, with the length that the body then has."""
    head, _, body = text.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def fields(message: Message) -> dict[str, str]:
    return dict(message.headers())


def test_register_is_challenged_in_the_guides_form(bench):
    phone = bench.phone("3001", Address("10.10.10.7", 43873))
    phone.send(wire(REGISTER))
    answer = phone.take("SIP/2.0 401 Unauthorized")
    said = fields(answer)
    challenge = said.pop("WWW-Authenticate")
    assert re.fullmatch(r'Digest nonce="[0-9a-f]{20,}",realm="ipoffice",algorithm=MD5', challenge)
    assert re.fullmatch(r"<sip:3001@ipo1xp.ipolab.com>;tag=[0-9a-f]{16}", said.pop("To"))
    assert said == {
        "Via": "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632-001201536584-1s1632-",
        "From": "<sip:3001@ipo1xp.ipolab.com>;tag=3FE790F6-4D74-4108-931B-1A21FA7B4BCF",
        "Call-ID": "D03868AF-E9E6-4A10-A80F-E4ECF8333D6F",
        "CSeq": "1 REGISTER",
        "User-Agent": PRODUCT,
        "Allow": "INVITE,ACK,CANCEL,OPTIONS,BYE,REFER,NOTIFY,INFO,SUBSCRIBE,REGISTER,PUBLISH",
        "Supported": "timer",
        "Server": PRODUCT,
        "Content-Length": "0",
    }


def register_ruel(bench):
    phone = bench.phone("3001", Address("10.10.10.7", 43873), listens=Address("10.10.10.7", 5060))
    contact = Message.parse(wire(REGISTER)).get("Contact")
    answer = phone.register("ruel-pw", [("Contact", contact)])
    return phone, answer


def test_register_with_the_password_gets_180_seconds_in_the_guides_form(bench):
    _, answer = register_ruel(bench)
    said = fields(answer)
    assert answer.status == 200
    assert said["Contact"] == "<sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=191791003>"
    assert said["Date"] == "Mon, 27 Feb 2017 03:14:31 GMT"
    assert said["Expires"] == "180"
    assert said["Supported"] == "timer"
    assert said["Server"] == said["User-Agent"] == PRODUCT
    assert said["Allow"].endswith("SUBSCRIBE,REGISTER,PUBLISH")
    assert said["CSeq"] == "2 REGISTER"
    assert re.fullmatch(r"<sip:3001@ipo1xp.ipolab.com>;tag=[0-9a-f]{16}", said["To"])


def call(bench, dora):
    """Ruel calls Dora as in the guide, up to the 180."""
    ruel, _ = register_ruel(bench)
    ruel.send(wire(INVITE))
    invite = dora.take("INVITE")
    dora.answer(invite, 180)
    return ruel, invite


def test_invite_gets_100_and_180_in_the_guides_form(bench, dora):
    ruel, _ = call(bench, dora)
    trying, ringing = fields(ruel.take("SIP/2.0 100 Trying")), ruel.take("SIP/2.0 180 Ringing")
    common = {
        "Via": "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-s1632-000585509158-1--s1632-",
        "Record-Route": "<sip:10.10.10.7:5060;ipcs-line=11;lr;transport=tcp;subid_ipcs=191791003>",
        "From": "<sip:3001@ipo1xp.ipolab.com>;tag=EAA125CA-67A5-4AE1-83D4-EFED38D6D521",
        "Call-ID": "9AFFE6FA-C879-4BCF-9FCF-44D497E9BDA7",
        "CSeq": "1 INVITE",
        "Allow": CALL_ALLOW,
        "Supported": "timer",  # the guide's office also has 100rel; this one has no PRACK
        "Server": PRODUCT,
        "Content-Length": "0",
    }
    assert trying == {**common, "To": "<sip:3003@ipo1xp.ipolab.com>"}
    said = fields(ringing)
    assert re.fullmatch(r"<sip:3003@ipo1xp.ipolab.com>;tag=[0-9a-f]{16}", said.pop("To"))
    assert said == {
        **common,
        "Contact": '"Dora" <sip:3003@10.10.10.13:5060;transport=tcp>',
        "P-Asserted-Identity": '"Dora" <sip:3003@10.10.10.13:5060>',
    }


def test_answer_has_the_offices_own_description(bench, dora):
    ruel, invite = call(bench, dora)
    dora.answer(invite, 200, DORAS_ANSWER)
    ringing, answer = ruel.take("SIP/2.0 180"), ruel.take("SIP/2.0 200 OK")
    assert answer.get("To") == ringing.get("To")
    assert answer.get("Contact") == '"Dora" <sip:3003@10.10.10.13:5060;transport=tcp>'
    assert answer.get("P-Asserted-Identity") == '"Dora" <sip:3003@10.10.10.13:5060>'
    assert answer.get("Content-Type") == "application/sdp"
    lines = answer.body.decode().split("\r\n")
    assert re.fullmatch(r"o=UserA \d+ \d+ IN IP4 10\.10\.10\.13", lines[1])
    assert [lines[0], *lines[2:]] == [
        "v=0",
        "s=Session SDP",
        "c=IN IP4 10.10.10.13",
        "t=0 0",
        "m=audio 40752 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "",
    ]


def test_bye_of_the_called_party_in_the_guides_form(bench, dora):
    ruel, invite = call(bench, dora)
    dora.answer(invite, 200, DORAS_ANSWER)
    answer = ruel.take("SIP/2.0 200")
    ruel.send(wire(ACK % answer.to_tag.encode()))
    dora.take("ACK")
    ruel.inbox.clear()
    dora.inside("BYE", invite, cseq=1)
    assert dora.take("SIP/2.0 200").get("CSeq") == "1 BYE"
    bye = ruel.take("BYE sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=191791003")
    assert ruel.last_flow.local.port not in (5060, ruel.flow.local.port)
    assert ruel.last_flow.remote == Address("10.10.10.7", 5060)
    said = fields(bye)
    assert re.fullmatch(
        r"SIP/2\.0/TCP 10\.10\.10\.13:5060;branch=z9hG4bK[0-9a-f]+;rport", said.pop("Via")
    )
    assert said == {
        "Route": "<sip:10.10.10.7:5060;ipcs-line=11;lr;transport=tcp;subid_ipcs=191791003>",
        "From": f'"Dora" <sip:3003@ipo1xp.ipolab.com>;tag={answer.to_tag}',
        "To": "<sip:3001@ipo1xp.ipolab.com>;tag=EAA125CA-67A5-4AE1-83D4-EFED38D6D521",
        "Call-ID": "9AFFE6FA-C879-4BCF-9FCF-44D497E9BDA7",
        "CSeq": "2 BYE",
        "Contact": '"Dora" <sip:3003@10.10.10.13:5060;transport=tcp>',
        "Max-Forwards": "70",
        "Allow": CALL_ALLOW,
        "Supported": "timer",
        "Reason": 'Q.850;cause=16;text="Normal call clearing"',
        "User-Agent": PRODUCT,
        "Content-Length": "0",
    }
    ruel.answer(bye, 200)
    assert bench.core.switch.calls == []
    assert bench.engine.sessions == {}
    (record,) = bench.core.records.latest(5)
    assert (record.caller, record.called, record.cause) == ("3001", "3003", 16)
    assert record.answered is not None


def test_the_challenge_can_be_read_by_a_client(bench):
    phone = bench.phone("3001", Address("10.10.10.7", 43873))
    phone.send(wire(REGISTER))
    challenge = Challenge.parse(phone.take("SIP/2.0 401").get("WWW-Authenticate"))
    assert (challenge.realm, challenge.algorithm, challenge.qop) == ("ipoffice", "MD5", ())
