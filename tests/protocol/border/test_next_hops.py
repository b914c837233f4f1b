"""Several next hops: heartbeats, failover long before Timer B, load balancing."""

import pytest

from farline.sip import Address, Transport, responses
from farline.sip.dns import Found, Question
from farline.sip.effects import Expired, Started
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone, offer

HOP = "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}"
ADDRESS = "- {address: 10.10.10.13, port: 5060, transport: UDP}"
FIRST, SECOND = Address("10.10.10.13", 5060), Address("10.10.10.14", 5060)


def hops(transport, extra=""):
    """Two next hops of one transport: changes of the guide's text."""
    lines = [
        f"- {{priority: {n}, server: IPO, address: {one.host}, port: 5060, transport: {transport}}}"
        for n, one in enumerate((FIRST, SECOND), 1)
    ]
    listed = f"- {{address: 10.10.10.14, port: 5060, transport: {transport}}}"
    return ((HOP, "\n        ".join(lines)), (ADDRESS, f"{ADDRESS}\n        {listed}{extra}"))


def heartbeat(**fields):
    told = ", ".join(f"{name}: {value}" for name, value in fields.items())
    off = 'heartbeat: {enabled: false, frequency: 30, from_uri: "", to_uri: ""}'
    return (off, f"heartbeat: {{enabled: true, {told}}}")


def states(world):
    rows = world.core.show()["next hops"]
    return {(row["address"], row["transport"]): row["state"] for row in rows}


def udp(world, remote):
    return world.accept("IPORWA1Sig", remote.host, remote.port, Transport.UDP)


def registering(world, phone):
    """A REGISTER that nobody inside has answered yet."""
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 100


def notes(world, what):
    return [event.detail for event in world.events if getattr(event, "what", "") == what]


# ---- failover ----


@pytest.fixture
def two_udp(load_border):
    return BorderWorld(load_border(*hops("UDP")))


def drain(world, flow):
    """The messages to a flow that are no retransmissions."""
    seen = []
    for message in world.unread(flow):
        if not any(message.to_bytes() == one.to_bytes() for one in seen):
            seen.append(message)
    while world.unread(flow):
        world.take(flow)
    return seen


def test_silent_hop_is_left_after_four_seconds(two_udp):
    world = two_udp
    phone = Phone(world)
    registering(world, phone)
    world.wait(3.9)
    assert not world.unread(udp(world, SECOND))
    world.wait(0.2)
    (again,) = drain(world, udp(world, SECOND))
    assert again.method == "REGISTER"
    assert states(world)["10.10.10.13:5060", "UDP"] == "down"
    assert world.decisions("routing")[-1].value.startswith("IPO 10.10.10.14:5060")


def ringing_late(world, phone):
    """An INVITE that the first hop left unanswered for four seconds; both copies."""
    phone.register()
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer()))
    assert world.take(phone.flow).status == 100
    (one,) = drain(world, udp(world, FIRST))
    world.wait(4.1)
    drain(world, udp(world, FIRST))
    (two,) = drain(world, udp(world, SECOND))
    return one, two


def test_invite_moves_on_and_a_late_answer_is_cleared_up(two_udp):
    world = two_udp
    phone = Phone(world)
    one, two = ringing_late(world, phone)
    assert (one.method, two.method) == ("INVITE", "INVITE")
    assert one.get("Via") != two.get("Via")
    # the second answers: the call goes through it
    ok = responses.make(two, 200, to_tag="b", body=offer("10.10.10.14", 40000))
    ok.add("Contact", "<sip:3003@10.10.10.14:5060>")
    world.receive(udp(world, SECOND), ok)
    assert world.take(phone.flow).status == 200
    # the first wakes up: 180 is answered with CANCEL, its 200 with ACK and BYE
    world.receive(udp(world, FIRST), responses.make(one, 180, to_tag="a"))
    assert [m.method for m in drain(world, udp(world, FIRST))] == ["CANCEL"]
    late = responses.make(one, 200, to_tag="a", body=offer("10.10.10.13", 40000))
    late.add("Contact", "<sip:3003@10.10.10.13:5060>")
    world.receive(udp(world, FIRST), late)
    methods = [m.method for m in drain(world, udp(world, FIRST))]
    assert methods == ["ACK", "BYE"]
    assert not world.unread(phone.flow)
    assert len(world.core.show()["sessions"]) == 1


