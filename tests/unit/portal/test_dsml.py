"""DSMLv2: the request's form, and answers good, broken and hostile."""

from xml.etree import ElementTree

import pytest

from farline.portal.providers.dsml import (
    ATTRIBUTES,
    DSML,
    SOAP,
    DsmlError,
    accounts_of,
    search_request,
)
from farline.testing.directory import account, batch_response


def test_the_request_is_one_search_for_every_user():
    root = ElementTree.fromstring(search_request("ou=users"))
    search = root.find(f"{{{SOAP}}}Body/{{{DSML}}}batchRequest/{{{DSML}}}searchRequest")
    assert search.get("dn") == "ou=users"
    assert search.get("scope") == "singleLevel"
    asked = [entry.get("name") for entry in search.iterfind(f".//{{{DSML}}}attribute")]
    assert tuple(asked) == ATTRIBUTES


def test_entries_become_the_accounts_they_were_made_of():
    users = [account("Ruel", "x", "3001"), account("Dora", "y", "3003", mobile_voip=False)]
    assert accounts_of(batch_response(users)) == (users, [])


def test_an_office_without_users_is_a_good_answer():
    assert accounts_of(batch_response([])) == ([], [])


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda text: text.replace(b"<ns1:value>3001<", b"<ns1:value>30 01<"), "telephoneNumber"),
        (lambda text: text.replace(b">TRUE<", b">yes<"), "farlineEnabled"),
        (lambda text: text.replace(b"farlineScramSha1", b"farlineOther", 1), "farlineScramSha1"),
    ],
)
def test_a_broken_entry_is_left_out_and_named(broken, said):
    good, bad = account("Dora", "y", "3003"), account("Ruel", "x", "3001")
    whole = batch_response([bad])
    text = broken(whole)
    assert text != whole
    accounts, problems = accounts_of(text)
    assert accounts == []
    assert len(problems) == 1 and said in problems[0] and "Ruel" in problems[0]
    assert accounts_of(batch_response([good]))[0] == [good]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"<a/>",
        batch_response([account("Ruel", "x", "3001")])[:-40],
        batch_response([], code="3"),
        batch_response([]).replace(b"searchResultDone", b"searchResultGone"),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><e:Fault><faultstring>no</faultstring></e:Fault>'
        "</e:Body></e:Envelope>".encode(),
    ],
)
def test_half_an_answer_is_none(answer):
    with pytest.raises(DsmlError):
        accounts_of(answer)


def test_entities_are_refused_before_they_expand():
    bomb = b'<!DOCTYPE a [<!ENTITY b "boom">]><a>&b;</a>'
    with pytest.raises(DsmlError, match="document type"):
        accounts_of(bomb)
    with pytest.raises(DsmlError, match="document type"):
        accounts_of(bomb.decode().encode("utf-16"))


def test_control_characters_do_not_reach_names():
    odd = account("Ruel", "x", "3001", display_name="Ru\u0085\nel=x")
    accounts, _ = accounts_of(batch_response([odd]))
    assert accounts[0].display_name == "Ru  el=x"
