"""Where a process keeps what must outlive it: records by noun and key, in memory or in a file.

The file is a journal: a write appends, with one system call, all changes that belong together. That
costs 2 µs where a SQLite transaction costs 20, and never waits for the disk; what was appended
outlives the process at once, and the machine as soon as the kernel has written it. A journal that
has grown goes on in a second file, into which each further write moves some of what is valid.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

from farline.store.sqlite import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

MAGIC = b"FARLINE1"
_HEAD = struct.Struct(">IIBBHI")
"""Of a record: length and CRC of what follows them, kind; lengths of noun, key and value."""
_PREFIX = 8
_DELETE, _PUT = 0, 1
MAX_RECORD = 1 << 20
"""Bytes of one record; more than a session with the largest messages has."""
ROTATE_BYTES = 8 << 20
"""A journal goes on in a new file when it is this long, and four times what is valid in it."""
MOVED_AT_ONCE = 8
"""Records that one write moves out of the old file."""


@dataclass(slots=True)
class Persist:
    """A core's output: keep this record (None: forget it) before anything sent meanwhile leaves."""

    noun: str
    """"binding", "session": keys of different nouns do not meet."""

    key: str
    value: bytes | None


class StateStore(Protocol):
    """Records of a process that outlive it."""

    def load(self) -> list[Persist]:
        """All that is kept. Raises StoreError."""

    def write(self, changes: Sequence[Persist]) -> None:
        """Keep or forget records, all or none. Raises StoreError."""


