"""ACME without an authority: what is answered while an order is open, stand-ins, the forms."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from acme import client, messages
from pydantic import ValidationError

from farline.config import ConfigError, TlsServerProfile, load_with_warnings
from farline.config.tls import AcmeOrder
from farline.runtime.acme import files, order
from farline.runtime.acme.http import MAX_CONNECTIONS, answering
from farline.runtime.preflight import preflight
from farline.runtime.tls.lab_authority import make_certificates

IP = "127.0.0.1"
GUIDE = (Path(__file__).parents[4] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
FORM = {
    "directory": "https://acme.example/dir", "terms_agreed": True, "challenge_ip": IP,
    "names": ("sip.farline.example",),
}  # fmt: skip


def profile(**form):
    return TlsServerProfile(name="S", certificate="s.pem", key="s.key", acme=FORM | form)


async def ask(port, text):
    reader, writer = await asyncio.open_connection(IP, port)
    writer.write(text)
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


async def cut(port, text):
    """Whether nothing is answered."""
    try:
        return await ask(port, text) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /.well-known/acme-challenge/abc HTTP/1.1", b"200 OK"),
        (b"GET /.well-known/acme-challenge/abd HTTP/1.1", b"404 "),
        (b"GET /.well-known/acme-challenge/ HTTP/1.1", b"404 "),
        (b"GET /.well-known/./acme-challenge/abc HTTP/1.1", b"404 "),
        (b"GET / HTTP/1.1", b"404 "),
        (b"POST /.well-known/acme-challenge/abc HTTP/1.1", b"404 "),
        (b"\xff\xfe", b"404 "),
    ],
)
async def test_only_the_proof_is_answered(line, status):
    async with answering(IP, 0, {"/.well-known/acme-challenge/abc": "abc.proof"}) as port:
        answer = await ask(port, line + b"\r\nHost: sip.farline.example\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert answer.endswith(b"abc.proof") is (status == b"200 OK")


async def test_long_requests_and_too_many_are_cut_off():
    async with answering(IP, 0, {}) as port:
        assert await cut(port, b"GET /" + b"x" * 10_000)
        waiting = [await asyncio.open_connection(IP, port) for _ in range(MAX_CONNECTIONS)]
        assert await cut(port, b"GET / HTTP/1.1\r\n\r\n")
        for _, writer in waiting:
            writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(IP, port)


def test_a_stand_in_is_made_where_there_is_none_and_is_due_at_once(tmp_path):
    now = datetime.now(UTC)
    assert files.stand_in(profile(), tmp_path, now)
    assert not files.stand_in(profile(), tmp_path, now)
    made = files.kept(profile(), tmp_path)
    assert made.stand_in
    assert made.names == {"sip.farline.example"}
    assert made.until < now + timedelta(days=2)


def test_a_key_that_does_not_fit_is_none(tmp_path):
    """As after a crash between the writing of the two files."""
    make_certificates(tmp_path, {"s": ["sip.farline.example"], "t": ["x.farline.example"]})
    assert files.kept(profile(), tmp_path) is not None
    (tmp_path / "t.key").replace(tmp_path / "s.key")
    assert files.kept(profile(), tmp_path) is None
    assert files.stand_in(profile(), tmp_path, datetime.now(UTC))


@pytest.mark.parametrize(
    "form",
    [
        {"terms_agreed": False},
        {"names": ()},
        {"names": ("*.farline.example",)},
        {"names": ("192.0.2.1",)},
        {"names": ("localhost",)},
        {"directory": "http://acme.example/dir"},
        {"contact": ("nobody",)},
    ],
)
def test_forms_that_no_authority_would_serve(form):
    with pytest.raises(ValidationError):
        AcmeOrder(**FORM | form)


def guide(ip="192.168.64.96", port=80, names="ipo1xp.ipolab.com"):
    acme = (
        f"    acme: {{directory: 'https://acme.example/dir', terms_agreed: true, names: [{names}],"
        f" challenge_ip: {ip}, challenge_port: {port}}}\n"
    )
    return GUIDE.replace("    key: tls/border.key\n", "    key: tls/border.key\n" + acme, 1)


@pytest.mark.parametrize(
    ("form", "place", "text"),
    [
        ({}, None, None),
        ({"ip": "192.0.2.1"}, "challenge_ip", "nobody orders"),
        ({"port": 8080}, "challenge_port", "authorities ask at port 80"),
        ({"port": 8444}, "challenge_port", "is taken by relay '1xm HTTP'"),
    ],
)
def test_check_names_who_orders_and_where_it_is_asked(form, place, text):
    try:
        _, problems = load_with_warnings(guide(**form), SECRETS)
    except ConfigError as error:
        problems = error.problems
    said = {problem.place.rpartition(".")[2]: problem.text for problem in problems}
    if place is None:
        assert said == {}
    else:
        assert any(text in problem.text for problem in problems), problems
        assert place in said


def test_names_that_clients_dial_are_ordered(tmp_path):
    deployment, _ = load_with_warnings(guide(names="other.example.com"), SECRETS)
    said = [
        problem.text
        for problem in preflight(deployment, tmp_path, datetime.now(UTC))
        if problem.place == "tls_server_profiles[0].acme.names"
    ]
    assert said == ["ipo1xp.ipolab.com is not ordered: phones dial it at IPORWB1Sig"]


def test_a_request_is_sent_again_until_its_nonce_is_good(monkeypatch):
    tried = []
    bad = [True] * (2 * order.NONCE_ROUNDS - 1)

    def answer(_self, url):
        tried.append(url)
        if len(tried) <= len(bad):
            raise messages.Error(typ="urn:ietf:params:acme:error:badNonce")
        return requests.Response()

    monkeypatch.setattr(client.ClientNetwork, "_post_once", answer)
    network = order._Network()
    network.post("https://ca.example/order")
    assert len(tried) == len(bad) + 1
    tried.clear()
    bad.append(True)
    with pytest.raises(messages.Error):
        network.post("https://ca.example/order")
    assert len(tried) == len(bad)
