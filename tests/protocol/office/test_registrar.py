"""Registration: who may, for how long, in which order, and what an outsider can learn."""

import pytest

from farline.sip import Address
from farline.sip.digest_client import DigestClient
from farline.store.registrations import MemoryRegistrations, SqliteRegistrations
from farline.store.sqlite import StoreError
from farline.testing import ManualClock, SeededIds

BORDER = Address("10.10.10.7", 43873)


def login(phone, username, password, headers=()):
    """REGISTER with any name; the answer to the second request."""
    first = phone.request("REGISTER", phone.extension, headers)
    phone.send(first)
    second = DigestClient(username, password, SeededIds(5)).retry(first, phone.take("SIP/2.0 401"))
    phone.bench.branches += 1
    second.prepend("Via", f"SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-{phone.bench.branches}")
    phone.send(second)
    return phone.take("SIP/2.0")


def again(phone, message):
    """The same request in a new transaction."""
    phone.bench.branches += 1
    message.pop("Via")
    message.prepend("Via", f"SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-{phone.bench.branches}")
    phone.send(message)
    return phone.take("SIP/2.0")


def contacts(bench, extension="3001"):
    return [one.kept.contact for one in bench.core.registrar.contacts(extension, bench.clock.now)]


@pytest.mark.parametrize("name", ["3001", "Ruel", "rUEL"])
def test_extension_or_name_without_regard_to_case(bench, name):
    assert login(bench.phone("3001", BORDER), name, "ruel-pw").status == 200


def test_unknown_user_and_wrong_password_get_equal_answers(bench):
    phone = bench.phone("3001", BORDER)
    wrong = login(phone, "3001", "guess")
    unknown = login(phone, "4711", "guess")
    for answer in (wrong, unknown):
        assert answer.status == 401
        for name in ("To", "WWW-Authenticate", "Via", "Call-ID"):
            answer.remove(name)
    assert wrong.to_bytes() == unknown.to_bytes()
    assert contacts(bench) == []


def test_a_disabled_account_is_an_unknown_one(make_bench):
    def disable(office):
        users = tuple(u.model_copy(update={"enabled": u.name != "Ruel"}) for u in office.users)
        return office.model_copy(update={"users": users})

    phone = make_bench(disable).phone("3001", BORDER)
    assert login(phone, "3001", "ruel-pw").status == 401


def test_nobody_registers_another_extension(bench):
    phone = bench.phone("3003", BORDER)
    assert login(phone, "3001", "ruel-pw").status == 403
    assert contacts(bench, "3003") == []


def test_a_nonce_expires(bench):
    phone = bench.phone("3001", BORDER)
    first = phone.request("REGISTER", "3001")
    phone.send(first)
    second = DigestClient("3001", "ruel-pw", SeededIds(5)).retry(first, phone.take("SIP/2.0 401"))
    second.prepend("Via", "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-late")
    bench.wait(10.5)
    phone.send(second)
    assert "stale=true" in phone.take("SIP/2.0 401").get("WWW-Authenticate").lower()


def test_a_nonce_is_good_once(bench):
    phone = bench.phone("3001", BORDER)
    first = phone.request("REGISTER", "3001")
    phone.send(first)
    second = DigestClient("3001", "ruel-pw", SeededIds(5)).retry(first, phone.take("SIP/2.0 401"))
    second.prepend("Via", "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-x")
    assert again(phone, second).status == 200
    stolen = second.copy()
    stolen.set("Contact", "<sip:thief@10.10.10.66:5060;transport=tcp>")
    stolen.set("CSeq", "9 REGISTER")
    answer = again(phone, stolen)
    assert answer.status == 401
    assert "stale=true" in answer.get("WWW-Authenticate").lower()
    assert contacts(bench) == [phone.contact]


def test_one_challenge_for_each_algorithm(make_bench):
    def two(office):
        registrar = office.registrar.model_copy(update={"digest_algorithms": ("SHA-256", "MD5")})
        return office.model_copy(update={"registrar": registrar})

    bench = make_bench(two)
    phone = bench.phone("3001", BORDER)
    phone.send(phone.request("REGISTER", "3001"))
    values = phone.take("SIP/2.0 401").all("WWW-Authenticate")
    assert [value.rpartition("algorithm=")[2] for value in values] == ["SHA-256", "MD5"]
    assert phone.register("ruel-pw").status == 200


@pytest.mark.parametrize(
    ("asked", "status", "given"), [(3600, 200, "180"), (90, 200, "90"), (59, 423, None)]
)
def test_leases(bench, asked, status, given):
    phone = bench.phone("3001", BORDER)
    answer = phone.register("ruel-pw", [("Expires", str(asked))])
    assert (answer.status, answer.get("Expires")) == (status, given)
    assert (answer.get("Min-Expires") == "60") == (status == 423)


def test_the_lease_ends(bench, ruel):
    bench.wait(179)
    assert contacts(bench) == [ruel.contact]
    bench.wait(2)
    assert contacts(bench) == []
    bench.wait(60)
    assert bench.core.show()["registrations"] == []


