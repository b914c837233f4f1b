"""The XMPP relay's judgement: one domain, whole stanzas, nothing that RFC 6120 forbids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.border.relays.xmpp import MAX_HEADER, XmppInspector, XmppPolicy

DOMAIN = "chat.example"
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
HELLO = b"\x16\x03\x01\x02\x00\x01"


def header(to=DOMAIN, *, namespace="jabber:client", declaration="<?xml version='1.0'?>"):
    where = "" if to is None else f"to='{to}' "
    return (
        f"{declaration}<stream:stream {where}version='1.0' xmlns='{namespace}'"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    ).encode()


def opened():
    relay = XmppInspector(XmppPolicy(DOMAIN, 10_000))
    assert relay.up(header()).to_server == header()
    return relay


def fresh():
    return XmppInspector(XmppPolicy(DOMAIN, 10_000))


@pytest.mark.parametrize("to", [DOMAIN, "CHAT.example", "chat.example."])
def test_a_stream_to_the_domain_passes_byte_for_byte(to):
    relay = fresh()
    assert relay.waiting
    assert relay.up(header(to)).to_server == header(to)
    assert not relay.waiting


@pytest.mark.parametrize(
    "to",
    ["other.example", "chat.example.evil.example", "xchat.example", "sub.chat.example", "", None,
     "user@chat.example", "chat.example/x", "127.0.0.1", "chat.example@other.example",
     "chat.example&#x2e;evil"],
)  # fmt: skip
def test_a_stream_to_another_domain_does_not(to):
    out = fresh().up(header(to))
    assert (out.refused, out.to_server, out.close) == ("host", b"", True)
    assert b"<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" in out.to_client
    assert out.to_client.startswith(b"<?xml version='1.0'?><stream:stream ")
    assert out.to_client.endswith(b"</stream:error></stream:stream>")


def test_no_servers_come_in():
    out = fresh().up(header(namespace="jabber:server"))
    assert (out.refused, out.to_server) == ("namespace", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE a [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>" + header(declaration=""),
        b"<?php x?>" + header(declaration=""),
        b"<!-- x -->" + header(declaration=""),
    ],
)
def test_restricted_xml(data):
    out = fresh().up(data)
    assert (out.refused, out.to_server) == ("restricted", b"")


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n<a>", b"\x16\x03\x01>", b"<a>", b"</a>", b"<stream:stream>", b"\xff>",
     header(declaration="<?xml version='1.0' encoding='UTF-16'?>")],
)  # fmt: skip
def test_what_is_no_stream(data):
    out = fresh().up(data)
    assert out.refused in ("malformed", "namespace") and not out.to_server and out.close


def test_headers_and_stanzas_are_bounded():
    assert fresh().up(b"<" + b"a" * MAX_HEADER).refused == "size"
    assert fresh().up(b" " * (MAX_HEADER + 1)).refused == "size"
    relay = opened()
    out = relay.up(b"<message><body>" + b"x" * 20_000)
    assert (out.refused, out.to_server) == ("size", b"")
    assert opened().up(b"<a>" * 100).refused == "size"
    assert opened().up(b"<iq>" + b"<a/>" * 2001).refused == "size"


def test_starttls_hides_the_rest():
    relay = opened()
    relay.down(b"<stream:features><starttls><required/></starttls></stream:features>")
    assert relay.up(STARTTLS).to_server == STARTTLS
    relay.down(PROCEED[:5])
    assert not relay.opaque
    relay.down(PROCEED[5:])
    assert relay.opaque and relay.waiting
    assert relay.up(HELLO).to_server == HELLO and not relay.waiting
    assert relay.up(b"<anything>").to_server == b"<anything>"


def test_nothing_follows_starttls_before_its_answer():
    out = opened().up(STARTTLS + b"<iq/>")
    assert out.refused == "malformed" and b"<iq/>" not in out.to_server
    relay = opened()
    relay.up(STARTTLS)
    assert relay.up(b"<iq/>").refused == "malformed"


def test_starttls_must_be_followed_by_tls():
    relay = opened()
    relay.up(STARTTLS)
    relay.down(PROCEED)
    out = relay.up(b"<message to='a@other.example'/>")
    assert (out.refused, out.to_server) == ("malformed", b"")


@pytest.mark.parametrize(
    ("to", "passes"),
    [
        ("a@chat.example", True), ("chat.example", True), ("room@muc.chat.example/nick", True),
        ("a@CHAT.example", True), ("a@other.example", False), ("other.example", False),
        ("a@xchat.example", False), ("a@chat.example.evil.example", False), ("", False),
        ("a@other.example/chat.example", False), ("chat.example@other.example", False),
        ("a@b@chat.example", False), ("a@chat.example:5222", False), ("a@[::1]", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stanza", ["message", "iq", "presence", "x xmlns='jabber:server'"])
def test_stanzas_go_no_further_than_the_domain(to, passes, stanza):
    relay = opened()
    data = f"<{stanza} to='{to}'><body>a</body></{stanza.split()[0]}>".encode()
    follower = b"<iq type='get'/>"
    out = relay.up(data + follower)
    assert out.to_server == (data + follower if passes else follower)
    assert (out.refused == "to") is not passes
    assert not out.close  # the others of that client go on


def test_stanzas_pass_whole_however_they_come():
    data = b"<message to='a@chat.example' x='>'><body>1 &gt; 0 <![CDATA[>]]></body></message>"
    relay, passed = opened(), b""
    for byte in data:
        assert passed == b""
        passed = relay.up(bytes((byte,))).to_server
    assert passed == data


def test_whole_stanzas_are_counted():
    """Also where the next one has begun each time: the relay gives each its own time."""
    relay = opened()
    for number in range(5):
        relay.up(b"<presence/><mess")
        assert relay.waiting and relay.whole == 2 + 2 * number
        relay.up(b"age/>")


def test_a_stream_begins_anew_after_authentication_and_is_judged_again():
    for declaration in ("", "<?xml version='1.0'?>", "\n<?xml version='1.0'?>"):
        relay = opened()
        again = header(declaration=declaration)
        assert relay.up(again).to_server == again
        assert relay.up(b"<iq/>").to_server == b"<iq/>"
        assert relay.up(header("other.example", declaration=declaration)).refused == "host"


def test_compression_and_text_are_refused():
    compress = b"<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method>"
    assert opened().up(compress).refused == "compression"
    assert opened().up(b"hello<iq/>").refused == "malformed"


def test_white_space_keeps_alive():
    assert opened().up(b" \n").to_server == b" \n"


def test_a_refusal_inside_a_stream_has_no_second_header():
    relay = opened()
    relay.down(b"<?xml version='1.0'?><stream:stream>")
    assert relay.up(b"<!-- -->").to_client.startswith(b"<stream:error>")


@given(st.lists(st.binary(min_size=1, max_size=60) | st.sampled_from(
    [header(), STARTTLS, b"<iq>", b"</iq>", b"<iq to='a@other.example'/>", b"</stream:stream>"]
)))  # fmt: skip
def test_nothing_that_is_sent_raises(parts):
    relay = fresh()
    for part in parts:
        out = relay.up(part)
        assert b"other.example" not in out.to_server
        if out.close:
            break


def test_half_a_header_and_an_end_is_the_end():
    relay = fresh()
    relay.up(header()[:20])
    assert relay.up_end().close
    assert opened().up_end() is None