def test_a_provisional_answer_stops_the_clock(two_udp):
    world = two_udp
    phone = Phone(world)
    phone.register()
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer()))
    (one,) = drain(world, udp(world, FIRST))
    world.receive(udp(world, FIRST), responses.make(one, 100))
    world.wait(20)
    assert not world.unread(udp(world, SECOND))


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_503_goes_to_the_next_hop_at_once(load_border, transport):
    world = BorderWorld(load_border(*hops(transport)))
    phone = Phone(world)
    registering(world, phone)
    flow = udp(world, FIRST) if transport == "UDP" else world.opened[-1]
    refused = responses.make(world.take(flow), 503, to_tag="x", headers=(("Retry-After", "60"),))
    world.receive(flow, refused)
    flow = udp(world, SECOND) if transport == "UDP" else world.opened[-1]
    assert world.take(flow).method == "REGISTER"
    assert flow.remote == SECOND
    world.wait(59)
    assert states(world)["10.10.10.13:5060", transport] == "down"
    world.wait(2)
    world.give(Expired())
    assert states(world)["10.10.10.13:5060", transport] == "not watched"


def test_503_of_the_only_hop_reaches_the_phone(world, phone):
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    inner = world.take(phone.upstream)
    world.receive(phone.upstream, responses.make(inner, 503, to_tag="x"))
    assert world.take(phone.flow).status == 503


def test_an_answer_brings_a_hop_without_heartbeat_up_again(two_udp):
    world = two_udp
    phone = Phone(world)
    registering(world, phone)
    world.wait(4.1)
    assert states(world)["10.10.10.13:5060", "UDP"] == "down"
    world.wait(31)
    drain(world, udp(world, FIRST))
    other = Phone(world, user="3002", port=10058)
    registering(world, other)
    (register,) = drain(world, udp(world, FIRST))
    world.receive(udp(world, FIRST), responses.make(register, 200, to_tag="x"))
    assert notes(world, "next hop up") == ["IPO 10.10.10.13:5060 (UDP): it answered a request"]


# ---- heartbeat ----


@pytest.fixture
def beating(load_border):
    world = BorderWorld(load_border(*hops("UDP"), heartbeat(frequency=10)))
    world.give(Started())
    world.wait(1)
    return world


def beat(world, remote, status=200):
    """Take the OPTIONS that was sent to a hop and answer it."""
    *_, options = [m for m in drain(world, udp(world, remote)) if m.method == "OPTIONS"]
    world.receive(udp(world, remote), responses.make(options, status, to_tag="h"))
    return options


def test_heartbeat_goes_to_every_address(beating):
    options = beat(beating, FIRST)
    assert options.uri == "sip:10.10.10.13:5060;transport=udp"
    assert options.get("From").startswith("<sip:10.10.10.7:5060>;tag=")
    assert [flow.transport for flow in beating.opened] == [Transport.TLS, Transport.TCP]
    assert beat(beating, SECOND)
    assert states(beating)["10.10.10.14:5060", "UDP"] == "up"


def test_heartbeat_goes_to_the_port_and_by_the_transport_of_an_address(load_border):
    world = BorderWorld(
        load_border(
            ("- {address: 10.10.10.13, port: 5061, transport: TLS}",
             "- {address: 10.10.10.15, port: 5062, transport: TLS}"),
            ("- {address: 10.10.10.13, port: 5060, transport: UDP}",
             "- {address: 10.10.10.16, port: 5070, transport: UDP}"),
            heartbeat(frequency=10),
        )
    )  # fmt: skip
    world.give(Started())
    world.wait(1)
    assert [(flow.transport, flow.remote) for flow in world.opened] == [
        (Transport.TLS, Address("10.10.10.15", 5062)), (Transport.TCP, FIRST),
    ]  # fmt: skip
    assert world.unread(udp(world, Address("10.10.10.16", 5070)))


def test_heartbeat_uris_and_frequency(load_border):
    uris = heartbeat(frequency=60, from_uri="sip:border@a.example", to_uri="sip:ping@b.example")
    world = BorderWorld(load_border(uris))
    world.give(Started())
    world.wait(59)
    (options,) = drain(world, udp(world, FIRST))
    assert options.uri == "sip:ping@b.example"
    assert options.get("From").startswith("<sip:border@a.example>;tag=")
    assert options.get("To") == "<sip:ping@b.example>"
    world.wait(2)
    assert drain(world, udp(world, FIRST))[0].cseq == 2


