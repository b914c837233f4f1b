"""TLS profiles on the wire: who is believed, with which versions, by which names; and renewal."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from farline.config import Border, Deployment, TlsClientProfile, TlsServerProfile
from farline.config.flows import SubscriberFlow
from farline.runtime.sip import Listener, SipDriver
from farline.runtime.tls.keeper import TlsKeeper
from farline.runtime.tls.lab_authority import make_certificates
from farline.runtime.tls.making import common_name, new_key, unsigned
from farline.runtime.tls.names import Borne
from farline.runtime.tls.profiles import TlsError, client_context, server_context
from farline.sip import Address, Transport
from farline.sip.effects import Open, Opened, OpenFailed
from farline.testing.core import NotingCore
from farline.testing.pki import revocation_lists, three_deep

IP = "127.0.0.1"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """ca.pem with here (127.0.0.1), named (a name) and wild; other/ca.pem knows none of them."""
    base = tmp_path_factory.mktemp("tls")
    hosts = {
        "here": [IP, "sip.example.com"],
        "named": ["phone.example.com"],
        "wild": ["*.example.com"],
    }
    make_certificates(base, hosts)
    make_certificates(base / "other", {"here": [IP]})
    return base


def deployment(server=None, client=None, *more):
    first = {"name": "S", "certificate": "here.pem", "key": "here.key"} | (server or {})
    second = {"name": "C", "peer_certificate_authorities": "ca.pem"} | (client or {})
    return Deployment(
        tls_server_profiles=(TlsServerProfile(**first), *(TlsServerProfile(**one) for one in more)),
        tls_client_profiles=(TlsClientProfile(**second),),
    )


class Pair:
    """A driver that listens with a server profile and connects with a client profile."""

    def __init__(self, base, given):
        self.core, self.events = NotingCore(), []
        self.client = client_context(given, "C", base, sip=True)
        listener = Listener(
            "out",
            IP,
            tls_port=0,
            wss_port=0,
            tls=server_context(given, "S", base),
            ws_origins=("*",),
        )
        self.driver = SipDriver(
            self.core, [listener], tls_for=self._judge, trace=self.events.append
        )

    async def __aenter__(self):
        await self.driver.start()
        return self

    async def __aexit__(self, *_):
        await self.driver.stop()

    def _judge(self, profile):
        return self.client if profile == "C" else None

    @property
    def port(self):
        return self.driver.ports("out")[Transport.TLS]

    async def dial(self, name=None, profile="C"):
        """Connect to ourselves; the names of the inputs that the core got."""
        self.core.outputs.append(
            Open(7, "out", Transport.TLS, Address(IP, self.port), name, profile)
        )
        self.driver._after()
        while True:
            async with asyncio.timeout(30):
                event = await self.core.inputs.get()
            if isinstance(event, OpenFailed):
                return event.reason
            if isinstance(event, Opened) and event.ticket == 7:
                stream = self.driver.connections.by_token[event.flow.token]
                return stream.raw.get_extra_info("ssl_object")


async def test_the_usual(base):
    async with Pair(base, deployment()) as pair:
        assert (await pair.dial()).version() == "TLSv1.3"


async def test_the_profile_that_the_core_names_judges(base):
    async with Pair(base, deployment()) as pair:
        assert await pair.dial(profile="Other") == "no TLS client profile is configured"


def test_profiles_of_subscriber_flows_are_loaded(base):
    given = with_border()
    names = dict.fromkeys(("signaling_interface", "media_interface", "routing_profile"), "x")
    flow = SubscriberFlow(name="f", end_point_policy_group="x", tls_client_profile="C", **names)
    border = given.border.model_copy(update={"subscriber_flows": (flow,), "server_profiles": ()})
    keeper = TlsKeeper(given.model_copy(update={"border": border}), base, [].append).prepare()
    assert keeper.of_sip_server("C") is not None
    assert keeper.of_sip_server("Other") is None


@pytest.mark.parametrize("versions", [("1.2",), ("1.3",)])
@pytest.mark.parametrize("side", ["server", "client"])
async def test_versions(base, side, versions):
    async with Pair(base, deployment(**{side: {"versions": versions}})) as pair:
        assert (await pair.dial()).version() == f"TLSv{versions[0]}"


async def test_no_version_in_common(base):
    given = deployment({"versions": ("1.2",)}, {"versions": ("1.3",)})
    async with Pair(base, given) as pair:
        assert await pair.dial() == "the server ended the TLS handshake"


@pytest.mark.parametrize("side", ["server", "client"])
async def test_ciphers(base, side):
    cipher = "ECDHE-ECDSA-AES128-GCM-SHA256"
    async with Pair(base, deployment(**{side: {"versions": ("1.2",), "ciphers": cipher}})) as pair:
        assert (await pair.dial()).cipher()[0] == cipher


def test_ciphers_that_there_are_not(base):
    with pytest.raises(TlsError, match="'S': Ciphers"):
        server_context(deployment({"ciphers": "NO-SUCH"}), "S", base)


async def test_mutual(base):
    own = {"certificate": "named.pem", "key": "named.key"}
    demand = {"peer_verification": "required", "peer_certificate_authorities": "ca.pem"}
    async with Pair(base, deployment(demand, own)) as pair:
        assert not isinstance(await pair.dial(), str)


@pytest.mark.parametrize("own", [{}, {"certificate": "other/here.pem", "key": "other/here.key"}])
async def test_mutual_without_a_good_certificate(base, own):
    demand = {"peer_verification": "required", "peer_certificate_authorities": "ca.pem"}
    given = deployment(demand | {"versions": ("1.2",)}, own)
    async with Pair(base, given) as pair:
        assert isinstance(await pair.dial(), str)


async def test_no_session_is_resumed_past_the_rules(base):
    """A resumed session shows no chain, so Verification Depth could not be asked again."""
    demand = {"peer_verification": "required", "peer_certificate_authorities": "ca.pem"}
    given = deployment(demand | {"versions": ("1.2",)})
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    blind.load_cert_chain(base / "named.pem", base / "named.key")
    async with Pair(base, given) as pair:
        port, session = pair.port, None

        def dial():
            nonlocal session
            with (
                socket.create_connection((IP, port)) as raw,
                blind.wrap_socket(raw, session=session) as peer,
            ):
                session = peer.session
                return peer.session_reused

        for _ in range(3):
            assert await asyncio.to_thread(dial) is False


async def test_optional_lets_in_who_shows_none(base):
    demand = {"peer_verification": "optional", "peer_certificate_authorities": "ca.pem"}
    async with Pair(base, deployment(demand)) as pair:
        assert not isinstance(await pair.dial(), str)


async def test_authorities_that_do_not_know_it(base):
    given = deployment(client={"peer_certificate_authorities": "other/ca.pem"})
    async with Pair(base, given) as pair:
        assert "certificate verify failed" in await pair.dial()


async def test_verification_off_believes_all(base):
    given = deployment(
        client={"peer_certificate_authorities": "other/ca.pem", "peer_verification": False}
    )
    async with Pair(base, given) as pair:
        assert not isinstance(await pair.dial("whoever.example"), str)


@pytest.mark.parametrize(
    ("client", "name", "refused"),
    [
        ({}, "sip.example.com", None),
        ({}, "other.example.com", "is not that of other.example.com: it bears sip.example.com"),
        ({"extended_hostname_verification": False}, "other.example.com", None),
        ({"server_hostname": "sip.example.com"}, "10.0.0.1", None),
        ({"server_hostname": "other.example.com"}, None, "is not that of other.example.com"),
    ],
)
async def test_the_domain_of_the_certificate(base, client, name, refused):
    async with Pair(base, deployment(client=client)) as pair:
        found = await pair.dial(name)
        assert (refused in found) if refused else not isinstance(found, str), found


async def test_a_wildcard_is_no_sip_domain(base):
    given = deployment({"certificate": "wild.pem", "key": "wild.key"})
    async with Pair(base, given) as pair:
        assert "is not that of a.example.com" in await pair.dial("a.example.com")


@pytest.mark.parametrize(
    ("borne", "speaks"),
    [
        (Borne(("sip.example.com",), frozenset(), frozenset({"example.com"})), True),
        (Borne(("example.com",), frozenset(), frozenset({"other.org"})), False),
        (Borne((), frozenset(), frozenset(), "example.com"), True),
        (Borne(("a.org",), frozenset(), frozenset(), "example.com"), False),
    ],
)
def test_uris_before_names_before_the_common_name(borne, speaks):
    assert borne.speaks_for("Example.COM") is speaks


@pytest.mark.parametrize(("sni", "name"), [(True, "phone.example.com"), (False, None)])
async def test_sni_is_said_and_chooses(base, sni, name):
    other = {"name": "T", "certificate": "named.pem", "key": "named.key"}
    client = {"sni": sni, "extended_hostname_verification": False}
    given = deployment({"sni_profiles": ("T",)}, client, other)
    async with Pair(base, given) as pair:
        found = await pair.dial("phone.example.com")
        names = x509.load_der_x509_certificate(found.getpeercert(True)).subject.rfc4514_string()
        assert names == f"CN={'phone.example.com' if sni else IP}"


@pytest.mark.parametrize(("depth", "chain", "said"), [
    (3, "deep-chain.pem", None), (2, "deep-chain.pem", None),
    (1, "deep-chain.pem", "Verification Depth 1"), (3, None, "certificate verify failed"),
])  # fmt: skip
async def test_chain_and_depth(base, depth, chain, said):
    three_deep(base)
    given = deployment(
        {"certificate": "deep.pem", "key": "deep.key", "certificate_chain": chain},
        {"peer_certificate_authorities": "deep-root.pem", "verification_depth": depth},
    )
    async with Pair(base, given) as pair:
        found = await pair.dial()
        assert (said in found) if said else not isinstance(found, str), found


@pytest.mark.parametrize(("depth", "said"), [(2, None), (1, "the server ended the TLS handshake")])
async def test_depth_of_the_clients_chain(base, depth, said):
    three_deep(base)
    whole = base / "deep-whole.pem"
    whole.write_bytes((base / "deep.pem").read_bytes() + (base / "deep-chain.pem").read_bytes())
    demand = {"peer_verification": "required", "peer_certificate_authorities": "deep-root.pem"}
    given = deployment(
        demand | {"versions": ("1.2",), "verification_depth": depth},
        {"certificate": "deep-whole.pem", "key": "deep.key"},
    )
    async with Pair(base, given) as pair:
        found = await pair.dial()
        assert (found == said) if said else not isinstance(found, str), found


async def test_revoked(base):
    """A list of the authority that names the certificate, and one that names nobody."""
    revocation_lists(base, "here")
    for name, said in (("empty", None), ("full", "certificate revoked")):
        given = deployment(client={"peer_certificate_revocation_lists": f"{name}.crl"})
        async with Pair(base, given) as pair:
            found = await pair.dial()
            assert (said in found) if said else not isinstance(found, str), found


async def test_revoked_client(base):
    revocation_lists(base, "here")
    demand = {"peer_verification": "required", "peer_certificate_authorities": "ca.pem"}
    own = {"certificate": "here.pem", "key": "here.key"}
    for name, said in (("empty", None), ("full", "the server ended the TLS handshake")):
        lists = {"peer_certificate_revocation_lists": f"{name}.crl", "versions": ("1.2",)}
        async with Pair(base, deployment(demand | lists, own)) as pair:
            found = await pair.dial()
            assert (found == said) if said else not isinstance(found, str), found


# ---- renewal ----


def with_border(name="here"):
    border = Border.model_validate({
        "signaling_interfaces": [
            {"name": "out", "network": "n", "ip": IP, "tls_port": 5061, "tls_profile": "S"}
        ],
    })  # fmt: skip
    return deployment({"certificate": f"{name}.pem", "key": f"{name}.key"}).model_copy(
        update={"border": border}
    )


async def shown(port):
    """The certificate that a new connection is shown, in DER."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(IP, port, ssl=blind)
    found = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return found


