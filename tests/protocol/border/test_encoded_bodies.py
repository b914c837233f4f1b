"""Bodies that are compressed or encoded: nobody sees into them, so they do not go outside."""

import gzip
from base64 import b64encode

import pytest

from farline.config import TopologyAudit
from farline.sip import responses
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, OFFICE, offer, registered

TOLD = f"sip:3003@{OFFICE} is inside".encode()
GZIP = {"Content_Encoding": "gzip", "Content_Type": "text/x-y", "body": gzip.compress(TOLD)}
BASE64 = {
    "Content_Transfer_Encoding": "BASE64",
    "Content_Type": "text/x-y",
    "body": b64encode(TOLD),
}
PART = {
    "Content_Type": "multipart/mixed;boundary=b",
    "body": b"--b\r\nContent-Type: text/x-y\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + b64encode(TOLD)
    + b"\r\n--b--\r\n",
}
ENCODED = pytest.mark.parametrize("headers", [GZIP, BASE64, PART], ids=["gzip", "base64", "part"])


@pytest.fixture
def world(guide_border):
    return BorderWorld(guide_border)


@pytest.fixture
def phone(world):
    return registered(world)


@ENCODED
@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY", "INFO", "INVITE"])
def test_an_encoded_body_does_not_go_outside(world, phone, headers, method):
    world.receive(phone.upstream, phone.office_request(method, **headers))
    answer = world.take(phone.upstream)
    assert answer.status == 415
    assert answer.get("Accept-Encoding") == "identity"
    assert not world.unread(phone.flow)
    assert world.refusals()[-1].reason == "encoding"
    said = world.decisions("topology")[-1]
    assert said.value == "refused 415" and said.form.endswith("Topology Audit: Action")


def test_the_compact_form_is_no_way_round(world, phone):
    request = phone.office_request("MESSAGE", **GZIP).to_bytes()
    world.receive(phone.upstream, request.replace(b"Content-Encoding:", b"e:"))
    assert world.take(phone.upstream).status == 415


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Encoding": "Identity", "Content_Type": "text/x-y", "body": b"a"},
        {"Content_Transfer_Encoding": "binary", "Content_Type": "text/x-y", "body": b"a"},
        {**GZIP, "Content_Type": "text/plain"},  # what people write is not ours to read
        {"Content_Encoding": "gzip"},  # of nothing
    ],
)
def test_what_can_be_read_or_is_not_ours_to_read_passes(world, phone, headers):
    world.receive(phone.upstream, phone.office_request("MESSAGE", **headers))
    assert world.take(phone.flow).body == headers.get("body", b"")


def test_what_the_phone_sends_goes_inside_as_it_is(world, phone):
    """The office may read what a phone says of itself."""
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}", **GZIP))
    inner = world.take(phone.upstream)
    assert (inner.body, inner.get("Content-Encoding")) == (GZIP["body"], "gzip")


def test_a_description_must_be_readable_on_either_way(world, phone):
    """The media engine reads it: as it is, or not at all."""
    packed = {"Content_Encoding": "deflate", "Content_Type": "application/sdp"}
    invite = phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer(), **packed)
    world.receive(phone.flow, invite)
    answer = world.take(phone.flow)
    assert (answer.status, answer.get("Accept-Encoding")) == (415, "identity")
    assert not world.unread(phone.upstream)


@ENCODED
def test_of_an_answer_the_body_is_removed(world, phone, headers):
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}", body=b"hi"))
    inner = world.take(phone.upstream)
    given = dict(headers)
    body, kind = given.pop("body"), given.pop("Content_Type")
    told = tuple((name.replace("_", "-"), value) for name, value in given.items())
    answer = responses.make(inner, 200, to_tag="o", headers=told, body=body, content_type=kind)
    world.receive(phone.upstream, answer)
    out = world.take(phone.flow)
    assert (out.status, out.body) == (200, b"")
    names = ("Content-Type", "Content-Encoding", "Content-Transfer-Encoding")
    assert [out.get(name) for name in names] == [None] * 3
    assert world.core.show()["counters"]["audit.bodies-removed"] == 1
    assert world.decisions("topology")[-1].value == "body removed"


def test_report_only_says_so_and_lets_it_pass(guide_border):
    world = BorderWorld(changed(guide_border, topology_audit=TopologyAudit(action="report")))
    world.leaks_allowed = True
    phone = registered(world)
    world.receive(phone.upstream, phone.office_request("MESSAGE", **GZIP))
    assert world.take(phone.flow).body == GZIP["body"]
    (said,) = [one for one in world.decisions("topology") if one.value == "passed"]
    assert "gzip; reported only" in said.because
