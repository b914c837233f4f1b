"""The border's own registrations at a trunk: refreshed, tried elsewhere, kept over a restart."""

import pytest

from farline.border import Reconfigured
from farline.config import load_with_warnings
from farline.sip.digest_server import Outcome
from farline.sip.effects import Started
from farline.testing.border_phone import offer
from farline.testing.trunk import SECRETS, TEXT, TrunkSite, trunk_border
from farline.testing.trunk_guard import ALONE, Guard

QUIET = ("heartbeat: {enabled: true, frequency: 60}", "heartbeat: {enabled: false}")


@pytest.fixture
def site():
    return TrunkSite(ALONE)


@pytest.fixture
def guard(site):
    return Guard(site)


def begin(site):
    site.world.give(Started())
    site.world.wait(0.2)


def registered(site, guard, trunk=None):
    """The border registers with the trunk: its REGISTER with credentials."""
    trunk = trunk or site.trunk
    guard.challenge(trunk.take("REGISTER"), 401, trunk)
    request = trunk.take("REGISTER")
    assert guard.judge(request) is Outcome.GOOD
    trunk.answer(request, 200, Contact=request.get("Contact") + ";expires=300")
    return request


def state(site):
    (row,) = site.world.core.show(site.world.clock.now)["registrations"]
    return row


@pytest.fixture
def enrolled():
    site = TrunkSite(QUIET)
    begin(site)
    return site


def test_the_border_registers_and_refreshes(enrolled):
    site, guard = enrolled, Guard(enrolled)
    request = registered(site, guard)
    assert request.uri == "sip:trunk.example.net"
    assert "<sip:office@trunk.example.net>" in request.get("From")
    assert request.get("Contact") == "<sip:office@203.0.113.10:5060;transport=udp>"
    assert request.get("Expires") == "900"
    row = state(site)
    assert (row["state"], row["address"], row["expires_in"]) == (
        "registered", "203.0.113.2:5060", 300
    )  # fmt: skip
    site.world.wait(239)
    assert not site.world.unread(site.trunk.flow)
    site.world.wait(2)
    again = site.trunk.take("REGISTER")
    assert (again.call_id, again.cseq) == (request.call_id, request.cseq + 1)


def test_frequency():
    site = TrunkSite(QUIET, ("frequency: 600", "frequency: 60"))
    begin(site)
    assert registered(site, Guard(site)).get("Expires") == "90"
    site.world.wait(59)
    assert not site.world.unread(site.trunk.flow)
    site.world.wait(2)
    assert site.trunk.take("REGISTER")


def test_calls_come_to_what_was_registered(enrolled):
    request = registered(enrolled, Guard(enrolled))
    uri = request.get("Contact")[1:-1]
    enrolled.trunk.send(enrolled.trunk.request("INVITE", uri, body=offer("203.0.113.2")))
    assert enrolled.trunk.take().status == 100


def test_the_second_address_when_the_first_is_silent(enrolled):
    site = enrolled
    second = site.server("TrunkSig", "203.0.113.3", "provider", "trunk.example.net")
    site.world.wait(8.1)
    registered(site, Guard(site), second)
    assert state(site)["address"] == "203.0.113.3:5060"


def test_all_addresses():
    site = TrunkSite(QUIET, ("register_with: priority", "register_with: all"))
    begin(site)
    second = site.server("TrunkSig", "203.0.113.3", "provider", "trunk.example.net")
    guard = Guard(site)
    registered(site, guard)
    registered(site, guard, second)
    rows = site.world.core.show(site.world.clock.now)["registrations"]
    assert [row["state"] for row in rows] == ["registered", "registered"]


def test_from_and_to_uri():
    site = TrunkSite(QUIET, ('from_uri: ""', "from_uri: sip:main@example.org"),
                     ('to_uri: ""', "to_uri: sip:lines@example.org"))  # fmt: skip
    begin(site)
    request = site.trunk.take("REGISTER")
    assert "<sip:main@example.org>" in request.get("From")
    assert request.get("To") == "<sip:lines@example.org>"
    assert request.uri == "sip:example.org"
    assert "sip:lines@203.0.113.10" in request.get("Contact")


def test_a_refused_registration_is_tried_later(enrolled):
    site = enrolled
    site.trunk.answer(site.trunk.take("REGISTER"), 403)
    assert state(site)["state"] == "failed"
    assert state(site)["why"].startswith("403")
    site.world.wait(14)
    assert not site.world.unread(site.trunk.flow)
    site.world.wait(6)
    assert site.trunk.take("REGISTER")


def test_a_lease_that_is_too_short(enrolled):
    site = enrolled
    site.trunk.answer(site.trunk.take("REGISTER"), 423, Min_Expires="1800")
    assert site.trunk.take("REGISTER").get("Expires") == "1800"


def test_a_registration_outlives_the_process(enrolled):
    site = enrolled
    request = registered(site, Guard(site))
    site.world.wait(100)
    site.world.crash()
    begin(site)
    assert state(site)["state"] == "registered"
    assert not site.world.unread()
    site.world.wait(145)
    again = site.trunk.take("REGISTER")
    assert (again.call_id, again.cseq) == (request.call_id, request.cseq + 1)


def refused_twice(site):
    site.trunk.answer(site.trunk.take("REGISTER"), 403)
    site.world.wait(19)
    site.trunk.answer(site.trunk.take("REGISTER"), 403)


def test_a_restart_does_not_press_a_server_that_refuses(enrolled):
    site = enrolled
    refused_twice(site)
    site.world.crash()
    begin(site)
    assert (state(site)["state"], state(site)["why"][:3]) == ("failed", "403")
    assert not site.world.unread()
    site.world.wait(28)
    assert not site.world.unread()
    while not site.world.unread():
        site.world.wait(0.4)
    site.trunk.answer(site.trunk.take("REGISTER"), 403)
    site.world.wait(58)  # doubled again
    assert not site.world.unread()


def test_another_password_is_tried_at_once_after_a_restart(enrolled):
    site = enrolled
    refused_twice(site)
    changed = trunk_border(QUIET, secrets={"trunk": "anders"})
    site.world.crash(changed)
    begin(site)
    assert site.trunk.take("REGISTER").cseq == 3


def test_a_changed_configuration_ends_it(enrolled):
    site = enrolled
    registered(site, Guard(site))
    site.world.give(Reconfigured(trunk_border(QUIET)))
    assert not site.world.unread()
    site.world.give(Reconfigured(trunk_border(QUIET, ALONE)))
    assert site.trunk.take("REGISTER").get("Expires") == "0"
    assert site.world.core.show()["registrations"] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("enabled: true\n        user_name: office", "enabled: false\n        user_name: office"),
         "without a password"),
        (("        user_name: office\n", ""), "needs a User Name and a Password"),
        (('from_uri: ""', "from_uri: tel:12"), "is no SIP URI"),
    ],
)  # fmt: skip
def test_check(change, says):
    text = TEXT.replace(*change)
    assert text != TEXT
    try:
        told = [str(one) for one in load_with_warnings(text, SECRETS)[1]]
    except ValueError as error:
        told = [str(error)]
    assert any(says in one for one in told), told