def test_down_after_three_failures_up_after_two_successes(beating):
    world = beating
    beat(world, SECOND)
    for _ in range(2):
        world.wait(10)
        assert states(world)["10.10.10.13:5060", "UDP"] != "down"
        beat(world, SECOND)
    world.wait(5)
    assert states(world)["10.10.10.13:5060", "UDP"] == "down"
    (said,) = notes(world, "next hop down")[-1:]
    assert "3 heartbeats failed, the last: no answer in 4 s" in said
    row = next(
        one for one in world.core.show(world.clock.now + 60)["next hops"] if one["state"] == "down"
    )
    assert row["seconds"] >= 60  # an idle border's ages go on
    # requests go to the other hop meanwhile
    phone = Phone(world)
    registering(world, phone)
    assert drain(world, udp(world, SECOND))[-1].method == "REGISTER"
    drain(world, udp(world, FIRST))
    world.wait(5)
    beat(world, FIRST)
    assert states(world)["10.10.10.13:5060", "UDP"] == "down"
    world.wait(10)
    beat(world, FIRST)
    assert states(world)["10.10.10.13:5060", "UDP"] == "up"


def test_up_after_as_many_answers_as_the_form_says(load_border):
    told = heartbeat(frequency=10, failures_before_down=1, successes_before_up=3)
    world = BorderWorld(load_border(*hops("UDP"), told))
    world.give(Started())
    world.wait(1 + 5)
    assert states(world)["10.10.10.13:5060", "UDP"] == "down"
    drain(world, udp(world, FIRST))
    world.wait(5)
    for state in ("down", "down", "up"):
        beat(world, FIRST)
        assert states(world)["10.10.10.13:5060", "UDP"] == state
        world.wait(10)


NAMED = heartbeat(frequency=10, failures_before_down=1)
BY_NAME = (
    "- {address: 10.10.10.13, port: 5060, transport: UDP}",
    "- {address: ipo.example, port: 5060, transport: UDP}",
)


@pytest.fixture
def named(load_border):
    """A server that is watched by a name, which leads to two addresses; both are up."""
    world = BorderWorld(load_border(BY_NAME, NAMED))
    world.names[Question("ipo.example", "A")] = Found((FIRST.host, SECOND.host))
    world.give(Started())
    world.wait(1)
    beat(world, FIRST)
    beat(world, SECOND)
    assert of_name(world) == {FIRST.host: "up", SECOND.host: "up"}
    return world


def of_name(world):
    return {
        row["address"].partition(":")[0]: row["state"]
        for row in world.core.show(world.clock.now)["next hops"]
        if row["transport"] == "UDP"
    }


@pytest.mark.parametrize("silent", [False, True])
def test_a_hop_that_leaves_the_dns_is_gone(named, silent):
    """Whether it was up or down: no row, no heartbeat, and a word in the trace."""
    if silent:
        named.wait(14)
        assert of_name(named)[SECOND.host] == "down"
    before = {one.cseq for one in drain(named, udp(named, SECOND))}
    named.names[Question("ipo.example", "A")] = Found((FIRST.host, "10.10.10.15"))
    named.wait(10)
    assert set(of_name(named)) == {FIRST.host, "10.10.10.15"}
    assert {one.cseq for one in drain(named, udp(named, SECOND))} <= before  # sent again, no new
    said = "IPO 10.10.10.14:5060 (UDP): its name leads elsewhere now"
    assert [one.partition(" [")[0] for one in notes(named, "next hop gone")] == [said]
    named.names[Question("ipo.example", "A")] = Found((SECOND.host,))
    named.wait(10)
    assert drain(named, udp(named, SECOND))  # it is back


def test_a_dns_that_does_not_answer_takes_no_hop_away(named):
    named.names[Question("ipo.example", "A")] = Found(error="no answer", failed=True)
    named.wait(10)
    beat(named, FIRST)
    beat(named, SECOND)
    assert of_name(named) == {FIRST.host: "up", SECOND.host: "up"}
    named.names[Question("ipo.example", "A")] = Found(error="does not exist")
    named.wait(10)
    assert of_name(named) == {}


