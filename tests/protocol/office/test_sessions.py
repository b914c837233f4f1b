"""What happens inside a call: hold, late offers, UPDATE, INFO, session timers, odd requests."""

import pytest

from farline.sip import Address
from farline.testing.office import SDP

HELD = SDP.replace(b"o=- 1 1", b"o=- 1 2") + b"a=sendonly\r\n"
RESUMED = SDP.replace(b"o=- 1 1", b"o=- 1 3") + b"a=sendrecv\r\n"


@pytest.fixture
def talking(bench, ruel, dora):
    """The INVITE at Dora and the 200 at Ruel."""
    ruel.invite("3003")
    invite = dora.take("INVITE")
    dora.answer(invite, 200, SDP)
    dora.take("ACK")
    answer = ruel.take("SIP/2.0 200")
    ruel.inside("ACK", answer, cseq=1)
    ruel.inbox.clear()
    return invite, answer


def origin(message):
    session, version = message.body.split(b"\r\n")[1].split()[1:3]
    return int(session), int(version)


def test_hold_and_resume(bench, ruel, dora, talking):
    _, answer = talking
    ruel.inside("INVITE", answer, HELD, cseq=2)
    at_dora = dora.take("INVITE")
    assert b"a=sendonly" in at_dora.body
    dora.answer(at_dora, 200, SDP + b"a=recvonly\r\n")
    dora.take("ACK")
    held = ruel.take("SIP/2.0 200")
    assert b"a=recvonly" in held.body
    assert origin(held) == (origin(answer)[0], origin(answer)[1] + 1)
    ruel.inside("ACK", held, cseq=2)
    ruel.inbox.clear()
    ruel.inside("INVITE", answer, RESUMED, cseq=3)
    dora.answer(dora.take("INVITE"), 200, SDP)
    dora.take("ACK")
    assert b"recvonly" not in ruel.take("SIP/2.0 200").body


def test_hold_by_the_called_party(bench, ruel, dora, talking):
    invite, _ = talking
    dora.inside("INVITE", invite, HELD, cseq=1)
    at_ruel = ruel.take("INVITE")
    assert at_ruel.get("Route") is None
    assert at_ruel.get("From").startswith('"Dora" <sip:3003@')
    ruel.answer(at_ruel, 200, SDP)
    ruel.take("ACK")
    dora.take("SIP/2.0 200")
    request = bench.engine.requests[-2:]
    assert [(one.sender.name, one.receiver.name) for one in request] == [("b", "a"), ("a", "b")]


def test_a_change_that_is_refused_leaves_the_call(bench, ruel, dora, talking):
    _, answer = talking
    ruel.inside("INVITE", answer, HELD, cseq=2)
    dora.answer(dora.take("INVITE"), 488)
    dora.take("ACK")
    ruel.take("SIP/2.0 488")
    assert len(bench.core.switch.calls) == 1
    ruel.inside("INVITE", answer, HELD, cseq=3)
    dora.take("INVITE")


def test_both_change_at_once(bench, ruel, dora, talking):
    invite, answer = talking
    ruel.inside("INVITE", answer, HELD, cseq=2)
    dora.take("INVITE")
    dora.inside("INVITE", invite, HELD, cseq=1)
    dora.take("SIP/2.0 491")


def test_a_refresh_is_answered_by_the_office(bench, ruel, dora, talking):
    _, answer = talking
    ruel.inside("INVITE", answer, SDP, cseq=2)
    assert ruel.take("SIP/2.0 200").body == answer.body
    dora.nothing()


def test_late_offer(bench, ruel, dora):
    ruel.invite("3003", b"")
    invite = dora.take("INVITE")
    assert invite.body == b""
    dora.answer(invite, 200, SDP)
    answer = ruel.take("SIP/2.0 200")
    assert b"m=audio 4075" in answer.body
    with pytest.raises(AssertionError):
        dora.take("ACK")
    ruel.inside("ACK", answer, SDP, cseq=1)
    assert b"m=audio 4075" in dora.take("ACK").body
    kinds = [type(request).__name__ for request in bench.engine.requests]
    assert kinds == ["Offer", "Answer"]


def test_late_offer_without_an_answer_ends_the_call(bench, ruel, dora):
    ruel.invite("3003", b"")
    dora.answer(dora.take("INVITE"), 200, SDP)
    ruel.inside("ACK", ruel.take("SIP/2.0 200"), cseq=1)
    dora.take("ACK")
    dora.take("BYE")
    ruel.take("BYE")
    assert bench.core.switch.calls == []


