"""A trunk that asks who the border is: challenges answered, and the border's own registrations."""

import pytest

from farline.border import Reconfigured
from farline.config import load_with_warnings
from farline.media.reports import MediaTimeout
from farline.sip import Address, responses
from farline.sip.digest import ha1
from farline.sip.digest_server import DigestServer, Outcome
from farline.sip.effects import Started
from farline.testing.border_phone import offer
from farline.testing.border_server import Server
from farline.testing.chance import SeededIds
from farline.testing.trunk import NUMBER, OUTSIDE_NUMBER, SECRETS, TEXT, TrunkSite, trunk_border

REALM = "trunk.example.net"
QUIET = ("heartbeat: {enabled: true, frequency: 60}", "heartbeat: {enabled: false}")
ALONE = ("      registration:                    # so that the provider's calls come here\n"
         "        enabled: true", "      registration:\n        enabled: false")  # fmt: skip


class Guard:
    """The provider's door: challenges, and says what credentials are worth."""

    def __init__(self, site, *, algorithms=("MD5",), qop=True, realm=REALM):
        self.site = site
        self.digest = DigestServer(
            realm, b"0123456789abcdef", SeededIds(), algorithms=algorithms, qop=qop
        )

    def challenge(self, request, status=407, trunk=None):
        """Ask who the sender is, and take the ACK if there is one."""
        trunk = trunk or self.site.trunk
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        response = responses.make(request, status, to_tag="door")
        for value in self.digest.challenges(self.site.world.clock.now):
            response.add(name, value)
        trunk.send(response)
        if request.method == "INVITE":
            assert trunk.take().method == "ACK"

    def judge(self, request, password="geheim"):
        lookup = {"office": lambda algorithm: ha1(algorithm, "office", self.digest.realm, password)}
        values = request.all("Proxy-Authorization") + request.all("Authorization")
        found = self.digest.check(
            request.method, values, lambda name, algorithm: lookup[name](algorithm),
            self.site.world.clock.now,
        )  # fmt: skip
        return found.outcome


@pytest.fixture
def site():
    return TrunkSite(ALONE)


@pytest.fixture
def guard(site):
    return Guard(site)


def dialled(site, **headers):
    """The office calls out; the INVITE as the trunk reads it."""
    site.desk.send(
        site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13"), **headers)
    )
    site.desk.take(status=100)
    return site.trunk.take("INVITE")


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5"), ("SHA-512-256",)])
@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("qop", [True, False])
def test_a_challenged_call_is_answered_for(site, algorithms, status, qop):
    guard = Guard(site, algorithms=algorithms, qop=qop)
    first = dialled(site)
    guard.challenge(first, status)
    second = site.trunk.take("INVITE")
    assert guard.judge(second) is Outcome.GOOD
    assert (first.cseq, second.cseq, second.call_id) == (1, 2, first.call_id)
    assert not site.world.unread(site.desk.flow)
    site.trunk.answer(second, 200, body=offer("203.0.113.2"))
    ok = site.desk.take(status=200)
    assert ok.cseq == 1
    site.desk.send(site.desk.in_dialog("ACK", ok, cseq=1))
    ack = site.trunk.take("ACK")
    assert ack.cseq == 2
    proofs = ("Authorization", "Proxy-Authorization")
    assert [ack.all(one) for one in proofs] == [second.all(one) for one in proofs]
    site.desk.send(site.desk.in_dialog("BYE", ok, cseq=2))
    bye = site.trunk.take("BYE")
    assert bye.cseq == 3
    guard.challenge(bye, status)
    again = site.trunk.take("BYE")
    assert (again.cseq, guard.judge(again)) == (4, Outcome.GOOD)
    site.trunk.answer(again, 200)
    assert site.desk.take(status=200).cseq == 2
    assert site.calls == []


def test_a_reliable_answer_after_a_challenge(site, guard):
    guard.challenge(dialled(site, Supported="100rel"))
    second = site.trunk.take("INVITE")
    site.trunk.answer(second, 183, body=offer("203.0.113.2"), RSeq="7", Require="100rel")
    progress = site.desk.take(status=183)
    assert progress.cseq == 1
    site.desk.send(site.desk.in_dialog("PRACK", progress, cseq=2, RAck="7 1 INVITE"))
    prack = site.trunk.take("PRACK")
    assert (prack.cseq, prack.get("RAck")) == (3, "7 2 INVITE")


