"""Names, JIDs and who is left out."""

import pytest

from farline.portal.accounts import Accounts, node_of
from farline.testing.directory import account


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("Ruel", "ruel"),
        ("RUEL", "ruel"),
        ("Anna Maria", "anna\\20maria"),
        ("o'neill", "o\\27neill"),
        ("a@b/c", "a\\40b\\2fc"),
        ("Zoë", "zoë"),
    ],
)
def test_the_local_part_of_a_jid(name, node):
    assert node_of(name) == node


def test_names_are_found_however_they_are_cased():
    ruel = account("Ruel", "x", "3001")
    accounts = Accounts([ruel])
    assert accounts.find("rUEL") is ruel
    assert accounts.find_node("ruel") is ruel
    assert accounts.find("Dora") is None
    assert accounts.find_node("Ruel") is None


def test_reserved_and_doubled_names_are_left_out_and_said():
    users = [
        account("Ruel", "x", "3001"),
        account("RUEL", "y", "3002"),
        account("MyBuddy", "z", "3"),
    ]
    accounts = Accounts(users, reserved={"mybuddy": "the name is that of mybuddy"})
    assert [entry.extension for entry in accounts] == ["3001"]
    assert accounts.find_node("mybuddy") is None
    assert len(accounts.refused) == 2
    assert "mybuddy" in accounts.refused[1]


def test_messaging_needs_an_enabled_account_with_the_right():
    assert account("A", "x", "1").messaging
    assert not account("A", "x", "1", enabled=False).messaging
    assert not account("A", "x", "1", one_x_portal=False).messaging


def test_an_account_does_not_print_its_keys():
    ruel = account("Ruel", "x", "3001")
    assert ruel.ha1_md5 not in repr(ruel)
    assert "stored_key" not in repr(ruel)
