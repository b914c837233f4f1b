"""RFC 3263 from a table of records."""

import pytest

from farline.sip.dns import Found, Naptr, Question, Srv
from farline.sip.locate import Locator
from farline.sip.transport import Transport

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


def locate(records, host, port=None, transports=(TLS, TCP, UDP), *, naptr=True, srv=True,
           chance=lambda _: 0):  # fmt: skip
    """The places as texts, what was asked, and why."""
    search, asked, found = (
        Locator(host, port, transports, chance).run(naptr=naptr, srv=srv),
        [],
        None,
    )
    while True:
        try:
            question = search.send(found)
        except StopIteration as stop:
            located = stop.value
            places = [f"{p.transport} {p.address.host}:{p.address.port}" for p in located.places]
            assert all(p.name in (host, "") for p in located.places)
            return places, asked, located.because
        asked.append(str(question))
        wanted = records.get((question.name, question.kind), ())
        found = Found(tuple(wanted), "" if wanted else "does not exist")


def naptr(order, preference, service, replacement, flags="s"):
    return Naptr(order, preference, flags, service, "", replacement)


EXAMPLE = {  # RFC 3263 section 4.1
    ("example.com", "NAPTR"): [
        naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
        naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
        naptr(100, 50, "SIP+D2U", "_sip._udp.example.com"),
    ],
    ("_sips._tcp.example.com", "SRV"): [Srv(0, 1, 5061, "s1.example.com")],
    ("_sip._tcp.example.com", "SRV"): [
        Srv(0, 1, 5060, "s1.example.com"), Srv(1, 1, 5070, "s2.example.com"),
    ],
    ("_sip._udp.example.com", "SRV"): [Srv(0, 1, 5060, "s1.example.com")],
    ("s1.example.com", "A"): ["192.0.2.1"],
    ("s2.example.com", "A"): ["192.0.2.2", "192.0.2.3"],
    ("s2.example.com", "AAAA"): ["2001:db8::2"],
    ("example.com", "A"): ["192.0.2.9"],
}  # fmt: skip


def test_naptr_chooses_the_transport():
    assert locate(EXAMPLE, "example.com")[0] == ["TLS 192.0.2.1:5061"]


def test_naptr_services_that_we_may_not_use_are_passed_over():
    places, _, because = locate(EXAMPLE, "example.com", transports=(TCP, UDP))
    assert places == ["TCP 192.0.2.1:5060", "TCP 192.0.2.2:5070", "TCP 192.0.2.3:5070",
                      "TCP 2001:db8::2:5070"]  # fmt: skip
    assert because.startswith("NAPTR chooses SIP+D2T _sip._tcp.example.com")


def test_without_naptr_srv_records_are_asked_for_by_transport():
    records = {key: value for key, value in EXAMPLE.items() if key[1] != "NAPTR"}
    places, asked, because = locate(records, "example.com", transports=(UDP, TCP))
    assert places[:2] == ["UDP 192.0.2.1:5060", "TCP 192.0.2.1:5060"]
    assert asked[0] == "example.com NAPTR"
    assert "example.com NAPTR: does not exist" in because


def test_a_port_needs_no_srv():
    places, asked, _ = locate(EXAMPLE, "example.com", 5080, (UDP,))
    assert places == ["UDP 192.0.2.9:5080"]
    assert asked == ["example.com A", "example.com AAAA"]


def test_without_any_srv_the_default_port():
    records = {("example.com", "A"): ["192.0.2.9"]}
    assert locate(records, "example.com", None, (TLS,))[0] == ["TLS 192.0.2.9:5061"]


def test_an_address_needs_no_dns():
    assert locate({}, "192.0.2.1", None, (TCP,))[:2] == (["TCP 192.0.2.1:5060"], [])


@pytest.mark.parametrize(("ball", "first"), [(0, "a"), (1, "b"), (3, "b"), (4, "c"), (9, "c")])
def test_weights_of_rfc_2782(ball, first):
    name = "_sip._udp.example.com"
    records = {
        (name, "SRV"): [
            Srv(1, 6, 5060, "c.example.com"),
            Srv(1, 0, 5060, "a.example.com"),
            Srv(1, 3, 5060, "b.example.com"),
            Srv(2, 9, 5060, "d.example.com"),
        ]
    }
    for host in "abcd":
        records[f"{host}.example.com", "A"] = [f"192.0.2.{ord(host)}"]
    chances = iter((ball, 0, 0, 0))
    places, _, _ = locate(records, "example.com", None, (UDP,), chance=lambda _: next(chances))
    assert places[0] == f"UDP 192.0.2.{ord(first)}:5060"
    assert places[-1] == f"UDP 192.0.2.{ord('d')}:5060"


def test_the_root_as_target_says_no():
    records = {("_sip._udp.example.com", "SRV"): [Srv(0, 0, 0, "")]}
    assert locate(records, "example.com", None, (UDP,), naptr=False)[0] == []


def test_places_are_bounded():
    name = "_sip._udp.example.com"
    records = {(name, "SRV"): [Srv(0, 0, 5060, f"h{n}.example.com") for n in range(60)]}
    for n in range(60):
        records[f"h{n}.example.com", "A"] = [f"192.0.2.{m}" for m in range(60)]
    places, asked, _ = locate(records, "example.com", None, (UDP,), naptr=False)
    assert len(places) == 32
    assert len(asked) <= 1 + 2 * 16


def test_question_text():
    assert str(Question("a.example", "SRV")) == "a.example SRV"
