"""The history of the deployment file."""

import pytest

from farline.store.versions import Pending, Versions


@pytest.fixture
def versions(tmp_path):
    store = Versions(tmp_path / "versions.sqlite")
    yield store
    store.close()


def test_numbers_go_up_and_one_runs(versions):
    first = versions.add("a: 1\n", "ruel", "first", 10.0)
    second = versions.add("a: 2\n", "dora", "", 20.0)
    assert (first.number, second.number) == (1, 2)
    assert versions.running() is None
    versions.run(1)
    versions.run(2)
    assert versions.running().number == 2
    assert [one.state for one in versions.latest(9)] == ["running", "before"]
    assert versions.text(1) == "a: 1\n"


def test_a_refused_version_stays_in_the_history(versions):
    versions.add("a", "ruel", "", 1.0)
    versions.refuse(1)
    assert versions.get(1).state == "refused"


def test_pending_outlives_the_process_and_is_confirmed_once(tmp_path):
    path = tmp_path / "versions.sqlite"
    store = Versions(path)
    store.add("a", "ruel", "", 1.0)
    store.add("b", "ruel", "", 2.0)
    store.run(2, Pending(2, 1, 300.0))
    store.close()
    again = Versions(path)
    assert again.pending() == Pending(2, 1, 300.0)
    assert again.confirm() == Pending(2, 1, 300.0)
    assert again.confirm() is None
    again.close()


def test_unknown_numbers_are_said(versions):
    for ask in (versions.get, versions.text, versions.run):
        with pytest.raises(LookupError, match="no version 7"):
            ask(7)


def test_the_file_is_its_owners_alone(tmp_path):
    store = Versions(tmp_path / "versions.sqlite")
    store.close()
    assert (tmp_path / "versions.sqlite").stat().st_mode & 0o077 == 0
