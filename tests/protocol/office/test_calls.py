"""Calls: ringing several phones, every way in which a call does not come to be, and its end."""

import pytest

from farline.media.engine import Delete, MediaReply
from farline.media.reports import MediaTimeout
from farline.sip import Address
from farline.store.call_records import CallRecord
from farline.testing.office import SDP, with_sdp


def ack(phone, answer):
    return phone.inside("ACK", answer, cseq=1)


def talk(ruel, dora):
    """A call that stands; the INVITE at Dora and the 200 at Ruel."""
    ruel.invite("3003")
    invite = dora.take("INVITE")
    dora.answer(invite, 200, SDP)
    dora.take("ACK")
    answer = ruel.take("SIP/2.0 200")
    ack(ruel, answer)
    ruel.inbox.clear()
    return invite, answer


def ended(bench):
    """The one call record of the test, after everything is gone."""
    assert bench.core.switch.calls == []
    assert bench.core.stack.dialogs == {}
    assert bench.engine.sessions == {}
    (record,) = [output for output in bench.outputs if isinstance(output, CallRecord)]
    assert bench.core.records.latest(9) == [record]
    return record


def reason(message):
    return message.get("Reason")


def test_caller_hangs_up(bench, ruel, dora):
    _, answer = talk(ruel, dora)
    bench.wait(7)
    ruel.inside("BYE", answer, cseq=2)
    ruel.take("SIP/2.0 200")
    bye = dora.take("BYE")
    dora.answer(bye, 200)
    assert reason(bye) == 'Q.850;cause=16;text="Normal call clearing"'
    record = ended(bench)
    assert (record.cause, round(record.ended - record.answered)) == (16, 7)


def test_the_invite_at_the_called_phone(bench, ruel, dora):
    sent = ruel.invite("3003", headers=[("Max-Forwards", "20")])
    invite = dora.take(f"INVITE {dora.contact}")
    assert invite.get("Max-Forwards") == "19"
    assert invite.call_id != sent.call_id
    assert invite.get("From").startswith('"Ruel" <sip:3001@ipo1xp.ipolab.com>;tag=')
    assert invite.get("To") == "<sip:3003@ipo1xp.ipolab.com>"
    assert invite.get("Contact") == '"Ruel" <sip:3001@10.10.10.13:5060;transport=tcp>'
    assert invite.get("P-Asserted-Identity") == '"Ruel" <sip:3001@10.10.10.13:5060>'
    assert b"m=audio 40750 RTP/AVP 8 101" in invite.body
    assert b"c=IN IP4 10.10.10.13" in invite.body
    assert invite.body.count(b"\r\ns=Session SDP\r\n") == 1
    sides = [(request.sender, request.receiver) for request in bench.engine.requests]
    assert [(one.name, one.interface, one.signaling_source) for one in sides[0]] == [
        ("a", "office", "10.10.10.7"),
        ("b", "office", "10.10.10.30"),
    ]


def test_unknown_extension(bench, ruel):
    ruel.invite("3999")
    assert reason(ruel.take("SIP/2.0 404")).startswith("Q.850;cause=1;")
    assert ended(bench).called == "3999"


def test_not_registered(bench, ruel):
    ruel.invite("3003")
    assert reason(ruel.take("SIP/2.0 480")).startswith("Q.850;cause=20;")
    assert ended(bench).cause == 20


@pytest.mark.parametrize(
    ("said", "heard", "cause"),
    [(486, 486, 17), (600, 600, 17), (603, 603, 21), (480, 480, 18), (488, 488, 88),
     (302, 480, 127), (401, 480, 21), (503, 480, 27)],
)  # fmt: skip
def test_the_phone_refuses(bench, ruel, dora, said, heard, cause):
    ruel.invite("3003")
    dora.answer(dora.take("INVITE"), said)
    dora.take("ACK")
    assert reason(ruel.take(f"SIP/2.0 {heard}")).startswith(f"Q.850;cause={cause};")
    assert ended(bench).cause == cause


