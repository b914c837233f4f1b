"""The journal: what was written is there again, whatever happened to its end."""

import os
import stat

import pytest

from farline.store import state
from farline.store.sqlite import StoreError
from farline.store.state import JournalState, MemoryState, Persist


@pytest.fixture
def notes():
    return []


@pytest.fixture
def opened(tmp_path, notes):
    made = []

    def at(name="s.journal"):
        store = JournalState(tmp_path / "state" / name, notes.append)
        made.append(store)
        return store

    yield at
    for store in made:
        store.close()


def kept(store):
    return {(one.noun, one.key): one.value for one in store.load()}


@pytest.mark.parametrize("backend", ["memory", "journal"])
def test_records_are_kept_replaced_and_forgotten(backend, opened):
    store = MemoryState() if backend == "memory" else opened()
    store.write([Persist("a", "1", b"one"), Persist("b", "1", b"\x00\xff"), Persist("a", "2", b"")])
    store.write([Persist("a", "1", b"two"), Persist("a", "2", None), Persist("a", "3", None)])
    assert kept(store) == {("a", "1"): b"two", ("b", "1"): b"\x00\xff"}


def test_another_process_reads_what_was_written(opened, tmp_path):
    store = opened()
    store.write([Persist("binding", "3001\udcff", b"x" * 1000), Persist("binding", "gone", b"1")])
    store.write([Persist("binding", "gone", None)])
    assert kept(opened()) == {("binding", "3001\udcff"): b"x" * 1000}
    mode = (tmp_path / "state" / "s.journal").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_end_is_left_out_and_writing_goes_on(opened, tmp_path, notes, cut):
    store = opened()
    store.write([Persist("a", "1", b"one")])
    store.write([Persist("a", "1", b"two, torn")])
    path = tmp_path / "state" / "s.journal"
    os.truncate(path, path.stat().st_size - cut)
    again = opened()
    assert kept(again) == {("a", "1"): b"one"}
    assert "cannot be read" in notes[0]
    again.write([Persist("a", "2", b"new")])
    assert kept(opened()) == {("a", "1"): b"one", ("a", "2"): b"new"}
    assert len(notes) == 1


def test_a_changed_byte_ends_what_is_believed(opened, tmp_path, notes):
    opened().write([Persist("a", "1", b"one"), Persist("a", "2", b"two")])
    path = tmp_path / "state" / "s.journal"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert kept(opened()) == {("a", "1"): b"one"}


def test_a_file_that_is_none_is_set_aside(opened, tmp_path, notes):
    path = tmp_path / "state" / "s.journal"
    path.parent.mkdir()
    path.write_bytes(b"SQLite format 3\0 and so on")
    store = opened()
    assert kept(store) == {}
    store.write([Persist("a", "1", b"one")])
    assert kept(opened()) == {("a", "1"): b"one"}
    assert "set aside" in notes[0]


def test_a_grown_journal_is_renewed_and_loses_nothing_on_the_way(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "ROTATE_BYTES", 2000)
    store, wanted = opened(), {}
    old = tmp_path / "state" / "s.journal.old"
    seen_old = 0
    for number in range(2000):
        key, value = str(number % 40), (None if number % 7 == 0 else str(number).encode() * 5)
        store.write([Persist("a", key, value)])
        wanted.pop(("a", key), None)
        if value is not None:
            wanted["a", key] = value
        if old.exists():
            seen_old += 1
            assert kept(opened()) == wanted  # as after a crash just now
    assert seen_old > 10
    assert kept(store) == kept(opened()) == wanted
    assert (tmp_path / "state" / "s.journal").stat().st_size < 20_000


def test_what_cannot_be_written_is_said(opened):
    store = opened()
    with pytest.raises(StoreError, match="too long"):
        store.write([Persist("a", "1", b"x" * (2 << 20))])
    store.close()
    with pytest.raises(StoreError, match=r"s\.journal"):
        store.write([Persist("a", "1", b"x")])
    store._now.descriptor = os.open(os.devnull, os.O_RDWR)


def test_a_directory_that_cannot_be_made_is_said(tmp_path, notes):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        JournalState(tmp_path / "file" / "s.journal", notes.append)