class MemoryState:
    """Kept as long as the object."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], bytes] = {}

    def load(self) -> list[Persist]:
        """All that is kept."""
        return [Persist(noun, key, value) for (noun, key), value in self.records.items()]

    def write(self, changes: Sequence[Persist]) -> None:
        """Keep or forget records."""
        for change in changes:
            if change.value is None:
                self.records.pop((change.noun, change.key), None)
            else:
                self.records[change.noun, change.key] = change.value


@dataclass(slots=True)
class _File:
    """One file of the journal."""

    path: Path
    descriptor: int
    size: int


class JournalState:
    """Kept in `path` and, while it is being renewed, `path`.old; mode 600.

    `note` is told of what could not be read; it is left out.
    """

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        self._path = path
        self._note = note
        self._before: _File | None = None
        self._places: dict[tuple[str, str], tuple[_File, int, int]] = {}
        """Where each record is: file, offset and length."""

        self._live = 0
        self._to_move: list[tuple[str, str]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            old = self._old_path
            if old.exists():
                self._before = self._open(old)
            self._now = self._open(path)
        except OSError as error:
            raise StoreError(f"{path}: {error}") from error
        if self._before is not None:
            self._to_move = self._keys_in(self._before)

    def load(self) -> list[Persist]:
        """All that is kept."""
        found = []
        for (noun, key), (file, offset, length) in self._places.items():
            record = os.pread(file.descriptor, length, offset)
            found.append(Persist(noun, key, _value_of(record)))
        return found

    def write(self, changes: Sequence[Persist]) -> None:
        """Keep or forget records; returns when the kernel has them."""
        records = [_encode(change) for change in changes]
        start = self._append(b"".join(records))
        for change, record in zip(changes, records, strict=True):
            self._place((change.noun, change.key), change.value is not None, start, len(record))
            start += len(record)
        if self._before is not None:
            self._move(self._before)
        elif self._now.size > max(ROTATE_BYTES, 4 * self._live):
            self._rotate()

    def close(self) -> None:
        """Close the files."""
        os.close(self._now.descriptor)
        if self._before is not None:
            os.close(self._before.descriptor)

    # ---- files ----

    @property
    def _old_path(self) -> Path:
        return self._path.with_name(self._path.name + ".old")

    def _open(self, path: Path) -> _File:
        """Open or make a file, and learn what is in it; a damaged end is cut off."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        data = path.read_bytes()
        if data and not data.startswith(MAGIC):
            aside = path.with_name(path.name + ".unreadable")
            path.rename(aside)
            self._note(f"{path} is no journal of this version: set aside as {aside.name}")
            os.close(descriptor)
            return self._open(path)
        if not data:
            os.pwrite(descriptor, MAGIC, 0)
            return _File(path, descriptor, len(MAGIC))
        file = _File(path, descriptor, len(MAGIC))
        for offset, length, key, kept in _records(data):
            self._place(key, kept, offset, length, file)
            file.size = offset + length
        if file.size < len(data):
            self._note(f"{path}: the last {len(data) - file.size} bytes cannot be read: left out")
            os.ftruncate(descriptor, file.size)
        return file

    def _append(self, data: bytes) -> int:
        """Write at the end; where that began. A write that fails half-way leaves nothing behind."""
        file = self._now
        try:
            written = os.pwrite(file.descriptor, data, file.size)
            if written < len(data):
                os.ftruncate(file.descriptor, file.size)
                raise StoreError(f"{file.path}: only {written} of {len(data)} bytes were written")
        except OSError as error:
            raise StoreError(f"{file.path}: {error}") from error
        start, file.size = file.size, file.size + len(data)
        return start

    def _place(
        self, key: tuple[str, str], kept: bool, offset: int, length: int, file: _File | None = None
    ) -> None:
        before = self._places.pop(key, None)
        if before is not None:
            self._live -= before[2]
        if kept:
            self._places[key] = (file or self._now, offset, length)
            self._live += length

    def _rotate(self) -> None:
        """Go on in a new file."""
        try:
            self._now.path.rename(self._old_path)
            self._before, before = self._now, self._now
            before.path = self._old_path
            self._now = self._open(self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: {error}") from error
        self._to_move = self._keys_in(before)

    def _move(self, before: _File) -> None:
        """Copy some records into the new file; the old one goes when none is left."""
        for _ in range(MOVED_AT_ONCE):
            if not self._to_move:
                break
            key = self._to_move.pop()
            place = self._places.get(key)
            if place is not None and place[0] is before:
                record = os.pread(before.descriptor, place[2], place[1])
                self._place(key, True, self._append(record), len(record))
        if not self._to_move:
            before.path.unlink(missing_ok=True)
            os.close(before.descriptor)
            self._before = None

    def _keys_in(self, file: _File) -> list[tuple[str, str]]:
        return [key for key, place in self._places.items() if place[0] is file]


def _encode(change: Persist) -> bytes:
    noun, key = change.noun.encode(), change.key.encode("utf-8", "surrogateescape")
    value = change.value or b""
    kind = _DELETE if change.value is None else _PUT
    if len(key) > 0xFFFF or len(value) > MAX_RECORD:
        raise StoreError(f"a record of {len(value)} bytes for {change.noun} is too long")
    rest = struct.pack(">BBHI", kind, len(noun), len(key), len(value)) + noun + key + value
    return struct.pack(">II", len(rest), crc32(rest)) + rest


def _value_of(record: bytes) -> bytes:
    _, _, _, noun, key, _ = _HEAD.unpack_from(record)
    return record[_HEAD.size + noun + key :]


def _records(data: bytes) -> Iterator[tuple[int, int, tuple[str, str], bool]]:
    """(offset, length, key, whether it is kept) of each record, to the first that is damaged."""
    at = len(MAGIC)
    while at + _HEAD.size <= len(data):
        length, crc, kind, noun, key, value = _HEAD.unpack_from(data, at)
        end = at + _PREFIX + length
        body = at + _HEAD.size
        whole = end <= len(data) and body + noun + key + value == end
        if not whole or crc32(data[at + _PREFIX : end]) != crc:
            return
        name = data[body : body + noun].decode("utf-8", "replace")
        text = data[body + noun : body + noun + key].decode("utf-8", "surrogateescape")
        yield at, end - at, (name, text), kind == _PUT
        at = end
