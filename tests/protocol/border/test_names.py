"""Next hops that are names: SRV, NAPTR, several addresses, ENUM, and Route headers."""

import pytest

from farline.sip import Address, Transport
from farline.sip.dns import Found, Naptr, Question, Srv
from farline.sip.effects import Started
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone

HOP = "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}"
ADDRESS = "- {address: 10.10.10.13, port: 5060, transport: UDP}"


def named(address, *changes):
    """The next hop is `address`, a form's fields as text."""
    return (
        (HOP, f"- {{priority: 1, server: IPO, {address}}}"),
        (ADDRESS, f"{ADDRESS}\n        - {{{address}}}"),
        *changes,
    )


def records(world, *rows):
    for name, kind, *found in rows:
        world.names[Question(name, kind)] = Found(tuple(found))


def registering(world, **options):
    phone = Phone(world, **options)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>")
    world.receive(phone.flow, request)
    return phone


def udp(world, host, port):
    return world.accept("IPORWA1Sig", host, port, Transport.UDP)


def test_a_name_with_port_has_addresses_that_are_tried_in_turn(load_border):
    world = BorderWorld(load_border(*named("address: pbx.lan, port: 5060, transport: TCP")))
    records(world, ("pbx.lan", "A", "10.10.10.21", "10.10.10.22"))
    world.refusing.add(Address("10.10.10.21", 5060))
    phone = Phone(world)
    phone.register()
    assert phone.upstream.remote == Address("10.10.10.22", 5060)
    assert [str(one) for one in world.asked] == ["pbx.lan A", "pbx.lan AAAA"]
    rows = {row["address"]: row["state"] for row in world.core.show()["next hops"]}
    assert rows["10.10.10.21:5060"] == "down"


def test_dns_srv_gives_ports_and_order(load_border):
    srv = ("load_balancing: priority", "load_balancing: dns_srv")
    world = BorderWorld(load_border(*named("address: pbx.lan, transport: UDP", srv)))
    records(
        world,
        ("_sip._udp.pbx.lan", "SRV", Srv(20, 0, 5080, "two.lan"), Srv(10, 0, 5070, "one.lan")),
        ("one.lan", "A", "10.10.10.21"), ("two.lan", "A", "10.10.10.22"),
    )  # fmt: skip
    registering(world)
    assert world.take(udp(world, "10.10.10.21", 5070)).method == "REGISTER"
    world.wait(4.1)
    assert world.take(udp(world, "10.10.10.22", 5080)).method == "REGISTER"


@pytest.mark.parametrize("only", ["null", "UDP"])
def test_naptr_chooses_the_transport_and_tls_names_the_domain(load_border, only):
    changes = (("naptr: false", "naptr: true"), ("transport: null", f"transport: {only}"))
    world = BorderWorld(load_border(*named("address: pbx.lan", *changes)))
    records(
        world,
        ("pbx.lan", "NAPTR", Naptr(20, 1, "s", "SIP+D2U", "", "_sip._udp.pbx.lan"),
         Naptr(10, 1, "S", "sips+d2t", "", "_sips._tcp.pbx.lan")),
        ("_sips._tcp.pbx.lan", "SRV", Srv(1, 1, 5071, "one.lan")),
        ("_sip._udp.pbx.lan", "SRV", Srv(1, 1, 5070, "one.lan")),
        ("one.lan", "A", "10.10.10.21"),
    )  # fmt: skip
    registering(world)
    if only == "UDP":
        assert world.take(udp(world, "10.10.10.21", 5070)).method == "REGISTER"
        return
    (flow,) = world.opened
    assert (flow.transport, flow.remote) == (Transport.TLS, Address("10.10.10.21", 5071))
    assert world.verified == ["pbx.lan"]
    assert "NAPTR chooses sips+d2t _sips._tcp.pbx.lan" in world.decisions("routing")[0].because


