"""A prepared run directory loads, keeps secrets private and forgets what the last run left."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from farline.config import load_deployment, load_secrets
from farline.lab.errors import LabError
from farline.lab.prepare import certificate_hosts, dump_deployment, prepare

GUIDE = Path(__file__).parents[3] / "examples/guide.yaml"


@pytest.fixture
def prepared(tmp_path):
    prepared = prepare(GUIDE, tmp_path / "run", loopback=True)
    yield prepared
    prepared.claim.close()


def test_the_roles_read_what_was_prepared(prepared):
    values = load_secrets(prepared.secrets.read_text())
    assert load_deployment(prepared.config.read_text(), values) == prepared.deployment
    assert prepared.deployment.office.ip.startswith("127.")


def test_without_loopback_the_addresses_are_the_guides(tmp_path):
    prepared = prepare(GUIDE, tmp_path, loopback=False)
    assert prepared.deployment.office.ip == "10.10.10.13"


def test_secrets_are_random_private_and_stay_for_the_next_run(prepared):
    assert prepared.secrets.stat().st_mode & 0o777 == 0o600
    values = load_secrets(prepared.secrets.read_text())
    assert set(values) == {"ruel", "dora", "enhtcpaservice"}
    assert len(set(values.values())) == 3
    assert min(len(value) for value in values.values()) >= 16
    assert prepared.config.read_text().count("secret: ruel") == 1
    assert not any(value in prepared.config.read_text() for value in values.values())
    again = prepare(GUIDE, prepared.run_dir, loopback=False)
    assert load_secrets(again.secrets.read_text()) == values


def test_certificates_bear_name_and_addresses_and_are_of_one_authority(prepared):
    for profile in prepared.deployment.tls_server_profiles:
        context = ssl.create_default_context(cafile=str(prepared.ca))
        context.load_cert_chain(
            prepared.run_dir / profile.certificate, prepared.run_dir / profile.key
        )
    border = (prepared.run_dir / "tls/border.pem").read_bytes()
    names = (
        x509.load_pem_x509_certificate(border)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) == ["ipo1xp.ipolab.com"]
    interfaces = prepared.deployment.border.signaling_interfaces
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == [
        interface.ip for interface in interfaces
    ]
    assert (prepared.run_dir / "tls/border.key").stat().st_mode & 0o077 == 0


def test_profiles_that_share_a_file_share_its_names(prepared):
    first, second, *rest = prepared.deployment.tls_server_profiles
    shared = second.model_copy(update={"certificate": first.certificate})
    deployment = prepared.deployment.model_copy(
        update={"tls_server_profiles": (first, shared, *rest)}
    )
    assert certificate_hosts(deployment)["border"] == [
        "ipo1xp.ipolab.com",
        *(interface.ip for interface in prepared.deployment.border.signaling_interfaces),
        prepared.deployment.office.ip,
    ]


def test_what_the_last_run_left_is_gone(prepared):
    old = prepared.run_dir / "trace/border.jsonl"
    old.write_text("{}")
    (prepared.run_dir / "notes.txt").write_text("mine")
    prepare(GUIDE, prepared.run_dir, loopback=False)
    assert not old.exists()
    assert (prepared.run_dir / "notes.txt").exists()


def test_somebody_elses_directory_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(LabError, match="not empty"):
        prepare(GUIDE, tmp_path, loopback=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(LabError, match="no directory"):
        prepare(GUIDE, tmp_path / "thesis.tex", loopback=True)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Claims of these tests are not in the way of labs that run, nor theirs of these."""
    monkeypatch.setattr("farline.lab.prepare.CLAIM", str(tmp_path))


def test_two_labs_on_loopback_get_addresses_of_their_own(prepared, tmp_path):
    second = prepare(GUIDE, tmp_path / "second", loopback=True)
    try:
        assert second.deployment.office.ip != prepared.deployment.office.ip
        # The first one ends: its addresses are free again.
        prepared.claim.close()
        third = prepare(GUIDE, tmp_path / "third", loopback=True)
        third.claim.close()
        assert third.deployment.office.ip == prepared.deployment.office.ip
    finally:
        second.claim.close()


def test_a_missing_deployment_is_said(tmp_path):
    with pytest.raises(LabError, match="cannot be read"):
        prepare(tmp_path / "none.yaml", tmp_path / "run", loopback=True)


def test_a_dump_is_read_back_equal():
    values = {"ruel": "1", "dora": "2", "enhtcpaservice": "3"}
    deployment = load_deployment(GUIDE.read_text(), values)
    assert load_deployment(dump_deployment(deployment, values), values) == deployment
