"""SNI out of real greetings, in any pieces, and out of none that is broken."""

import ssl
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.border.relays.http import HttpInspector
from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.sni import NoHelloError, server_name

POLICY = HttpPolicy(
    methods=("GET",), hosts=("portal.example",), paths=("/",), bootstrap_paths=None,
    tls_passthrough=True, websocket=False, forwarded_for="set", max_body=0,
)  # fmt: skip


@cache
def hello(name):
    """What OpenSSL sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    one = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        one.do_handshake()
    return outgoing.read()


def in_records(data, size):
    """The same handshake in records of `size` bytes."""
    body = data[5:]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(data[:3] + len(one).to_bytes(2) + one for one in pieces)


def test_sni_of_openssl():
    assert server_name(hello("Portal.Example")) == "portal.example"
    assert server_name(hello(None)) == ""


def test_every_beginning_asks_for_more_and_fragments_are_joined():
    whole = hello("portal.example")
    assert all(server_name(whole[:size]) is None for size in range(len(whole)))
    assert server_name(in_records(whole, 7)) == "portal.example"


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n", b"\x16\x02", b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\xff\xff",
     b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
     b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", b"\x15\x03\x01\x00\x02\x02\x28"],
)  # fmt: skip
def test_what_is_no_greeting(data):
    with pytest.raises(NoHelloError):
        server_name(data)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_broken_greetings_say_so(noise, at):
    whole = bytearray(hello("portal.example"))
    whole[9 + at : 9 + at + len(noise)] = noise
    try:
        found = server_name(bytes(whole))
    except NoHelloError:
        return
    assert found is None or found.isascii()


@pytest.mark.parametrize(
    ("name", "hosts", "word"),
    [
        ("portal.example", ("portal.example",), ""),
        ("other.example", ("portal.example",), "host"),
        (None, ("portal.example",), "host"),
        (None, ("portal.example", "192.0.2.1"), ""),
    ],
)
def test_passthrough_goes_by_sni(name, hosts, word):
    relay = HttpInspector(replace(POLICY, hosts=hosts), 8444, "192.0.2.9", lambda: True)
    whole = hello(name)
    first = relay.up(whole[:50])
    assert first.to_server == b"" and relay.waiting
    out = relay.up(whole[50:])
    assert out.refused == word
    assert out.to_server == (b"" if word else whole)
    assert relay.opaque is not bool(word)


def test_tls_that_may_not_pass():
    relay = HttpInspector(replace(POLICY, tls_passthrough=False), 1, "192.0.2.9", lambda: True)
    assert relay.up(hello("portal.example")).refused == "tls"
