"""Security rules, by what is refused and what is taken out."""

import pytest

from farline.config.shield import Shield
from farline.sip import responses
from farline.testing.border import changed
from farline.testing.border_phone import DOMAIN, Phone
from farline.testing.policed import decided, passed, policed_border, refused


def security(**rule):
    return {"security": {"name": "sec", **rule}}


@pytest.mark.parametrize(
    ("check", "given", "status"),
    [
        ("known_methods", {"method": "FROB"}, 405),
        ("one_contact", {"Contact": "<sip:a@1.2.3.4>, <sip:b@1.2.3.4>"}, 400),
        ("printable_user", {"to": f"<sip:a%07b@{DOMAIN}>"}, 400),
        ("sdp", {"method": "INVITE", "body": b"v=0\r\nx"}, 488),
    ],
)
def test_compliance(policed, check, given, status):
    given = {"method": "MESSAGE", **given}
    world, phone = policed(security(compliance=[check]))
    assert refused(world, phone, **given) == status
    assert decided(world).form.endswith(f"Compliance: {check}")
    assert passed(world, phone, call="good").method == "MESSAGE"


def test_body_without_content_type(policed):
    world, phone = policed(security(compliance=["content_type"]))
    message = phone.request("MESSAGE", f"sip:3003@{DOMAIN}", body=b"hello")
    message.remove("Content-Type")
    world.receive(phone.flow, message)
    assert world.take(phone.flow).status == 415


def test_scrubbing(policed):
    rule = security(scrub_headers=["Alert-Info", "Subject"], scrub_bodies=["text/*"])
    world, phone = policed(rule)
    headers = {"Alert_Info": "<http://x/y>", "Subject": "z", "Priority": "low"}
    inner = passed(world, phone, body=b"<b>hi</b>", Content_Type="text/html", **headers)
    assert inner.get("Alert-Info") is None and inner.get("Subject") is None
    assert (inner.get("Priority"), inner.body, inner.get("Content-Type")) == ("low", b"", None)


def test_message_size(policed):
    world, phone = policed(security(max_message_bytes=1000))
    assert refused(world, phone, X_Long="x" * 1000) == 413
    assert decided(world).form.endswith("DoS: Message Size")


def test_a_message_size_above_the_shields_usual_one(guide_border):
    """The shield may be told to let more through, and a rule less than that."""
    roomy = changed(guide_border, shield=Shield(max_message=65_535))
    world, phone = policed_border(roomy, security(max_message_bytes=40_000))
    assert passed(world, phone, X_Long="x" * 39_000, call="fits").method == "MESSAGE"
    assert refused(world, phone, X_Long="x" * 45_000) == 413


def test_an_end_point_does_not_pay_for_its_servers_requests(policed):
    """Both flows have a limit; each counts what comes by it."""
    limit = security(max_requests_per_second=1)
    world, phone = policed(limit, limit)
    world.wait(10)
    for number in range(2):
        passed(world, phone, call=f"r{number}")
    world.receive(phone.upstream, phone.office_request("MESSAGE", call="from-the-office"))
    assert world.take(phone.flow).method == "MESSAGE"


def test_requests_per_second_of_one_end_point(policed):
    world, phone = policed(security(max_requests_per_second=1))
    world.wait(10)
    other = Phone(world, user="3002", port=10058)
    other.register()
    for number in range(2):
        passed(world, phone, call=f"r{number}")
    assert refused(world, phone, call="r3") == 503
    assert decided(world).form.endswith("DoS: Requests Per Second")
    world.wait(1.5)
    passed(world, phone, call="r4")


def test_authentication_of_a_register(policed):
    """A server that lets somebody in without a password is not believed."""
    world, phone = policed(security(authentication=True), registered=False)
    for credentials, status in ((None, 403), ('Digest username="3001"', 200)):
        request = phone.request(
            "REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>", call=f"reg-{status}"
        )
        if credentials:
            request.add("Authorization", credentials)
        world.receive(phone.flow, request)
        assert world.take(phone.flow).status == 100
        inner = world.take(world.opened[-1])
        answer = responses.make(inner, 200, to_tag="x")
        answer.add("Contact", f"{inner.get('Contact')};expires=180")
        world.receive(world.opened[-1], answer)
        assert world.take(phone.flow).status == status
        assert [row["registered"] for row in world.core.show()["bindings"]] == [status == 200]
