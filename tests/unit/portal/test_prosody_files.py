"""What Prosody is given to read."""

from pathlib import Path

import pytest

from farline.portal.accounts import Accounts
from farline.portal.im.prosody_files import (
    ProsodyFiles,
    ProsodySettings,
    ProsodyTls,
    accounts_text,
    config_text,
    groups_text,
)
from farline.testing.directory import account


@pytest.fixture
def accounts():
    return Accounts(
        [
            account("Ruel", "x", "3001"),
            account("Dora", "y", "3003", display_name="Dora D."),
            account("Off", "z", "3004", enabled=False),
            account("Plain", "z", "3005", one_x_portal=False),
        ]
    )


def settings(**changes):
    values = {
        "ip": "127.0.0.1", "port": 5222, "domain": "a.example", "mybuddy": "mybuddy",
        "tls": ProsodyTls(Path("/c.pem"), Path("/c.key")),
        "portal_url": "http://127.0.0.1:1/token", "modules": Path("/modules"),
    }  # fmt: skip
    return ProsodySettings(**values | changes)


def test_only_messaging_users_are_listed(accounts):
    assert accounts_text(accounts, "mybuddy") == "mybuddy\ndora\nruel\n"
    assert groups_text(accounts, "mybuddy", "a.example") == (
        "[Colleagues]\nmybuddy@a.example=mybuddy\ndora@a.example=Dora D.\nruel@a.example=Ruel\n"
    )


def test_the_configuration_opens_one_port_and_wants_tls():
    text = config_text(settings(), ProsodyFiles(Path("/run/p"), Path("/run/log/p.log")))
    assert 'interfaces = { "127.0.0.1" }' in text
    assert "c2s_ports = { 5222 }" in text
    assert "c2s_require_encryption = true" in text
    for closed in ("s2s_ports", "c2s_direct_tls_ports", "http_ports", "https_ports", "admins"):
        assert f"{closed} = {{ }}" in text
    assert '"s2s"' in text.partition("modules_disabled")[2].partition("\n")[0]


def test_nothing_can_break_out_of_a_string():
    path = Path('/tmp/a"b\\c\nd]]')
    text = config_text(
        settings(tls=ProsodyTls(path, Path("/c.key"))), ProsodyFiles(Path("/r"), Path("/l"))
    )
    assert 'certificate = "/tmp/a\\034b\\092c\\010d\\093\\093"' in text
