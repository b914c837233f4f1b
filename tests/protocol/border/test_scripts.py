"""Scripts in the way of messages: where they run, that nobody waits, what is not taken of them."""

import pytest

from farline.border.interworking.scripts import Manipulated
from farline.sip import Message, responses
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone, offer

URI = f"sip:3003@{DOMAIN}"
SCRIPTS = "  signaling_scripts:\n    - {name: mark, file: mark.py}\n\n  # Global Policies > Routing"
SERVER = ("signaling_manipulation_script: null\n        securable",
          "signaling_manipulation_script: mark\n        securable")  # fmt: skip


def world_of(load_border, *changes):
    return BorderWorld(load_border(("  # Global Policies > Routing", SCRIPTS), *changes))


def work(world, change=None):
    """Run the scripts that the border waits for; gives their directions."""
    done = []
    while world.orders:
        order = world.orders.pop(0)
        assert order.script == "mark"
        message = Message.parse(order.data)
        if change is not None:
            change(message, order.direction)
        done.append(order.direction)
        world.give(Manipulated(order.ticket, message.to_bytes()))
    return done


def mark(message, direction):
    message.add("X-Mark", direction)


@pytest.fixture
def scripted(load_border):
    world = world_of(load_border, SERVER)
    phone = Phone(world)
    world.receive(phone.flow, phone.request(
        "REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>",
        Contact=f"<{phone.contact}>;expires=3600",
    ))  # fmt: skip
    assert work(world) == ["to_server"]
    phone.upstream = world.opened[-1]
    inner = world.take(phone.upstream)
    phone.subid = inner.get("Contact").partition("subid_ipcs=")[2].partition(">")[0]
    answer = responses.make(inner, 200, to_tag="r")
    answer.add("Contact", inner.get("Contact"))
    world.receive(phone.upstream, answer)
    assert work(world) == ["from_server"]
    while world.unread(phone.flow):
        world.take(phone.flow)
    return phone


def test_requests_and_answers_both_ways(scripted):
    phone, world = scripted, scripted.world
    world.receive(phone.flow, phone.request("INVITE", URI, body=offer()))
    work(world, mark)
    phone.inner_invite = world.take(phone.upstream)
    assert phone.inner_invite.get("X-Mark") == "to_server"
    world.take(phone.flow)
    phone.office_answer(phone.inner_invite, 200, body=offer("10.10.10.13", 40750))
    work(world, mark)
    assert world.take(phone.flow).get("X-Mark") == "from_server"
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    work(world, mark)
    assert world.take(phone.upstream).get("X-Mark") == "to_server"
    world.receive(phone.upstream, phone.office_request("MESSAGE"))
    work(world, mark)
    assert world.take(phone.flow).get("X-Mark") == "from_server"


def test_nobody_else_waits_for_a_script(scripted):
    phone, world = scripted, scripted.world
    world.receive(phone.flow, phone.request("MESSAGE", URI, call="slow"))
    world.receive(phone.flow, phone.request("MESSAGE", URI, call="fast"))
    slow, fast = world.orders
    world.give(Manipulated(fast.ticket, fast.data))
    assert world.take(phone.upstream).call_id == "fast"
    # the slow one never answers: after 5 s the message goes as it was
    assert "script" in world.wait(5)
    assert world.take(phone.upstream).call_id == "slow"
    world.give(Manipulated(slow.ticket, slow.data))
    assert world.core.show()["counters"]["script.failed"] == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m, _: m.set("Call-ID", "x"), "Call-ID"),
        (lambda m, _: m.set("CSeq", "9 MESSAGE"), "CSeq"),
        (lambda m, _: m.set("From", "<sip:a@b>;tag=z"), "tag of From"),
        (lambda m, _: m.add("Via", "SIP/2.0/TCP a;branch=z9hG4bKx"), "Via"),
        (lambda m, _: setattr(m, "uri", "sip:x@[bad"), "Request-URI cannot be read"),
    ],
)
def test_what_a_message_is_known_by_stays(scripted, change, why):
    phone, world = scripted, scripted.world
    world.receive(phone.flow, phone.request("MESSAGE", URI, call="m"))
    work(world, change)
    assert world.take(phone.upstream).call_id == "m"
    assert why in world.decisions("script")[-1].because


@pytest.mark.parametrize("length", ["3", "300", None])
def test_where_a_message_ends_is_not_the_scripts_affair(scripted, length):
    """On a connection that is shared, a wrong Content-Length would be everybody's."""
    phone, world = scripted, scripted.world
    message = phone.request("MESSAGE", URI, call="m", body=b"hello", Content_Type="text/plain")
    world.receive(phone.flow, message)
    order = world.orders.pop()
    line = b"Content-Length: 5\r\n"
    told = f"Content-Length: {length}\r\n".encode() if length else b""
    assert line in order.data
    world.give(Manipulated(order.ticket, order.data.replace(line, told)))
    inner = world.take(phone.upstream)
    assert (inner.get("Content-Length"), inner.body) == ("5", b"hello")


def test_the_subscriber_flows_script_sees_the_phones_side(load_border):
    flow = ("signaling_manipulation_script: null\n      presence",
            "signaling_manipulation_script: mark\n      presence")  # fmt: skip
    world = world_of(load_border, flow, SERVER)
    phone = Phone(world)
    register = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>")
    world.receive(phone.flow, register)
    assert work(world, mark) == ["from_phone", "to_server"]
    inner = world.take(world.opened[-1])
    assert inner.all("X-Mark") == ["from_phone", "to_server"]
    world.receive(world.opened[-1], responses.make(inner, 403, to_tag="x"))
    assert work(world) == ["from_server", "to_phone"]


def test_the_server_flows_script_stands_before_the_servers(load_border):
    """Each has one: that of the server flow is used, and the other sees nothing."""
    both = SCRIPTS.replace("mark.py}", "mark.py}\n    - {name: other, file: other.py}")
    flow = ("signaling_manipulation_script: null\n      remote_branch",
            "signaling_manipulation_script: mark\n      remote_branch")  # fmt: skip
    server = (SERVER[0], SERVER[1].replace("mark", "other"))
    world = BorderWorld(load_border(("  # Global Policies > Routing", both), flow, server))
    phone = Phone(world)
    world.receive(phone.flow, phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>"))
    assert work(world, mark) == ["to_server"]
    inner = world.take(world.opened[-1])
    assert inner.get("X-Mark") == "to_server"
    world.receive(world.opened[-1], responses.make(inner, 403, to_tag="x"))
    assert work(world) == ["from_server"]


def test_an_unknown_script_is_named(load_border):
    with pytest.raises(ValueError, match="no such signaling script 'mark'"):
        load_border(SERVER)
