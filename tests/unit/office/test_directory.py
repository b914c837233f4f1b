"""The directory, read by the portal's own reader (they share no code) and by hand."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from farline.config import load_deployment
from farline.office.directory import DSML, MAX_REQUEST, DirectoryError, UserDirectory, answer
from farline.portal.providers.dsml import accounts_of, search_request
from farline.sip.digest import ha1
from farline.testing import SeededIds

EXAMPLE = Path(__file__).parents[3] / "examples" / "guide.yaml"
SECRETS = {"ruel": "pässwörd \u00aa", "dora": "dora-pw", "enhtcpaservice": "service-pw"}
DN = "ou=users,o=Farline Office"


@pytest.fixture(scope="module")
def directory():
    office = load_deployment(EXAMPLE.read_text(), SECRETS).office
    return UserDirectory(office, SeededIds(), wall=1_488_165_271.0)


def search(inner="", dn=DN):
    return (
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>'
        f'<batchRequest xmlns="{DSML}" requestID="b1"><searchRequest dn="{dn}" requestID="s1">'
        f"{inner}</searchRequest></batchRequest></Body></Envelope>"
    ).encode()


def entries(document):
    return [
        {
            attr.get("name"): attr.findtext(f"{{{DSML}}}value")
            for attr in entry.iter(f"{{{DSML}}}attr")
        }
        for entry in ElementTree.fromstring(document).iter(f"{{{DSML}}}searchResultEntry")
    ]


def code(document):
    return ElementTree.fromstring(document).find(f".//{{{DSML}}}resultCode").get("code")


def test_the_portal_reads_it(directory):
    accounts, problems = accounts_of(answer(directory, search_request(DN)))
    assert problems == []
    ruel, dora = accounts
    assert (ruel.name, ruel.display_name, ruel.extension) == ("Ruel", "Ruel", "3001")
    assert (ruel.enabled, ruel.one_x_portal, ruel.mobile_voip) == (True, True, True)
    assert dora.mobile_voip is False
    assert ruel.modified == "20170227031431Z"
    assert ruel.ha1_md5 == ha1("MD5", "Ruel", "ipoffice", SECRETS["ruel"])
    assert ruel.ha1_sha256 == ha1("SHA-256", "Ruel", "ipoffice", SECRETS["ruel"])
    for keys in (ruel.scram_sha1, ruel.scram_sha256):
        assert keys.iterations == 10_000
        assert keys.matches("pässwörd a")  # RFC 4013 folds the ordinal indicator to an a
        assert not keys.matches("dora-pw")


def test_no_password_leaves(directory):
    document = answer(directory, search_request(DN)).decode()
    assert "dora-pw" not in document
    assert "service-pw" not in document


def test_filters_and_attributes(directory):
    wanted = '<attributes><attribute name="UID"/></attributes>'
    newer = (
        '<filter><greaterOrEqual name="modifyTimestamp"><value>{}</value></greaterOrEqual></filter>'
    )
    one = (
        '<filter><and><present name="uid"/><equalityMatch name="telephoneNumber">'
        "<value>3003</value></equalityMatch></and></filter>"
    )
    assert entries(answer(directory, search(wanted))) == [{"uid": "Ruel"}, {"uid": "Dora"}]
    assert entries(answer(directory, search(one + wanted))) == [{"uid": "Dora"}]
    assert len(entries(answer(directory, search(newer.format("20170227031431Z"))))) == 2
    assert entries(answer(directory, search(newer.format("20170227031432Z")))) == []


def test_request_ids_come_back(directory):
    document = answer(directory, search())
    found = [e.get("requestID") for e in ElementTree.fromstring(document).iter()]
    assert [one for one in found if one is not None] == ["b1", "s1"]


def test_what_is_not_there_or_not_done(directory):
    assert code(answer(directory, search(dn="ou=groups,o=Farline Office"))) == "32"
    assert code(answer(directory, search(dn="OU = users, o=farline office"))) == "0"
    odd = '<filter><substrings name="uid"/></filter>'
    assert code(answer(directory, search(odd))) == "53"


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"<a>",
        b"not xml",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>" * 100,
        b"x" * (MAX_REQUEST + 1),
        search().replace(b"searchRequest", b"delRequest"),
        search().replace(b"<searchRequest", b"<searchRequest/>" * 9 + b"<searchRequest"),
    ],
)
def test_what_is_no_search(directory, request_):
    with pytest.raises(DirectoryError):
        answer(directory, request_)


def test_a_user_whose_password_cannot_be_prepared_has_no_entry():
    office = load_deployment(EXAMPLE.read_text(), SECRETS | {"ruel": "a\x07b"}).office
    accounts, _ = accounts_of(
        answer(UserDirectory(office, SeededIds(), wall=0.0), search_request(DN))
    )
    assert [account.name for account in accounts] == ["Dora"]
