"""The lab's certificates: verified by TLS itself, kept private by the file mode."""

import ssl

import pytest

from farline.runtime.tls.lab_authority import make_certificates


def shake_hands(directory, name, host):
    """A TLS handshake in memory; raises ssl.SSLError where the client does not believe it."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    client_context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        done = 0
        for end in (client, server):
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
        if done == 2:
            return client.version()
    raise AssertionError("the handshake did not end")


def test_a_client_that_trusts_the_ca_believes_names_and_addresses(tmp_path):
    make_certificates(tmp_path, {"portal": ["ipo1xp.ipolab.com", "10.10.10.13", "::1"]})
    for host in ("ipo1xp.ipolab.com", "10.10.10.13", "::1"):
        assert shake_hands(tmp_path, "portal", host) == "TLSv1.3"


def test_another_name_is_not_believed(tmp_path):
    make_certificates(tmp_path, {"portal": ["ipo1xp.ipolab.com"]})
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path, "portal", "other.ipolab.com")


def test_keys_are_for_the_owner_only_also_when_replaced(tmp_path):
    (tmp_path / "a.key").write_text("old")
    (tmp_path / "a.key").chmod(0o644)
    make_certificates(tmp_path, {"a": ["a.example"]})
    for name in ("a.key", "ca.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_host_without_names_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'a'"):
        make_certificates(tmp_path, {"a": []})