def test_a_domain_that_says_it_has_no_such_service_is_not_called(load_border):
    """RFC 2782: the target "." means that there is none, whatever addresses the name has."""
    srv = ("load_balancing: priority", "load_balancing: dns_srv")
    world = BorderWorld(load_border(*named("address: pbx.lan, transport: UDP", srv)))
    records(
        world,
        ("_sip._udp.pbx.lan", "SRV", Srv(0, 0, 0, "")), ("pbx.lan", "A", "10.10.10.21"),
    )  # fmt: skip
    phone = registering(world)
    assert [one.status for one in world.unread(phone.flow)] == [100, 503]
    assert not world.unread(udp(world, "10.10.10.21", 5060))
    assert "_sip._udp.pbx.lan: the domain does not have that" in str(world.decisions("routing"))


def test_a_name_that_leads_nowhere(load_border):
    world = BorderWorld(load_border(*named("address: pbx.lan, port: 5060, transport: TCP")))
    phone = registering(world)
    assert [m.status for m in world.unread(phone.flow)] == [100, 503]
    because = world.decisions("routing")[0].because
    assert because.startswith("pbx.lan leads nowhere: pbx.lan A: does not exist")


def test_addresses_of_the_other_ip_version_are_passed_over(load_border):
    world = BorderWorld(load_border(*named("address: pbx.lan, port: 5060, transport: UDP")))
    records(world, ("pbx.lan", "AAAA", "2001:db8::1"), ("pbx.lan", "A", "10.10.10.21"))
    registering(world)
    assert world.take(udp(world, "10.10.10.21", 5060)).method == "REGISTER"


def test_heartbeats_follow_the_name(load_border):
    beat = ('heartbeat: {enabled: false, frequency: 30, from_uri: "", to_uri: ""}',
            "heartbeat: {enabled: true}")  # fmt: skip
    world = BorderWorld(load_border(*named("address: pbx.lan, port: 5060, transport: UDP", beat)))
    records(world, ("pbx.lan", "A", "10.10.10.21", "10.10.10.22"))
    world.give(Started())
    world.wait(1)
    for host in ("10.10.10.21", "10.10.10.22"):
        assert world.take(udp(world, host, 5060)).method == "OPTIONS"


# ---- ENUM ----


@pytest.fixture
def enum_world(load_border):
    world = BorderWorld(load_border(("enum: false", "enum: true"),
                                    ('enum_suffix: ""', "enum_suffix: enum.lan")))  # fmt: skip
    rule = Naptr(1, 1, "u", "E2U+sip", "!^\\+43(.*)$!sip:\\1@pbx.example!", "")
    records(world, ("3.2.1.3.4.enum.lan", "NAPTR", rule))
    return world


def test_enum_gives_the_request_uri(enum_world):
    phone = Phone(enum_world)
    phone.register()
    assert enum_world.asked == []
    enum_world.receive(phone.flow, phone.request("MESSAGE", f"sip:+43123@{DOMAIN}"))
    assert enum_world.take(phone.upstream).uri == "sip:123@pbx.example"
    (decided,) = [d for d in enum_world.decisions("routing") if "ENUM" in d.form]
    assert decided.value == "sip:123@pbx.example"


@pytest.mark.parametrize("user", ["+43999", "3003"])
def test_enum_leaves_other_numbers(enum_world, user):
    phone = Phone(enum_world)
    phone.register()
    enum_world.receive(phone.flow, phone.request("MESSAGE", f"sip:{user}@{DOMAIN}"))
    assert enum_world.take(phone.upstream).uri == f"sip:{user}@{DOMAIN}"


# ---- Route, dialogs, going back ----

FIRST, SECOND = Address("10.10.10.13", 5060), Address("10.10.10.14", 5060)
TWO = (
    (HOP, f"{HOP}\n        - {{priority: 2, server: IPO, address: 10.10.10.14, port: 5060, "
          "transport: TCP}"),
    (ADDRESS, f"{ADDRESS}\n        - {{address: 10.10.10.14, port: 5060, transport: TCP}}"),
)  # fmt: skip


def routed(world, route):
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>", Route=route)
    world.receive(phone.flow, request)
    assert world.take(world.opened[-1]).get("Route") is None
    return world.opened[-1].remote


