"""What the shield does to those who flood, scan and guess, and what it leaves to the phones."""

import pytest

from farline.config import Shield
from farline.sip import Message, Transport, responses
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone


@pytest.fixture
def stranger(world):
    return world.accept("IPORWB1Sig", "203.0.113.9", 4000)


def test_scanners_get_no_answer(world, stranger):
    message = Message.request("OPTIONS", "sip:100@192.168.64.96")
    for name, value in (
        ("Via", "SIP/2.0/TCP 1.2.3.4:5;branch=z9hG4bKx"),
        ("From", "<sip:100@1.1.1.1>;tag=1"),
        ("To", "<sip:100@1.1.1.1>"),
        ("Call-ID", "1"),
        ("CSeq", "1 OPTIONS"),
        ("User-Agent", "friendly-scanner"),
    ):
        message.add(name, value)
    message.body = b""
    world.receive(stranger, message)
    assert world.unread() == []
    assert world.refusals()[0].reason == "shield"


def test_credit_runs_out_and_comes_back(guide_border):
    form = Shield(address_credit=10, address_credit_per_second=1, ban_after=0)
    world = BorderWorld(guide_border.model_copy(update={"shield": form}))
    good = Phone(world)
    good.register()
    bad = Phone(world, user="3002", port=9)
    for number in range(20):
        world.receive(bad.flow, bad.request("INVITE", f"sip:3003@{DOMAIN}", call=f"x{number}"))
    answers = len(world.unread(bad.flow))
    assert 4 <= answers <= 6
    good.call_office()  # the registered phone behind the same address is not touched
    world.wait(10)
    world.receive(bad.flow, bad.request("INVITE", f"sip:3003@{DOMAIN}", call="later"))
    assert len(world.unread(bad.flow)) == answers + 1


def with_shield(border, **fields):
    return BorderWorld(border.model_copy(update={"shield": Shield(**fields)}))


def scan(world, flow, agent="friendly-scanner"):
    world.receive(
        flow,
        f"OPTIONS sip:100@192.168.64.96 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 1.2.3.4;rport;branch=z9hG4bK{agent}\r\n"
        f"From: <sip:1@1.1.1.1>;tag=1\r\nTo: <sip:1@1.1.1.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
        f"User-Agent: {agent}\r\nContent-Length: 0\r\n\r\n".encode(),
    )


def test_a_scanner_is_banned_and_the_phone_behind_the_same_address_is_not(guide_border):
    world = with_shield(guide_border)
    good = Phone(world)
    good.register()
    bad = world.accept("IPORWB1Sig", good.flow.remote.host, 4444, Transport.UDP)
    scan(world, bad)
    (ban,) = world.core.show()["bans"]
    assert (ban["who"], ban["seconds left"]) == (str(bad.remote), 600)
    scan(world, bad, "Phone")
    assert "is banned for 600 s: User-Agent names the scanner" in world.refusals()[-1].detail
    good.call_office()
    other = Phone(world, user="3002", port=10058)
    other.register()
    world.wait(601)
    scan(world, bad, "Later")
    assert world.core.show()["bans"] == []
    assert len(world.unread(bad)) == 1


def test_preview_says_who_would_be_banned_and_refuses_nobody(guide_border):
    world = with_shield(guide_border, mode="preview", deny=("203.0.113.0/24",))
    bad = world.accept("IPORWB1Sig", "203.0.113.9", 4444, Transport.UDP)
    scan(world, bad)
    scan(world, bad, "Phone")
    assert [m.status for m in world.unread(bad)] == [403, 403]
    assert world.core.show()["bans"][0]["who"] == "203.0.113.9:4444"
    assert world.core.show()["counters"]["shield.would-ban"] == 1
    said = [one.because for one in world.decisions("shield") if one.value == "would be refused"]
    assert said[0] == "203.0.113.9 is on the deny list"


def test_a_registered_phone_that_floods_is_slowed_and_its_call_stays(guide_border):
    world = with_shield(guide_border, phone_credit=10, phone_credit_per_second=1)
    phone = Phone(world)
    phone.register()
    phone.call_office()
    for number in range(30):
        world.receive(phone.flow, phone.request("OPTIONS", "sip:192.168.64.96", call=f"o{number}"))
    refused = [one for one in world.refusals() if "sends too much for one phone" in one.detail]
    assert len(refused) >= 20
    assert world.core.show()["bans"] == []
    world.wait(5)
    world.receive(phone.flow, phone.in_dialog("BYE", call="call-1", cseq=90))
    assert world.take(phone.upstream).method == "BYE"


def guess(world, phone, number):
    request = phone.request(
        "REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>", call=f"g{number}",
        Contact=f"<{phone.contact}>", Authorization='Digest username="x",response="0"',
    )  # fmt: skip
    world.receive(phone.flow, request)


def test_guessed_passwords_close_the_address_of_record_to_strangers_only(guide_border):
    world = with_shield(guide_border, aor_failures=3, ban_after=0)
    owner = Phone(world)
    owner.register()
    for number in range(3):
        bad = Phone(world, ip=f"203.0.113.{number}", port=5060)
        guess(world, bad, number)
        world.take(bad.flow)
        inner = world.take(world.opened[-1])
        world.receive(world.opened[-1], responses.make(inner, 401, to_tag="x"))
        assert world.take(bad.flow).status == 401
    late = Phone(world, ip="203.0.113.77", port=5060)
    guess(world, late, 9)
    assert world.take(late.flow).status == 403
    assert world.refusals()[-1].reason == "passwords"
    owner.register(cseq=2, call="again")


@pytest.mark.parametrize(
    ("challenge", "status"),
    [
        ('Digest realm="a",nonce="n", stale = "TRUE"', 200),
        ('Digest realm="stale=true",nonce="n"', 403),
        ('Digest realm="a",nonce="n",stale=false', 403),
    ],
)
def test_an_old_nonce_is_no_wrong_password(guide_border, challenge, status):
    """As the challenge says it, not as its text looks."""
    world = with_shield(guide_border, aor_failures=3, ban_after=0)
    bad = Phone(world, ip="203.0.113.1", port=5060)
    for number in range(3):
        guess(world, bad, number)
        told = responses.make(world.take(world.opened[-1]), 401, to_tag="x")
        told.add("WWW-Authenticate", challenge)
        world.receive(world.opened[-1], told)
    guess(world, bad, 4)
    if status == 200:
        assert world.take(world.opened[-1]).method == "REGISTER"
    else:
        assert world.refusals()[-1].reason == "passwords"


def test_a_flood_of_strangers_leaves_the_phones_theirs(guide_border):
    world = with_shield(guide_border, interface_per_second=20, ban_after=0)
    good = Phone(world)
    good.register()
    for number in range(100):
        flow = world.accept("IPORWB1Sig", f"203.0.{number}.9", 4444, Transport.UDP)
        scan(world, flow, "Phone")
    assert world.core.show()["shield"]["IPORWB1Sig"] == "flood"
    assert sum("strangers in a second" in one.detail for one in world.refusals()) >= 79
    good.call_office()