def test_no_answer(bench, ruel, dora):
    ruel.invite("3003")
    invite = dora.take("INVITE")
    dora.answer(invite, 180)
    ruel.take("SIP/2.0 180")
    bench.wait(14.9)
    dora.nothing()
    bench.wait(0.2)
    cancel = dora.take("CANCEL")
    assert reason(cancel).startswith("Q.850;cause=19;")
    dora.answer(cancel, 200)
    dora.answer(invite, 487)
    assert reason(ruel.take("SIP/2.0 480")).startswith("Q.850;cause=19;")
    assert ended(bench).cause == 19


def test_no_free_appearance(bench, ruel, dora):
    talk(ruel, dora)
    ruel.invite("3003")
    dora.take("INVITE")
    ruel.inbox.clear()
    ruel.invite("3003")
    assert reason(ruel.take("SIP/2.0 486")).startswith("Q.850;cause=17;")


def test_caller_gives_up(bench, ruel, dora):
    invite = ruel.invite("3003")
    at_dora = dora.take("INVITE")
    dora.answer(at_dora, 180)
    cancel = ruel.request("CANCEL", "3003", call_id=invite.call_id)
    for name in ("Via", "From", "To"):
        cancel.set(name, invite.get(name))
    ruel.send(cancel)
    ruel.take("SIP/2.0 200")
    ruel.take("SIP/2.0 487")
    dora.answer(dora.take("CANCEL"), 200)
    dora.answer(at_dora, 487)
    dora.take("ACK")
    assert ended(bench).answered is None


def test_caller_gives_up_before_the_phone_says_anything(bench, ruel, dora):
    invite = ruel.invite("3003")
    at_dora = dora.take("INVITE")
    cancel = ruel.request("CANCEL", "3003", call_id=invite.call_id)
    for name in ("Via", "From", "To"):
        cancel.set(name, invite.get(name))
    ruel.send(cancel)
    dora.nothing()  # RFC 3261 section 9.1: no CANCEL before a response
    dora.answer(at_dora, 200, SDP)  # the answer and the CANCEL cross
    dora.take("ACK")
    dora.take("BYE")
    assert ended(bench).answered is None


def test_all_phones_ring_and_the_first_wins(bench, ruel, dora):
    kitchen = bench.phone("3003", Address("10.10.10.31", 5060))
    kitchen.register("dora-pw")
    ruel.invite("3003")
    at_desk, at_kitchen = dora.take("INVITE"), kitchen.take("INVITE")
    dora.answer(at_desk, 180)
    kitchen.answer(at_kitchen, 180)
    kitchen.answer(at_kitchen, 200, SDP)
    cancel = dora.take("CANCEL")
    assert reason(cancel) == 'SIP;cause=200;text="Call completed elsewhere"'
    dora.answer(cancel, 200)
    dora.answer(at_desk, 487)
    kitchen.take("ACK")
    ruel.take("SIP/2.0 200")
    assert [call.b.user.name for call in bench.core.switch.calls] == ["Dora"]
    dora.take("ACK")
    dora.nothing()


def test_two_phones_answer_at_once(bench, ruel, dora):
    kitchen = bench.phone("3003", Address("10.10.10.31", 5060))
    kitchen.register("dora-pw")
    ruel.invite("3003")
    at_desk, at_kitchen = dora.take("INVITE"), kitchen.take("INVITE")
    dora.answer(at_desk, 180)
    kitchen.answer(at_kitchen, 200, SDP)
    dora.answer(at_desk, 200, SDP)
    dora.take("CANCEL")
    dora.take("ACK")
    dora.take("BYE")
    kitchen.take("ACK")
    kitchen.nothing()


def test_one_busy_phone_does_not_end_the_ringing_but_decline_does(bench, ruel, dora):
    kitchen = bench.phone("3003", Address("10.10.10.31", 5060))
    kitchen.register("dora-pw")
    ruel.invite("3003")
    at_desk, at_kitchen = dora.take("INVITE"), kitchen.take("INVITE")
    dora.answer(at_desk, 486)
    ruel.take("SIP/2.0 100")
    ruel.nothing()
    kitchen.answer(at_kitchen, 603)
    assert reason(ruel.take("SIP/2.0 603")).startswith("Q.850;cause=21;")
    assert ended(bench).cause == 21


