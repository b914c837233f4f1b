"""By which texts a line is known again: as headers are read, not as they look."""

from pathlib import Path

import pytest

from farline.border.plan import Candidate, Plan
from farline.border.topology.line import is_line_of, make_line, subid_of, token_of
from farline.config import load_deployment
from farline.sip import Address, Flow, Message, Transport

GUIDE = Path(__file__).parents[4] / "examples" / "guide.yaml"
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")


@pytest.fixture(scope="module")
def line():
    border = load_deployment(GUIDE.read_text(), SECRETS).border
    here, there = Address("192.168.64.96", 5060), Address("192.0.2.9", 1234)
    return make_line(
        Plan(border),
        subid="77",
        domain="a.example",
        subscriber=border.subscriber_flows[0],
        phone=Flow(1, "IPORWB1Sig", Transport.TCP, here, there),
        server=border.server_flows[0],
        candidate=Candidate("IPO", Transport.TCP, Address("10.10.10.13", 5060)),
    )


@pytest.mark.parametrize(
    ("value", "mine"),
    [
        ("<sip:10.10.10.7:5060;ipcs-line=11;lr;transport=tcp;subid_ipcs=77>", True),
        ("<sip:10.10.10.7:5060;SUBID_IPCS=77;lr>", True),
        ("<sip:10.10.10.7:5060;lr;subid_ipcs=778>", False),
        ('"a;subid_ipcs=77" <sip:198.51.100.1;lr>', False),
        ("<sip:x;subid_ipcs=77@198.51.100.1;lr>", False),
        ('"us" <sip:192.168.64.96:5060;lr>', True),
        ("<sip:192.168.64.96:50600;lr>", False),
        ("sip:[broken", False),
    ],
)
def test_which_record_routes_are_ours(line, value, mine):
    assert is_line_of(line, value) is mine


@pytest.mark.parametrize(
    ("uri", "route", "token"),
    [
        ("sip:3001@10.10.10.7;subid_ipcs=77", None, "77"),
        ("sip:3001;subid_ipcs=5@10.10.10.7;subid_ipcs=77", None, "77"),
        ("sip:3001@10.10.10.7", '"x;subid_ipcs=5" <sip:10.10.10.7;lr;subid_ipcs=77>', "77"),
        ("sip:3001@10.10.10.7?X=;subid_ipcs=5", None, ""),
        ("tel:+431", "<sip:10.10.10.7;lr>", ""),
    ],
)
def test_the_token_of_a_request(uri, route, token):
    request = Message.request("OPTIONS", uri)
    if route is not None:
        request.add("Route", route)
    assert token_of(request) == token


def test_a_value_without_token():
    assert subid_of("<sip:10.10.10.7;lr>") == subid_of("sip:subid_ipcs@x") == ""
