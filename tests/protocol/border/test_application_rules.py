"""Application rules: which kinds of sessions there may be, and how many."""

import pytest

from farline.testing.border_phone import DOMAIN, offer
from farline.testing.policed import VIDEO, application, decided, passed, refused


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
        ({"voice": {"max_sessions_per_endpoint": 1}}, 486, "Voice: Maximum Sessions Per Endpoint"),
    ],
)
def test_most_sessions(policed, rule, status, field):
    world, phone = policed(application(**rule))
    phone.call_office()
    assert refused(world, phone, "INVITE", call="c2", from_tag="t2", body=offer()) == status
    assert decided(world).form.endswith(f": {field}")


@pytest.mark.parametrize(
    ("rule", "status"),
    [({"max_concurrent_sessions": 1}, 503), ({"max_sessions_per_endpoint": 1}, 486)],
)
def test_calls_that_wait_for_one_connection_are_counted_too(policed, rule, status):
    """All of them were admitted before the first one had a session."""
    world, phone = policed(application(**rule))
    world.close(phone.upstream)
    orders = world.hold_opens()
    for number in range(3):
        invite = phone.request(
            "INVITE", f"sip:3003@{DOMAIN}", body=offer(), call=f"at-once-{number}"
        )
        world.receive(phone.flow, invite)
    (order,) = orders
    world.open(order)
    assert len(world.unread(world.opened[-1])) == 1
    answers = [m.status for m in world.unread(phone.flow) if m.status != 100]
    assert answers == [status, status]


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