def test_503_is_no_sign_of_life(beating):
    world = beating
    for _ in range(3):
        beat(world, FIRST, 503)
        world.wait(10)
    assert states(world)["10.10.10.13:5060", "UDP"] == "down"
    assert "it answers 503" in world.core.show()["next hops"][2]["reason"]


def test_heartbeat_over_tcp_notices_a_refused_connection(load_border):
    world = BorderWorld(load_border(heartbeat(frequency=2, failures_before_down=1)))
    world.refusing.add(FIRST)
    world.give(Started())
    world.wait(1)
    assert states(world)["10.10.10.13:5060", "TCP"] == "down"
    assert "connection refused" in notes(world, "next hop down")[0]


# ---- grooming ----


def test_without_grooming_every_phone_has_a_connection(world):
    phones = [Phone(world, user=f"300{n}", port=10057 + n) for n in range(3)]
    for phone in phones:
        phone.register()
    assert len({phone.upstream for phone in phones}) == 3


@pytest.fixture
def groomed(load_border):
    return BorderWorld(load_border(("grooming: false  ", "grooming: true  ")))


def test_grooming_shares_one_connection(groomed):
    phones = [Phone(groomed, user=f"300{n}", port=10057 + n) for n in range(3)]
    for phone in phones:
        phone.upstream = groomed.opened[0] if groomed.opened else None
        if phone.upstream is None:
            del phone.upstream
        phone.register()
    assert len(groomed.opened) == 1
    # what the server sends on it is told apart by the token
    for phone in phones:
        groomed.receive(phone.upstream, phone.office_request("OPTIONS", call=f"o{phone.user}"))
        assert groomed.take(phone.flow).method == "OPTIONS"
    phones[1].call_office()


def test_lost_shared_connection_is_opened_again_for_all(groomed):
    phones = [Phone(groomed, user=f"300{n}", port=10057 + n) for n in range(2)]
    phones[0].register()
    phones[1].upstream = phones[0].upstream
    phones[1].register()
    groomed.close(phones[0].upstream)
    for phone in phones:
        groomed.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    assert len(groomed.opened) == 2
    assert [m.method for m in groomed.unread(groomed.opened[1])] == ["MESSAGE", "MESSAGE"]


# ---- load balancing ----


def balanced(load_border, how, *weights):
    changes = hops("UDP")
    text = changes[0][1]
    for position, weight in enumerate(weights, 1):
        text = text.replace(
            f"priority: {position}, server: IPO, address: 10.10.10.1{position + 2}",
            f"priority: {weight}, server: IPO, address: 10.10.10.1{position + 2}",
        )
    how = ("load_balancing: priority", f"load_balancing: {how}")
    return BorderWorld(load_border((HOP, text), changes[1], how))


def share(world, count):
    """How many of so many phones each hop gets."""
    for number in range(count):
        registering(world, Phone(world, user=f"3{number:03}", port=11000 + number))
    return [len(drain(world, udp(world, one))) for one in (FIRST, SECOND)]


def test_round_robin_shares_out_phones(load_border):
    assert share(balanced(load_border, "round_robin"), 6) == [3, 3]


def test_weights_share_out_phones(load_border):
    one, two = share(balanced(load_border, "weighted", 1, 4), 100)
    assert 65 <= two <= 92
    assert one == 100 - two


def test_least_used_evens_out(load_border):
    world = balanced(load_border, "least_used")
    assert share(world, 3) == [2, 1]
    rows = {
        row["address"]: row["bindings"]
        for row in world.core.show()["next hops"]
        if row["transport"] == "UDP"
    }
    assert rows == {"10.10.10.13:5060": 2, "10.10.10.14:5060": 1}


def test_least_used_where_one_hops_address_is_anothers_failover_port(load_border):
    """A call server with two processes: nobody is counted twice."""
    hop = HOP.replace("port: 5060", "port: 5070")
    listed = ADDRESS.replace("UDP", "TCP").replace("port: 5060", "port: 5070")
    world = BorderWorld(load_border(
        (HOP, f"{HOP}\n        {hop}"), (ADDRESS, f"{ADDRESS}\n        {listed}"),
        ("load_balancing: priority", "load_balancing: least_used"),
    ))  # fmt: skip
    for number in range(4):
        registering(world, Phone(world, user=f"3{number:03}", port=11000 + number))
    assert sorted(flow.remote.port for flow in world.opened) == [5060, 5060, 5070, 5070]