def test_early_media(bench, ruel, dora):
    ruel.invite("3003")
    dora.answer(dora.take("INVITE"), 183, SDP)
    progress = ruel.take("SIP/2.0 183")
    assert b"m=audio 40752 RTP/AVP 8 101" in progress.body
    assert progress.body.startswith(b"v=0\r\no=UserA ")


def test_the_engine_has_no_ports(bench, ruel, dora):
    bench.engine.error = MediaReply(error="ports exhausted", status=503)
    ruel.invite("3003")
    ruel.take("SIP/2.0 503")
    dora.nothing()
    assert bench.core.switch.calls == []


def test_an_offer_that_is_no_sdp(bench, ruel, dora):
    ruel.invite("3003", b"hello\r\n")
    ruel.take("SIP/2.0 488")
    dora.nothing()


def test_silence_on_the_media_ends_the_call(bench, ruel, dora):
    talk(ruel, dora)
    (session,) = bench.engine.sessions
    bench.give(MediaTimeout(session, 60.0))
    ruel.take("BYE")
    dora.take("BYE")
    assert ended(bench).cause == 41


def test_a_silent_session_of_an_earlier_process_is_released(bench):
    bench.give(MediaTimeout("of-yesterday", 60.0))
    assert bench.engine.requests == [
        Delete("of-yesterday", "silent, and of no call that is known here")
    ]


def test_the_200_is_repeated_until_the_ack(bench, ruel, dora):
    ruel.invite("3003")
    dora.answer(dora.take("INVITE"), 200, SDP)
    ruel.take("SIP/2.0 200")
    bench.wait(1.6)
    again = [ruel.take("SIP/2.0 200") for _ in range(2)]
    assert len(again) == 2
    ack(ruel, again[0])
    ruel.inbox.clear()
    bench.wait(10)
    ruel.nothing()


def test_a_200_that_is_never_acknowledged(bench, ruel, dora):
    ruel.invite("3003")
    dora.answer(dora.take("INVITE"), 200, SDP)
    dora.take("ACK")
    bench.wait(33)
    ruel.take("BYE")
    dora.take("BYE")
    assert ended(bench).cause == 102


def test_a_bye_before_the_ack_waits_for_it(bench, ruel, dora):
    ruel.invite("3003")
    invite = dora.take("INVITE")
    dora.answer(invite, 200, SDP)
    answer = ruel.take("SIP/2.0 200")
    dora.inside("BYE", invite, cseq=1)
    ruel.take("SIP/2.0 100")
    ruel.nothing()
    ack(ruel, answer)
    ruel.take("BYE")
    assert ended(bench).cause == 16


def test_a_repeated_200_of_the_phone_is_acknowledged_again(bench, ruel, dora):
    ruel.invite("3003")
    invite = dora.take("INVITE")
    dora.answer(invite, 200, SDP)
    first = dora.take("ACK")
    dora.answer(invite, 200, SDP)
    second = dora.take("ACK")
    assert (first.cseq, first.to_tag) == (second.cseq, second.to_tag)


def test_dead_phone(bench, ruel, dora):
    bench.unreachable.add(Address("10.10.10.30", 5060))
    bench.hang(dora.flow)
    ruel.invite("3003")
    ruel.take("SIP/2.0 480")
    assert ended(bench).cause == 27


def test_a_caller_without_a_free_appearance(bench, ruel, dora):
    for _ in range(2):
        ruel.invite("3003")
        dora.take("INVITE")
    ruel.inbox.clear()
    ruel.invite("3999")
    assert reason(ruel.take("SIP/2.0 486")).startswith("Q.850;cause=17;")


def test_the_callers_connection_breaks_while_it_rings(bench, ruel, dora):
    invite = ruel.request("INVITE", "3003")
    invite.set("Via", "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-broken")
    ruel.send(with_sdp(invite, SDP))
    at_dora = dora.take("INVITE")
    ruel.inbox.clear()
    bench.hang(ruel.flow)
    dora.answer(at_dora, 200, SDP)
    answer = ruel.take("SIP/2.0 200")
    assert ruel.last_flow.remote == Address("10.10.10.7", 5060)
    assert answer.call_id == invite.call_id