def test_later_invite_without_sdp(bench, ruel, dora, talking):
    _, answer = talking
    ruel.inside("INVITE", answer, cseq=2)
    at_dora = dora.take("INVITE")
    assert at_dora.body == b""
    dora.answer(at_dora, 200, HELD)
    offer = ruel.take("SIP/2.0 200")
    assert b"a=sendonly" in offer.body
    ruel.inside("ACK", offer, SDP, cseq=2)
    assert dora.take("ACK").body


def test_update_with_and_without_sdp(bench, ruel, dora, talking):
    _, answer = talking
    ruel.inside("UPDATE", answer, cseq=2)
    assert ruel.take("SIP/2.0 200").body == b""
    dora.nothing()
    ruel.inside("UPDATE", answer, HELD, cseq=3)
    dora.answer(dora.take("INVITE"), 200, SDP)
    dora.take("ACK")
    assert ruel.take("SIP/2.0 200").get("CSeq") == "3 UPDATE"
    bench.wait(40)
    ruel.nothing()  # no ACK is wanted for UPDATE


def test_info_passes(bench, ruel, dora, talking):
    _, answer = talking
    kind = [("Content-Type", "application/dtmf-relay")]
    ruel.inside("INFO", answer, b"Signal=5\r\n", kind, cseq=2)
    info = dora.take("INFO")
    assert info.get("Content-Type") == "application/dtmf-relay"
    assert info.body == b"Signal=5\r\n"
    dora.answer(info, 200)
    ruel.take("SIP/2.0 200")


def test_options_and_what_the_office_does_not_do(bench, ruel, dora, talking):
    _, answer = talking
    for cseq, (method, status) in enumerate(
        [("OPTIONS", 200), ("SUBSCRIBE", 489), ("NOTIFY", 481), ("MESSAGE", 405)], 2
    ):
        ruel.inside(method, answer, cseq=cseq)
        ruel.take(f"SIP/2.0 {status}")
    assert len(bench.core.switch.calls) == 1


def test_an_old_number_and_a_foreign_tag(bench, ruel, dora, talking):
    _, answer = talking
    ruel.inside("INFO", answer, cseq=1)
    ruel.take("SIP/2.0 500")
    answer.set("To", "<sip:3003@ipo1xp.ipolab.com>;tag=guessed")
    ruel.inside("BYE", answer, cseq=5)
    ruel.take("SIP/2.0 481")
    dora.nothing()


# ---- session timers (RFC 4028) ----

TIMER = [("Supported", "timer")]


def with_timer(ruel, dora, wish):
    ruel.invite("3003", headers=[*TIMER, ("Session-Expires", wish)])
    dora.answer(dora.take("INVITE"), 200, SDP)
    dora.take("ACK")
    answer = ruel.take("SIP/2.0 200")
    ruel.inside("ACK", answer, cseq=1)
    ruel.inbox.clear()
    return answer


def test_no_timer_unless_asked(bench, ruel, dora, talking):
    assert talking[1].get("Session-Expires") is None
    bench.wait(100_000)
    assert len(bench.core.switch.calls) == 1


def test_the_caller_refreshes(bench, ruel, dora):
    answer = with_timer(ruel, dora, "1800")
    assert answer.get("Session-Expires") == "1800;refresher=uac"
    assert answer.get("Require") == "timer"
    bench.wait(1500)
    ruel.inside("UPDATE", answer, b"", [*TIMER, ("Session-Expires", "1800")], cseq=2)
    assert ruel.take("SIP/2.0 200").get("Session-Expires") == "1800;refresher=uac"
    bench.wait(1767)
    assert len(bench.core.switch.calls) == 1
    bench.wait(2)
    assert ruel.take("BYE").get("Reason").startswith("Q.850;cause=102;")
    dora.take("BYE")
    assert bench.core.switch.calls == []


def test_the_office_refreshes_when_asked_to(bench, ruel, dora):
    with_timer(ruel, dora, "1800;refresher=uas")
    bench.wait(901)
    refresh = ruel.take("INVITE")  # Ruel's phone did not say that it allows UPDATE
    assert refresh.get("Session-Expires") == "1800;refresher=uac"
    ruel.answer(refresh, 200, SDP, [("Session-Expires", "1800;refresher=uac")])
    ruel.take("ACK")
    dora.nothing()
    bench.wait(901)
    ruel.take("INVITE")


def test_an_interval_that_is_too_small(bench, ruel, dora):
    ruel.invite("3003", headers=[*TIMER, ("Session-Expires", "30")])
    assert ruel.take("SIP/2.0 422").get("Min-SE") == "90"
    dora.nothing()


# ---- blind transfer (RFC 3515) ----


def refer(phone, known, to="sip:3005@ipo1xp.ipolab.com", cseq=2):
    phone.inside("REFER", known, b"", [("Refer-To", f"<{to}>")], cseq=cseq)


