"""`Uri`, `NameAddr` and `Via` as Python sees them."""

import pytest

from farline._core import NameAddr, Uri, Via, WireError


def test_uri() -> None:
    uri = Uri.parse("sip:3001@172.22.33.101:62657;transport=tcp;lr?Subject=x")
    assert (uri.scheme, uri.user, uri.host, uri.port) == ("sip", "3001", "172.22.33.101", 62657)
    assert uri.params == [("transport", "tcp"), ("lr", None)]
    assert (uri.param("LR"), uri.param("x"), uri.headers) == ("", None, "Subject=x")
    moved = uri.with_host("10.10.10.7", 5060).without_param("lr").with_param("subid_ipcs", "19")
    assert str(moved) == "sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=19?Subject=x"


def test_uri_is_a_value() -> None:
    one, two = Uri.parse("sip:a@EXAMPLE.com"), Uri.parse("sip:a@example.com")
    assert one != two
    assert one.equivalent(two)
    assert {one, Uri.parse("sip:a@EXAMPLE.com")} == {one}
    assert repr(one) == "Uri.parse('sip:a@EXAMPLE.com')"


def test_uri_build() -> None:
    built = Uri.build(
        "::1", user="a b", port=5060, scheme="sips", params=[("lr", None), ("x", "1;2")]
    )
    assert str(built) == "sips:a%20b@[::1]:5060;lr;x=1%3B2"
    assert str(Uri.build("example.com")) == "sip:example.com"
    with pytest.raises(WireError):
        Uri.build("exa mple.com")


def test_lone_surrogates_survive() -> None:
    uri = Uri.parse("sip:%E9@example.com")
    assert uri.user == "\udce9"
    assert str(Uri.build("example.com", user=uri.user)) == "sip:%E9@example.com"


def test_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(WireError, match="encoded"):
        Uri.build("example.com", user="\ud800")


def test_name_addr() -> None:
    text = '"Dora \\"D\\"" <sip:3003@h>;q=1;+sip.instance="<urn:uuid:1>";lone'
    address = NameAddr.parse(text)
    assert address.display == 'Dora "D"'
    assert address.uri == Uri.parse("sip:3003@h")
    assert address.params == [("q", "1"), ("+sip.instance", "<urn:uuid:1>"), ("lone", None)]
    assert (address.param("LONE"), address.param("x")) == ("", None)
    moved = address.with_uri(Uri.parse("sip:x")).without_param("q").with_param("lone", "a b")
    assert str(moved) == '"Dora \\"D\\"" <sip:x>;+sip.instance="<urn:uuid:1>";lone="a b"'
    assert str(address) == text


def test_name_addr_build() -> None:
    uri = Uri.parse("sip:a@b")
    assert str(NameAddr.build(uri)) == "<sip:a@b>"
    built = NameAddr.build(uri, display='A "B" \\', params=[("tag", "1"), ("lr", None)])
    assert str(built) == '"A \\"B\\" \\\\" <sip:a@b>;tag=1;lr'
    assert NameAddr.parse(str(built)).display == 'A "B" \\'
    with pytest.raises(WireError):
        NameAddr.build(uri, display="a\r\nb")


def test_via() -> None:
    via = Via.parse("SIP/2.0/UDP 192.0.2.1:5062;rport;branch=z9hG4bK1")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "192.0.2.1", 5062, "z9hG4bK1")
    assert (via.param("rport"), via.param("received")) == ("", None)
    noted = via.with_param("rport", "4711").with_param("received", "2001:db8::1")
    expected = "SIP/2.0/UDP 192.0.2.1:5062;rport=4711;branch=z9hG4bK1;received=2001:db8::1"
    assert str(noted) == expected
    assert Via.parse(str(noted)) == noted
    assert Via.parse("SIP/2.0/UDP h").branch == ""


@pytest.mark.parametrize(
    ("kind", "text"),
    [(Uri, "sip:a b@c"), (NameAddr, "*"), (NameAddr, "Bell, A <sip:a@b>"), (Via, "SIP/2.0/UDP")],
)
def test_what_cannot_be_read_is_a_400(
    kind: type[Uri] | type[NameAddr] | type[Via], text: str
) -> None:
    with pytest.raises(WireError) as caught:
        kind.parse(text)
    assert caught.value.status == 400