def test_expires_0_and_star_unregister(bench, ruel):
    assert ruel.register("ruel-pw", [("Expires", "0")]).get("Contact") is None
    assert contacts(bench) == []
    ruel.register("ruel-pw")
    assert ruel.register("ruel-pw", [("Contact", "*"), ("Expires", "0")]).status == 200
    assert contacts(bench) == []


@pytest.mark.parametrize(
    "headers",
    [
        [("Contact", "*")],
        [("Contact", "*"), ("Expires", "60")],
        [("Contact", "*, <sip:3001@10.10.10.7>"), ("Expires", "0")],
        [("Contact", "<tel:+4930123>")],
        [("Contact", "<sip:3001@10.10.10.7>;q=7")],
        [("Contact", f"<sip:{'x' * 2000}@10.10.10.7>")],
    ],
)
def test_contacts_that_cannot_be(bench, headers):
    phone = bench.phone("3001", BORDER)
    assert phone.register("ruel-pw", headers).status == 400
    assert contacts(bench) == []


def test_a_contact_at_the_office_itself_would_loop(bench):
    phone = bench.phone("3001", BORDER)
    headers = [("Contact", "<sip:3003@10.10.10.13:5060>")]
    assert phone.register("ruel-pw", headers).status == 403


def test_several_contacts_each_with_its_time(bench, ruel):
    bench.wait(60)
    second = "sip:3001@10.10.10.99:5060;transport=tcp"
    answer = ruel.register("ruel-pw", [("Contact", f"<{second}>;q=0.5"), ("Expires", "90")])
    assert answer.all("Contact") == [f"<{ruel.contact}>;expires=120", f"<{second}>;expires=90"]
    query = ruel.register("ruel-pw", [("Contact", "<sip:x@y>;expires=0")])
    assert len(query.all("Contact")) == 2


def test_too_many_contacts(bench):
    phone = bench.phone("3001", BORDER)
    many = ", ".join(f"<sip:3001@10.10.10.7:{6000 + n}>" for n in range(11))
    assert phone.register("ruel-pw", [("Contact", many)]).status == 403


def test_the_same_instance_replaces_its_contact(bench):
    phone = bench.phone("3001", BORDER)
    tail = '+sip.instance="<urn:uuid:96CD7630-D24F-46C6-9E6E-6AF07A9B45D6>";reg-id=1'
    phone.register("ruel-pw", [("Contact", f"<sip:3001@10.10.10.7:5060>;{tail}")])
    phone.register("ruel-pw", [("Contact", f"<sip:3001@10.10.10.7:6060>;{tail.lower()}")])
    assert contacts(bench) == ["sip:3001@10.10.10.7:6060"]


def test_a_late_request_of_the_same_call_id_changes_nothing(bench, ruel):
    first = ruel.register("ruel-pw", [("CSeq", "8 REGISTER")], call_id="one")
    late = ruel.register("ruel-pw", [("CSeq", "3 REGISTER"), ("Expires", "0")], call_id="one")
    assert (first.status, late.status) == (200, 500)
    assert contacts(bench) == [ruel.contact]


@pytest.mark.parametrize("uri", ["sip:elsewhere.example", "sip:10.10.10.99"])
def test_another_domain(bench, uri):
    phone = bench.phone("3001", BORDER)
    request = phone.request("REGISTER", "3001")
    request.uri = uri
    phone.send(request)
    phone.take("SIP/2.0 404")


def test_required_extensions(bench):
    phone = bench.phone("3001", BORDER)
    phone.send(phone.request("REGISTER", "3001", [("Require", "gruu,timer")]))
    assert phone.take("SIP/2.0 420").get("Unsupported") == "gruu"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_registrations_survive_a_restart(make_bench, tmp_path, kind):
    memory = MemoryRegistrations()

    def store():
        return memory if kind == "memory" else SqliteRegistrations(tmp_path / "office.sqlite")

    clock = ManualClock()
    before, after = store(), store()
    bench = make_bench(registrations=before, clock=clock)
    phone = bench.phone("3001", BORDER)
    phone.register("ruel-pw")
    clock.advance(100)
    restarted = make_bench(registrations=after, clock=clock)
    assert contacts(restarted) == [phone.contact]
    clock.advance(81)
    assert contacts(make_bench(registrations=store(), clock=clock)) == []


class _Full(MemoryRegistrations):
    def save(self, extension, registrations):
        raise StoreError("disk is full")


def test_what_cannot_be_stored_is_not_promised(make_bench):
    bench = make_bench(registrations=_Full())
    assert bench.phone("3001", BORDER).register("ruel-pw").status == 500
    assert contacts(bench) == []


def test_unreadable_credentials(bench):
    phone = bench.phone("3001", BORDER)
    phone.send(phone.request("REGISTER", "3001", [("Authorization", 'Digest realm="ipoffice"')]))
    phone.take("SIP/2.0 400")
