"""Route handling and next hops."""

from __future__ import annotations

import pytest

from farline._core import Uri, WireError
from farline.sip import Address, Transport, routing
from farline.sip.routing import Hop
from farline.testing import sip_request


def having(uri: str, *routes: str):
    request = sip_request("BYE", uri)
    request.set_all("Route", list(routes))
    return request


def test_without_routes_the_request_uri_is_next() -> None:
    assert str(routing.next_hop(having("sip:3001@phone"))) == "sip:3001@phone"


def test_a_loose_next_hop_is_the_first_route() -> None:
    request = having("sip:3001@phone", "<sip:p1;lr>", "<sip:p2>")
    assert str(routing.next_hop(request)) == "sip:p1;lr"
    assert request.uri == "sip:3001@phone" and len(request.values("Route")) == 2


def test_a_strict_next_hop_moves_the_request_uri() -> None:
    request = having("sip:3001@phone", "<sip:p1>", "<sip:p2;lr>")
    assert str(routing.next_hop(request)) == "sip:p1"
    assert request.uri == "sip:p1"
    assert request.values("Route") == ["<sip:p2;lr>", "<sip:3001@phone>"]


def test_routes_are_bounded_and_must_be_readable() -> None:
    with pytest.raises(WireError):
        routing.next_hop(having("sip:a@b", *["<sip:p;lr>"] * 65))
    with pytest.raises(WireError):
        routing.next_hop(having("sip:a@b", "<<"))


@pytest.mark.parametrize(
    ("uri", "hop", "address"),
    [
        ("sip:10.0.0.1", Hop("10.0.0.1", None, Transport.UDP), Address("10.0.0.1", 5060)),
        ("sips:10.0.0.1", Hop("10.0.0.1", None, Transport.TLS), Address("10.0.0.1", 5061)),
        (
            "sip:a@10.0.0.1:5070;transport=tcp",
            Hop("10.0.0.1", 5070, Transport.TCP),
            Address("10.0.0.1", 5070),
        ),
        (
            "sip:[2001:db8::1]",
            Hop("2001:db8::1", None, Transport.UDP),
            Address("2001:db8::1", 5060),
        ),
        ("sips:h;transport=tcp", Hop("h", None, Transport.TLS), None),
        ("sip:ipo1xp.ipolab.com", Hop("ipo1xp.ipolab.com", None, None), None),
        ("sip:ipo1xp.ipolab.com:5060", Hop("ipo1xp.ipolab.com", 5060, Transport.UDP), None),
        ("sip:h;maddr=10.0.0.9", Hop("10.0.0.9", None, Transport.UDP), Address("10.0.0.9", 5060)),
    ],
)
def test_hops(uri: str, hop: Hop, address: Address | None) -> None:
    assert routing.hop(Uri.parse(uri)) == hop
    assert hop.address == address


@pytest.mark.parametrize(
    ("uri", "status"),
    [("tel:3003", 416), ("sip:h;transport=carrier-pigeon", 400), ("sips:h;transport=udp", 400)],
)
def test_no_way(uri: str, status: int) -> None:
    with pytest.raises(WireError) as caught:
        routing.hop(Uri.parse(uri))
    assert caught.value.status == status
