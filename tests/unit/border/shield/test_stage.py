"""The shield's parts: credit, bans, floods, lists."""

import pytest

from farline.border.shield.bans import Bans
from farline.border.shield.credit import Credit
from farline.border.shield.flood import Floods
from farline.border.shield.stage import Shield
from farline.config import Shield as Form
from farline.sip import Address, Flow, Message, Transport

HERE = Address("192.168.64.96", 5060)


def flow(host="203.0.113.9", port=5060):
    return Flow(0, "B1", Transport.UDP, HERE, Address(host, port))


def options(agent=None):
    message = Message.request("OPTIONS", "sip:100@192.168.64.96")
    if agent is not None:
        message.add("User-Agent", agent)
    return message


def shield(*, phones=(), country=lambda _host: None, **fields):
    return Shield(Form(**fields), lambda host: host in phones, country)


def test_credit_is_spent_comes_back_and_is_bounded():
    credit = Credit(3, 1, limit=2)
    for _ in range(10):
        credit.charge("a", 1, 0.0)
    assert credit.left("a", 0.0) == -1.0
    assert credit.left("a", 2.0) == 1.0
    credit.charge("a", -100, 2.0)
    assert credit.left("a", 2.0) == 3.0
    credit.charge("b", 1, 2.0)
    credit.charge("c", 1, 2.0)
    assert len(credit) == 2
    assert credit.left("a", 2.0) == 3.0


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"x" * 5000, "5000 bytes"),
        (b"GET / HTTP/1.1\r\n\r\n", "no SIP in its first line"),
        (b"\x80\x60" + b"\0" * 160, "no SIP"),
    ],
)
def test_what_is_no_message_is_not_parsed(data, word):
    verdict = shield(max_message=4096).sane(data)
    assert not verdict.value
    assert word in verdict.because


def test_scanners_by_name_and_by_the_form():
    one = shield(scanners=("evil-dialer",))
    for agent in ("SIPVicious 0.3", "friendly-scanner", "Evil-Dialer/2"):
        verdict = one.judge(options(agent), flow(), registered=False, now=0.0)
        assert not verdict.value
        assert "names the scanner" in verdict.because
    assert one.judge(options("Phone 1"), flow(), registered=False, now=0.0).value


def test_a_device_without_credit_leaves_its_neighbours_theirs():
    one = shield(device_credit=3, device_credit_per_second=1)
    seen = [one.judge(options(), flow(), registered=False, now=0.0).value for _ in range(5)]
    assert seen == [True, True, True, False, False]
    assert one.judge(options(), flow(port=5062), registered=False, now=0.0).value
    refused = one.judge(options(), flow(), registered=False, now=0.0)
    assert refused.form == "Device Specific Settings > Shield > Credit per Device"
    assert one.judge(options(), flow(), registered=False, now=2.0).value


def test_a_registered_phone_pays_with_a_credit_of_its_own():
    one = shield(phone_credit=2, phone_credit_per_second=1, address_credit=1)
    seen = [one.judge(options(), flow(), registered=True, now=0.0).value for _ in range(4)]
    assert seen == [True, True, False, False]


def test_offences_ban_the_device_and_not_the_office_behind_the_address():
    bans = Bans(Form(ban_after=3, ban_seconds=100), lambda _host: True)
    bad = Address("198.51.100.7", 4000)
    assert [bans.offence(bad, 1, "guess", 0.0) for _ in range(2)] == [None, None]
    ban = bans.offence(bad, 1, "guess", 0.0)
    assert (ban.port, ban.until) == (4000, 100.0)
    assert bans.of(bad, 50.0) is not None
    assert bans.of(Address("198.51.100.7", 4001), 50.0) is None
    assert bans.of(bad, 101.0) is None


def test_offences_are_forgotten_one_by_one():
    bans = Bans(Form(ban_after=3), lambda _host: False)
    who = Address("198.51.100.7", 4000)
    assert all(bans.offence(who, 1, "guess", 40.0 * n) is None for n in range(50))


def test_a_second_ban_lasts_twice_as_long():
    bans = Bans(Form(ban_after=1, ban_seconds=100), lambda _host: True)
    who = Address("198.51.100.7", 4000)
    assert bans.offence(who, 1, "a", 0.0).until == 100.0
    again = bans.offence(who, 1, "b", 200.0)
    assert (again.until, again.times) == (400.0, 2)


@pytest.mark.parametrize("has_phones", [True, False])
def test_many_devices_ban_their_address_unless_phones_are_there(has_phones):
    bans = Bans(Form(ban_after=1, ban_address_after=3), lambda _host: has_phones)
    for port in range(4000, 4003):
        bans.offence(Address("198.51.100.7", port), 1, "guess", 0.0)
    fresh = bans.of(Address("198.51.100.7", 9999), 1.0)
    assert (fresh is None) is has_phones
    assert len(bans.running(1.0)) == (3 if has_phones else 4)


def test_bans_are_lifted_by_device_and_by_address():
    bans = Bans(Form(), lambda _host: True)
    for port in (1, 2, 3):
        bans.add("198.51.100.7", port, 60, "by hand", 0.0)
    assert bans.lift("198.51.100.7", 2) == 1
    assert bans.lift("198.51.100.7", None) == 2
    assert bans.running(1.0) == []


def test_nobody_is_banned_when_the_form_says_so():
    one = shield(ban_after=0)
    assert one.scanned(flow(), "scanner", 0.0) is None


def test_lists_and_countries():
    where = {"203.0.113.9": "XA", "203.0.113.10": "XB", "192.168.1.1": None}.get
    one = shield(
        allow=("203.0.113.10",),
        deny=("198.51.100.0/24", "2001:db8::/32"),
        countries_allowed=("XC",),
        country=where,
    )
    told = {
        host: one.look(flow(host), registered=False, now=0.0)
        for host in ("203.0.113.9", "203.0.113.10", "198.51.100.3", "2001:db8::5", "192.168.1.1")
    }
    assert {host: verdict.value for host, verdict in told.items()} == {
        "203.0.113.9": False,
        "203.0.113.10": True,
        "198.51.100.3": False,
        "2001:db8::5": False,
        "192.168.1.1": True,
    }
    assert told["203.0.113.9"].form.endswith("Countries Allowed")
    assert "deny list" in told["2001:db8::5"].because


def test_flood_states_rise_at_once_and_calm_down_after_a_while():
    floods = Floods(10)
    seen = [floods.count("B1", 0.0) for _ in range(12)]
    assert [state for _, state in seen if state] == ["busy", "flood"]
    assert [within for within, _ in seen] == [True] * 10 + [False] * 2
    assert floods.count("B1", 5.0) == (True, None)
    assert floods.states(5.0) == {"B1": "flood"}
    assert floods.count("B1", 20.0) == (True, "calm")
    assert floods.count("A1", 20.0) == (True, None)


def test_guessed_passwords_close_an_address_of_record_for_a_while():
    one = shield(aor_failures=3, aor_seconds=300)
    for _ in range(3):
        assert one.may_try("3001", "x", 0.0).value
        one.wrong_password("3001", "x", 0.0)
    assert not one.may_try("3001", "x", 0.0).value
    assert one.may_try("3002", "x", 0.0).value
    assert one.may_try("3001", "x", 250.0).value


def test_countries_denied():
    one = shield(countries_denied=("XA",), country={"203.0.113.9": "XA"}.get)
    refused = one.look(flow("203.0.113.9"), registered=False, now=0.0)
    assert not refused.value and refused.form.endswith("Countries Denied")
    assert one.look(flow("203.0.113.10"), registered=False, now=0.0).value
