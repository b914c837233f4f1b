"""Certificates beside a deployment: there, usable, not run out, with the names that are dialled."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.config.tls import AcmeOrder
from farline.runtime.preflight import preflight
from farline.runtime.tls.lab_authority import VALID_DAYS, make_certificates

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
DEPLOYMENT = load_deployment(GUIDE, dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret"))
NOW = datetime.now(UTC)
DOMAIN = "ipo1xp.ipolab.com"
HOSTS = {
    "border": [DOMAIN, "192.168.64.96"],
    "office": [DOMAIN, "10.10.10.13"],
    "portal": ["*.ipolab.com"],
}


@pytest.fixture
def base(tmp_path):
    make_certificates(tmp_path / "tls", HOSTS)
    return tmp_path


def said(base, days=0.0):
    now = datetime.now(UTC) + timedelta(days=days)
    return [(p.severity, p.place, p.text) for p in preflight(DEPLOYMENT, base, now)]


def test_good_certificates_need_no_word(base):
    assert said(base) == []


def test_files_that_are_not_there_are_warned_about(tmp_path):
    assert ("warning", "tls_server_profiles[0].certificate", "tls/border.pem is not there") in said(
        tmp_path
    )
    place = "tls_client_profiles[0].peer_certificate_authorities"
    assert ("warning", place, "tls/ca.pem is not there") in said(tmp_path)
    assert {severity for severity, _, _ in said(tmp_path)} == {"warning"}


def test_a_certificate_is_warned_about_thirty_days_before_its_end(base):
    soon = said(base, VALID_DAYS - 10)
    assert {severity for severity, _, _ in soon} == {"warning"}
    assert any("in 9 days" in text for _, _, text in soon)
    assert said(base, VALID_DAYS - 40) == []


def test_a_certificate_that_ran_out_or_is_not_valid_yet_is_refused(base):
    late = said(base, VALID_DAYS + 1)
    assert ("error", "tls_server_profiles[0].certificate") in {row[:2] for row in late}
    assert any(text.startswith("ran out on") for _, _, text in late)
    assert any("only" in text for _, _, text in said(base, -3))


def test_the_key_must_be_the_certificates(base):
    (base / "tls/border.key").write_bytes((base / "tls/office.key").read_bytes())
    assert said(base) == [
        ("error", "tls_server_profiles[0].key", "is not the key of the certificate")
    ]


@pytest.mark.parametrize("text", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAA\n"])
def test_what_is_no_certificate_is_refused(base, text):
    (base / "tls/border.pem").write_bytes(text)
    (base / "tls/office.key").write_bytes(text)
    places = {place for severity, place, _ in said(base) if severity == "error"}
    assert places == {"tls_server_profiles[0].certificate", "tls_server_profiles[1].key"}


def test_names_that_are_dialled_and_missing(tmp_path):
    make_certificates(tmp_path / "tls", {**HOSTS, "border": ["a.example"], "office": ["b.example"]})
    rows = said(tmp_path)
    assert {severity for severity, _, _ in rows} == {"warning"}
    texts = [text for _, _, text in rows]
    assert f"does not bear the name {DOMAIN}: phones dial it at IPORWB1Sig" in texts
    assert "does not bear the address 10.10.10.13: the border dials it as IPO" in texts
    assert "does not bear the address 10.10.10.13: the portal's DSML provider dials it" in texts


def test_a_file_that_may_not_be_read_is_refused_with_the_systems_word(base):
    (base / "tls/border.pem").unlink()
    (base / "tls/border.pem").mkdir()
    assert said(base) == [
        (
            "error",
            "tls_server_profiles[0].certificate",
            "tls/border.pem cannot be read: Is a directory",
        )
    ]


def test_revocation_lists_and_the_authorities_of_an_acme_directory(base):
    (base / "bad.pem").write_bytes(b"nonsense")
    client = DEPLOYMENT.tls_client_profiles[0]
    acme = AcmeOrder(
        directory="https://acme.example/dir", directory_authorities=Path("bad.pem"),
        terms_agreed=True, names=(DOMAIN,), challenge_ip="192.0.2.1",
    )  # fmt: skip
    server = DEPLOYMENT.tls_server_profiles[0].model_copy(update={"acme": acme})
    for name, severity, text in (
        ("none.pem", "warning", "none.pem is not there"),
        ("bad.pem", "error", "bad.pem holds no revocation list that can be read"),
    ):
        lists = {"peer_certificate_revocation_lists": Path(name)}
        profiles = {
            "tls_client_profiles": (client.model_copy(update=lists),),
            "tls_server_profiles": (server,),
        }
        deployment = DEPLOYMENT.model_copy(update=profiles)
        rows = [(p.severity, p.place, p.text) for p in preflight(deployment, base, NOW)]
        place = "tls_client_profiles[0].peer_certificate_revocation_lists"
        assert (severity, place, text) in rows
        assert (
            "error",
            "tls_server_profiles[0].acme.directory_authorities",
            "bad.pem holds no certificate that can be read",
        ) in rows
