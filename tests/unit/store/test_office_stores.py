"""Memory and SQLite hold to the same rules."""

from dataclasses import replace

import pytest

from farline.store.call_records import CallRecord, MemoryCallRecords, SqliteCallRecords
from farline.store.registrations import MemoryRegistrations, Registration, SqliteRegistrations
from farline.store.sqlite import StoreError

ONE = Registration(
    "3001", "sip:3001@10.10.10.7:5060", "call", 2, 1e9, 1.0, "<urn:uuid:x>", "1", "phone",
    "LAN1", "TCP", "10.10.10.7", 43873,
)  # fmt: skip
TWO = replace(ONE, contact="sip:3001@10.10.10.8", q=0.5)
OTHER = replace(ONE, extension="3003", contact="sip:3003@10.10.10.30")


@pytest.fixture(params=["memory", "sqlite"])
def registrations(request, tmp_path):
    if request.param == "memory":
        yield MemoryRegistrations()
        return
    store = SqliteRegistrations(tmp_path / "state" / "office.sqlite")
    yield store
    store.close()


def test_save_replaces_what_the_extension_had(registrations):
    registrations.save("3001", [ONE, TWO])
    registrations.save("3003", [OTHER])
    assert sorted(registrations.load(), key=str) == sorted([ONE, TWO, OTHER], key=str)
    registrations.save("3001", [TWO])
    registrations.save("3003", [])
    assert registrations.load() == [TWO]


def test_another_process_sees_it(tmp_path):
    first = SqliteRegistrations(tmp_path / "office.sqlite")
    first.save("3001", [ONE])
    second = SqliteRegistrations(tmp_path / "office.sqlite")
    assert second.load() == [ONE]
    first.close()
    second.close()


def test_nobody_else_may_read_it(tmp_path):
    path = tmp_path / "office.sqlite"
    SqliteRegistrations(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "office.sqlite"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(StoreError, match=r"office\.sqlite"):
        SqliteRegistrations(path)


def record(number):
    return CallRecord(f"call-{number}", "3001", "3003", 1.0, None, 2.0, 17, "User busy")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_call_records_newest_first_and_bounded(kind, tmp_path):
    path = tmp_path / "calls.sqlite"
    store = MemoryCallRecords(keep=3) if kind == "memory" else SqliteCallRecords(path, keep=3)
    for number in range(5):
        store.add(record(number))
    assert store.latest(2) == [record(4), record(3)]
    assert len(store.latest(99)) == 3
    if kind == "sqlite":
        store.close()