def leaf(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


class Kept:
    def __init__(self, base, notes):
        self.keeper = TlsKeeper(with_border(), base, notes.append)
        self.core = NotingCore()
        tls = self.keeper.server("S")
        self.driver = SipDriver(self.core, [Listener("out", IP, tls_port=0, tls=tls)])

    async def __aenter__(self):
        await self.driver.start()
        return self

    async def __aexit__(self, *_):
        await self.driver.stop()

    @property
    def port(self):
        return self.driver.ports("out")[Transport.TLS]


async def test_renewal_keeps_connections_and_refuses_what_is_no_certificate(tmp_path):
    make_certificates(tmp_path, {"here": [IP]})
    notes = []
    async with Kept(tmp_path, notes) as kept:
        first = leaf(tmp_path / "here.pem")
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(IP, kept.port, ssl=blind)
        await kept.core.next(Opened)
        make_certificates(tmp_path, {"here": [IP]})
        assert kept.keeper.reload() == {"S": "in use for new connections"}
        assert await shown(kept.port) == leaf(tmp_path / "here.pem") != first
        second = leaf(tmp_path / "here.pem")
        (tmp_path / "here.key").write_text("no key")
        told = kept.keeper.reload()
        assert told["S"].startswith("not used: ")
        assert await shown(kept.port) == second
        writer.write(b"\r\n\r\n")  # the first connection is as it was
        assert await reader.readexactly(2) == b"\r\n"
        writer.close()


async def test_the_files_are_watched(tmp_path, monkeypatch):
    monkeypatch.setattr("farline.runtime.tls.keeper.WATCH_SECONDS", 0.02)
    make_certificates(tmp_path, {"here": [IP]})
    changed = asyncio.Event()
    notes = []
    async with Kept(tmp_path, notes) as kept:
        kept.keeper._note = lambda event: (notes.append(event), changed.set())
        watching = asyncio.ensure_future(kept.keeper.watch())
        make_certificates(tmp_path / "new", {"here": [IP]})
        for name in ("here.key", "here.pem"):
            (tmp_path / "new" / name).replace(tmp_path / name)
        async with asyncio.timeout(20):
            changed.clear()
            while await shown(kept.port) != leaf(tmp_path / "here.pem"):
                await changed.wait()
                changed.clear()
        watching.cancel()


def test_it_is_told_at_30_7_1_days_and_at_the_end(base):
    notes, now = [], [datetime.now(UTC)]
    keeper = TlsKeeper(with_border(), base, notes.append, lambda: now[0])
    keeper.server("S")
    [expiry] = keeper.expiries()
    for days in (31, 29, 28, 8, 6, 5, 1.5, 0.5, -1, -2):
        now[0] = expiry.until - timedelta(days=days)
        keeper.warn()
    assert [note.detail.rsplit(": ", 1)[1].split(" ")[0] for note in notes] == [
        "29",
        "6",
        "0",
        "ran",
    ]
    assert keeper.show()[0]["days left"] == -2


def test_it_is_told_of_issuers_in_a_file_of_their_own(base):
    key, now = new_key(), datetime.now(UTC).replace(microsecond=0)
    ends = now + timedelta(days=5)
    name = common_name("Middle")
    short = unsigned(name, name, key.public_key(), now, ends).sign(key, hashes.SHA256())
    (base / "short.pem").write_bytes(short.public_bytes(Encoding.PEM))
    own = {"certificate": "here.pem", "key": "here.key", "certificate_chain": "short.pem"}
    keeper = TlsKeeper(deployment(own), base, [].append)
    keeper.server("S")
    assert [one.until for one in keeper.expiries()] == [ends]


@pytest.mark.parametrize("field", ["certificate", "key", "peer_certificate_revocation_lists"])
def test_a_missing_file_is_named_with_its_form_and_field(base, field):
    with pytest.raises(TlsError) as raised:
        server_context(deployment({field: "none.pem"}), "S", base)
    title = TlsServerProfile.model_fields[field].title
    assert str(raised.value) == (
        f"TLS Management > Server Profiles 'S' > {title}: {base}/none.pem: "
        "No such file or directory; put it there, or name another file"
    )


def test_a_file_that_is_no_pem(base):
    (base / "bad.pem").write_bytes(b"nonsense")
    with pytest.raises(TlsError, match=r"Peer Certificate Authorities: \S+bad.pem: .*give PEM"):
        client_context(deployment({}, {"peer_certificate_authorities": "bad.pem"}), "C", base)
    with pytest.raises(TlsError, match=r"> Certificate: \S+bad.pem: it and its key .*give PEM"):
        server_context(deployment({"certificate": "bad.pem"}), "S", base)
