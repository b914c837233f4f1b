"""The portal's search against the office's own directory: they share no code, only the form."""

from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.office.directory import UserDirectory, answer
from farline.portal.providers.dsml import DsmlError, accounts_of, search_request
from farline.runtime.ids import RealIds
from farline.sip.digest import ha1

EXAMPLE = Path(__file__).parents[2] / "examples" / "guide.yaml"
SECRETS = {"ruel": "ruel's own", "dora": "Pass\u00adw\u00f6rd", "enhtcpaservice": "x"}


@pytest.fixture(scope="module")
def deployment():
    return load_deployment(EXAMPLE.read_text(), SECRETS)


@pytest.fixture(scope="module")
def directory(deployment):
    return UserDirectory(deployment.office, RealIds(), wall=1_000_000_000.0)


def test_the_portal_finds_the_users_of_the_office(deployment, directory):
    system_name = deployment.portal.dsml_provider.system_name
    request = search_request(f"ou=users,o={system_name}")
    accounts, problems = accounts_of(answer(directory, request))
    assert problems == []
    assert [(a.name, a.extension, a.one_x_portal, a.mobile_voip) for a in accounts] == [
        ("Ruel", "3001", True, True),
        ("Dora", "3003", True, False),
    ]
    ruel, dora = accounts
    assert ruel.scram_sha256.matches("ruel's own") and ruel.scram_sha1.matches("ruel's own")
    assert dora.scram_sha256.matches("Passw\u00f6rd")  # as RFC 4013 prepares it
    assert not ruel.scram_sha256.matches("Passw\u00f6rd")
    assert ruel.ha1_md5 == ha1("MD5", "Ruel", "ipoffice", "ruel's own")


def test_another_system_name_is_said_with_the_right_one(directory):
    with pytest.raises(DsmlError, match="o=Farline Office"):
        accounts_of(answer(directory, search_request("ou=users,o=Elsewhere")))