def test_cancel_after_a_challenge(site, guard):
    invite = site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13"))
    site.desk.send(invite)
    site.desk.take(status=100)
    guard.challenge(site.trunk.take("INVITE"))
    second = site.trunk.take("INVITE")
    site.trunk.answer(second, 180)
    site.desk.take(status=180)
    cancel = site.desk.request("CANCEL", OUTSIDE_NUMBER)
    cancel.set_all("Via", invite.all("Via"))
    site.desk.send(cancel)
    assert site.desk.take().status == 200
    assert site.trunk.take("CANCEL").cseq == 2


def test_wrong_credentials_are_told_once(site, guard):
    guard.challenge(dialled(site))
    second = site.trunk.take("INVITE")
    assert guard.judge(second, "another") is Outcome.WRONG
    guard.challenge(second)
    assert site.desk.take().status == 407
    assert site.calls == []


def test_another_realm_is_not_answered(site):
    Guard(site, realm="elsewhere").challenge(dialled(site))
    answer = site.desk.take(status=407)
    assert 'realm="elsewhere"' in answer.get("Proxy-Authenticate")
    assert site.world.decisions("authentication")[-1].value == "passed on"


def test_requests_without_a_dialog_are_answered_for(site, guard):
    message = site.desk.request(
        "MESSAGE", OUTSIDE_NUMBER, cseq=5, body=b"hi", Content_Type="text/plain"
    )
    site.desk.send(message)
    guard.challenge(site.trunk.take("MESSAGE"), 401)
    second = site.trunk.take("MESSAGE")
    assert (second.cseq, guard.judge(second)) == (6, Outcome.GOOD)
    site.trunk.answer(second, 200)
    assert site.desk.take(status=200).cseq == 5


def test_the_trunk_that_began_is_answered_too(site, guard):
    arrived, _ = site.inbound()
    site.desk.send(site.desk.in_dialog("BYE", arrived, cseq=1))
    guard.challenge(site.trunk.take("BYE"))
    second = site.trunk.take("BYE")
    assert guard.judge(second) is Outcome.GOOD
    site.trunk.answer(second, 200)
    assert site.desk.take(status=200).cseq == 1


def test_without_the_page_challenges_pass():
    site = TrunkSite(ALONE, ("enabled: true\n        user_name: office",
                             "enabled: false\n        user_name: office"))  # fmt: skip
    Guard(site).challenge(dialled(site))
    assert site.desk.take(status=407).get("Proxy-Authenticate")


def test_phones_answer_for_themselves():
    """A server that asks phones: neither their registration nor their own answer is touched."""
    office = ("      sip_domain: office.example.com\n",
              "      sip_domain: office.example.com\n      authentication: {enabled: true,"
              " user_name: office, password: {secret: trunk}}\n")  # fmt: skip
    site = TrunkSite(ALONE, office)
    phone = Server(
        site.world, "PhoneSig", Address("192.168.67.61", 5060), user="3001", domain="x.org"
    )
    request = phone.request("REGISTER", "sip:x.org", to="<sip:3001@x.org>")
    phone.send(request)
    flow = site.world.opened[-1]
    inner = site.desk.take("REGISTER", flow=flow)
    site.desk.answer(inner, 401, flow=flow, WWW_Authenticate='Digest realm="ipoffice",nonce="1"')
    assert phone.take().status == 401
    assert not site.world.unread(flow)


# ---- registrations ----


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


def test_an_invite_to_the_number_of_a_trunk_is_not_touched(site):
    """A call from the trunk bears no credentials of ours."""
    site.trunk.send(site.trunk.request("INVITE", NUMBER, body=offer("203.0.113.2")))
    site.trunk.take(status=100)
    arrived = site.desk.take("INVITE", flow=site.world.opened[-1])
    assert arrived.get("Authorization") is None


def test_a_bye_of_the_borders_own_is_answered_for(site, guard):
    _, ok = site.outbound()
    assert ok.status == 200
    (call,) = site.calls
    site.world.give(MediaTimeout(call["media"], 60.0))
    assert site.desk.take().method == "BYE"
    guard.challenge(site.trunk.take("BYE"))
    second = site.trunk.take("BYE")
    assert guard.judge(second) is Outcome.GOOD
    assert site.calls == []
