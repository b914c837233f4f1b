"""The fields of the relays' form, each by what a relay of that form does.

What the inspectors and ledgers do in detail is test_relay_http's, test_relay_xmpp's and
test_relays'; what the seconds of a plan do on sockets is the relay's own tests'.
"""

import pytest

from farline.border.relays.http import HttpInspector
from farline.border.relays.ledger import RelayLedger
from farline.border.relays.plan import plan_relay
from farline.border.relays.xmpp import XmppInspector
from farline.config import ApplicationRelay, Border, Deployment

DEVICE = {
    "listen_network": "B", "listen_ip": "192.168.64.96", "listen_port": 8444,
    "connect_network": "A", "connect_ip": "10.10.10.7",
}  # fmt: skip
REMOTE = {"address": "10.10.10.13", "port": 8444}
NETWORKS = [
    {"name": "A", "default_gateway": "10.10.10.1", "prefix": "24", "interface": "A1",
     "addresses": [{"ip": "10.10.10.7"}]},
]  # fmt: skip


def plan(service="HTTP", *, remote=None, device=None, **fields):
    form = ApplicationRelay.model_validate({
        "name": "r", "service_type": service, "remote": REMOTE | (remote or {}),
        "device": DEVICE | (device or {}), **fields,
    })  # fmt: skip
    border = Border.model_validate({"networks": NETWORKS})
    return plan_relay(form, Deployment(version=1, border=border))


# ---- HTTP ----


def asked(http=None, *, method="GET", path="/sipxconfig/rest/my/x", host="10.10.10.13", lines=(),
          known=True, body=b"", **fields):  # fmt: skip
    """What becomes of a request at a relay with these fields."""
    made = plan(http=http or {}, **fields)
    inspector = HttpInspector(made.policy, made.listen[1], "198.51.100.7", lambda: known)
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    return inspector.up("\r\n".join([*head, "", ""]).encode() + body)


UPGRADE = {"lines": ("Connection: Upgrade", "Upgrade: websocket")}


@pytest.mark.parametrize(
    ("http", "request_"),
    [
        ({"methods": ["POST"]}, {"method": "POST"}),
        ({"hosts": ["other.example"]}, {"host": "other.example"}),
        ({"paths": ["/elsewhere/"]}, {"path": "/elsewhere/a"}),
        ({"websocket": True}, UPGRADE),
    ],
)
def test_what_a_field_lets_through(http, request_):
    assert asked(http, **request_).to_server
    assert asked(**request_).refused


def test_the_largest_body():
    http = {"methods": ["POST"], "max_body_bytes": 10}
    assert asked(http, method="POST", body=b"x" * 11).refused == "body"
    assert not asked({"methods": ["POST"]}, method="POST", body=b"x" * 11).refused


@pytest.mark.parametrize(("how", "count"), [("set", 1), ("append", 2), ("remove", 0)])
def test_forwarded_for(how, count):
    sent = asked({"forwarded_for": how}, lines=("X-Forwarded-For: 10.0.0.1",)).to_server
    line = next((one for one in sent.split(b"\r\n") if one.startswith(b"x-forwarded-for")), b"")
    assert len([one for one in line.partition(b":")[2].split(b",") if one]) == count


@pytest.mark.parametrize("through", [True, False])
def test_tls_passthrough(through):
    made = plan(http={"tls_passthrough": through})
    inspector = HttpInspector(made.policy, 8444, "198.51.100.7", lambda: True)
    out = inspector.up(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a TLS greeting
    assert bool(out.refused) is not through


def test_bootstrap_paths_are_for_addresses_without_a_phone():
    http = {"paths": ["/a/", "/b/"], "bootstrap_paths": ["/a/x"]}
    for path, passes in (("/a/x", True), ("/b/x", False)):
        out = asked(http, path=path, known=False, whitelist_flows=True)
        assert bool(out.to_server) is passes
        assert asked(http, path=path, known=True, whitelist_flows=True).to_server
        assert asked(http, path=path, known=False).to_server  # Whitelist Flows off


# ---- XMPP ----


def test_xmpp_domain_and_largest_stanza():
    stream = "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client'" \
        " xmlns:stream='http://etherx.jabber.org/streams'>"  # fmt: skip
    for domain in ("a.example", "b.example"):
        inspector = XmppInspector(plan("XMPP", xmpp={"domain": domain}).policy)
        out = inspector.up(stream.format("b.example").encode())
        assert bool(out.refused) is (domain == "a.example")
    for most, refused in ((10_000, True), (20_000, False)):
        form = {"domain": "a.example", "max_stanza_bytes": most}
        inspector = XmppInspector(plan("XMPP", xmpp=form).policy)
        inspector.up(stream.format("a.example").encode())
        out = inspector.up(b"<message><body>" + b"x" * 15_000)
        assert bool(out.refused) is refused


# ---- limits, times, places ----


@pytest.mark.parametrize(
    ("field", "known"),
    [
        ("max_connections", True),
        ("max_connections_per_source", True),
        ("max_connections_per_stranger", False),
    ],
)
def test_most_connections(field, known):
    ledger = RelayLedger(plan(whitelist_flows=True, **{field: 2}))
    admitted = [ledger.admit("192.0.2.1", known=known).value for _ in range(3)]
    assert admitted == [True, True, False]


@pytest.mark.parametrize(
    "field", ["idle_seconds", "connect_seconds", "request_seconds", "login_seconds"]
)
def test_times(field):
    made = plan(whitelist_flows=True, **{field: 17})
    assert getattr(made.whitelist if field == "login_seconds" else made, field) == 17.0


def test_only_known_addresses_with_whitelist_flows():
    for on in (True, False):
        ledger = RelayLedger(plan("LDAP", whitelist_flows=on))
        assert ledger.admit("192.0.2.1", known=False).value is not on


@pytest.mark.parametrize(
    ("fields", "attribute", "value"),
    [
        ({"name": "other"}, "name", "other"),
        ({"remote": {"address": "10.10.10.14"}}, "remote", ("10.10.10.14", 8444)),
        ({"remote": {"port": 1}}, "remote", ("10.10.10.13", 1)),
        ({"device": {"listen_ip": "192.168.64.97"}}, "listen", ("192.168.64.97", 8444)),
        ({"device": {"listen_port": 1}}, "listen", ("192.168.64.96", 1)),
        ({"device": {"connect_ip": "10.10.10.8"}}, "connect_ip", "10.10.10.8"),
        (
            {"remote": {"transport": "TLS", "tls_client_profile": "C"}},
            "remote_tls", "C",
        ),
        (
            {"device": {"listen_transport": "TLS", "tls_profile": "S"}},
            "listen_tls", "S",
        ),
    ],
)  # fmt: skip
def test_places(fields, attribute, value):
    assert getattr(plan(**fields), attribute) == value
    assert getattr(plan(), attribute) != value


@pytest.mark.parametrize(
    ("networks", "inside"), [([], "10.10.10.0/24"), (["10.20.0.0/16"], "10.20.0.0/16")]
)
def test_remote_networks(networks, inside):
    """Where a name may lead; by itself to the network of Connect IP."""
    made = plan(remote={"address": "a.example", "networks": networks})
    assert [str(one) for one in made.remote_networks] == [inside]