def heard(phone):
    """The status line in the next NOTIFY."""
    notify = phone.take("NOTIFY")
    phone.answer(notify, 200)
    assert notify.get("Event").startswith("refer")
    assert notify.get("Content-Type").startswith("message/sipfrag")
    final = notify.get("Subscription-State").startswith("terminated")
    return notify.body.decode().strip(), final


@pytest.fixture
def make_bench_with_third(make_bench):
    def third(office):
        user = office.users[1].model_copy(update={"name": "Carl", "extension": "3005"})
        return office.model_copy(update={"users": (*office.users, user)})

    return make_bench(third)


@pytest.fixture
def bench(make_bench_with_third):
    return make_bench_with_third


@pytest.fixture
def carl(bench):
    phone = bench.phone("3005", Address("10.10.10.35", 5060))
    assert phone.register("dora-pw").status == 200
    return phone


def test_transfer(bench, ruel, dora, carl, talking):
    _, answer = talking
    refer(ruel, answer)
    ruel.take("SIP/2.0 202")
    assert heard(ruel) == ("SIP/2.0 100 Trying", False)
    at_carl = carl.take("INVITE")
    assert at_carl.body == b""
    assert at_carl.get("From").startswith('"Dora" <sip:3003@')
    carl.answer(at_carl, 180)
    assert heard(ruel) == ("SIP/2.0 180 Ringing", False)
    carl.answer(at_carl, 200, SDP)
    assert heard(ruel) == ("SIP/2.0 200 OK", True)
    assert ruel.take("BYE")
    at_dora = dora.take("INVITE")
    assert at_dora.get("P-Asserted-Identity") == '"Carl" <sip:3005@10.10.10.13:5060>'
    dora.answer(at_dora, 200, SDP)
    dora.take("ACK")
    assert b"m=audio" in carl.take("ACK").body
    (call,) = bench.core.switch.calls
    assert (call.caller.name, call.called.name) == ("Dora", "Carl")
    assert len(bench.engine.sessions) == 1
    carl.inside("BYE", at_carl, cseq=1)
    dora.take("BYE")
    assert bench.core.switch.calls == []
    assert bench.engine.sessions == {}
    assert bench.core.stack.dialogs == {}


def test_transfer_to_nobody(bench, ruel, dora, talking):
    _, answer = talking
    refer(ruel, answer, "sip:3999@ipo1xp.ipolab.com")
    ruel.take("SIP/2.0 202")
    assert heard(ruel) == ("SIP/2.0 100 Trying", False)
    assert heard(ruel) == ("SIP/2.0 404 Not Found", True)
    assert len(bench.core.switch.calls) == 1
    dora.nothing()


def test_transfer_refused_and_the_talk_goes_on(bench, ruel, dora, carl, talking):
    _, answer = talking
    refer(ruel, answer)
    carl.answer(carl.take("INVITE"), 486)
    heard(ruel)
    assert heard(ruel) == ("SIP/2.0 486 Busy Here", True)
    assert len(bench.core.switch.calls) == 1
    dora.nothing()


def test_the_transferor_hangs_up_at_once(bench, ruel, dora, carl, talking):
    _, answer = talking
    refer(ruel, answer)
    ruel.inside("BYE", answer, cseq=3)
    dora.nothing()
    at_carl = carl.take("INVITE")
    carl.answer(at_carl, 200, SDP)
    dora.answer(dora.take("INVITE"), 200, SDP)
    carl.take("ACK")
    assert [call.called.name for call in bench.core.switch.calls] == ["Carl"]


def test_the_transferor_is_gone_and_nobody_answers(bench, ruel, dora, carl, talking):
    _, answer = talking
    refer(ruel, answer)
    ruel.inside("BYE", answer, cseq=3)
    carl.answer(carl.take("INVITE"), 603)
    dora.take("BYE")
    assert bench.core.switch.calls == []


def test_the_transferred_phone_hangs_up_while_it_rings(bench, ruel, dora, carl, talking):
    invite, answer = talking
    refer(ruel, answer)
    at_carl = carl.take("INVITE")
    carl.answer(at_carl, 180)
    dora.inside("BYE", invite, cseq=1)
    carl.take("CANCEL")
    ruel.take("BYE")
    assert bench.core.switch.calls == []


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("sip:3005@ipo1xp.ipolab.com?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc", 501),
        ("sip:3005@ipo1xp.ipolab.com;method=BYE", 501),
    ],
)
def test_what_transfer_does_not_do(bench, ruel, dora, carl, talking, to, status):
    refer(ruel, talking[1], to)
    ruel.take(f"SIP/2.0 {status}")
    carl.nothing()


def test_refer_without_a_target(bench, ruel, dora, talking):
    ruel.inside("REFER", talking[1], cseq=2)
    ruel.take("SIP/2.0 400")