def test_route_chooses_among_the_next_hops_only(load_border):
    world = BorderWorld(load_border(*TWO))
    assert routed(world, "<sip:10.10.10.14;lr;transport=tcp>") == SECOND
    world = BorderWorld(load_border(*TWO))
    assert routed(world, "<sip:203.0.113.1;lr>") == FIRST


def test_ignore_route_header(load_border):
    ignored = ("ignore_route_header: false", "ignore_route_header: true")
    world = BorderWorld(load_border(*TWO, ignored))
    assert routed(world, "<sip:10.10.10.14;lr;transport=tcp>") == FIRST


def moved_call(load_border, *changes, hops=(FIRST, SECOND)):
    """A call that began at the first hop; then the phone's way went to the second."""
    first, second = hops
    world = BorderWorld(load_border(*(changes if second is not SECOND else (*TWO, *changes))))
    phone = Phone(world)
    phone.register()
    phone.call_office()
    world.close(phone.upstream)
    world.refusing.add(first)
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}", call="m"))
    assert world.opened[-1].remote == second
    world.refusing.clear()
    world.receive(phone.flow, phone.in_dialog("BYE"))
    return world.opened[-1].remote


def test_a_dialog_stays_where_it_began(load_border):
    assert moved_call(load_border) == FIRST


def test_a_next_hop_is_known_by_its_whole_address(load_border):
    """The phone's way leads to 10.10.10.1 now, whose name 10.10.10.13 begins with."""
    second = "10.10.10.1"
    changes = [(old, new.replace(str(SECOND.host), second)) for old, new in TWO]
    assert moved_call(load_border, *changes, hops=(FIRST, Address(second, 5060))) == FIRST


def test_next_hop_in_dialog(load_border):
    in_dialog = ("next_hop_in_dialog: false", "next_hop_in_dialog: true")
    assert moved_call(load_border, in_dialog) == SECOND


@pytest.mark.parametrize(("fgdn", "after"), [("false", 1), ("true", 2)])
def test_fgdn_lets_a_dialog_go_on_at_another_address(load_border, fgdn, after):
    world = BorderWorld(load_border(*TWO, ("fgdn: false", f"fgdn: {fgdn}")))
    phone = Phone(world)
    phone.register()
    phone.call_office()
    world.receive(phone.flow, phone.in_dialog("BYE"))
    world.wait(4.1)
    assert len(world.opened) == after
    assert world.opened[-1].remote == (SECOND if after == 2 else FIRST)
    if after == 2:
        assert world.take(world.opened[-1]).method == "BYE"


TLS_HOP = HOP.replace("priority: 1", "priority: 2").replace("5060, transport: TCP",
                                                            "5061, transport: TLS")  # fmt: skip


@pytest.mark.parametrize(
    ("securable", "phone", "server"),
    [
        ("false", "TLS", "TCP"),
        ("true", "TLS", "TLS"),
        ("true", "WSS", "TLS"),
        ("true", "TCP", "TCP"),
    ],
)
def test_securable_keeps_tls_on_tls(load_border, securable, phone, server):
    hops = (HOP, f"{HOP}\n        {TLS_HOP}")
    world = BorderWorld(load_border(hops, ("securable: false", f"securable: {securable}")))
    Phone(world, transport=Transport[phone]).register()
    assert [flow.transport for flow in world.opened] == [Transport[server]]


def moved_phone(load_border, *changes):
    """Where a phone registers again when the first hop is back."""
    world = BorderWorld(load_border(*TWO, *changes))
    world.refusing.add(FIRST)
    phone = Phone(world)
    phone.register()
    assert phone.upstream.remote == SECOND
    world.refusing.clear()
    world.wait(31)
    phone.register(cseq=2)
    return phone.upstream.remote


def test_next_hop_priority_brings_phones_back(load_border):
    assert moved_phone(load_border) == SECOND
    priority = ("next_hop_priority: false", "next_hop_priority: true")
    assert moved_phone(load_border, priority) == FIRST
