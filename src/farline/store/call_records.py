"""Where the office keeps its call records: memory, or SQLite; bounded, the oldest go first."""

from __future__ import annotations

from collections import deque
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Protocol

from farline.store.sqlite import connect, transaction

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call that ended. Times are wall-clock seconds since 1970."""

    call: str
    """Call-ID of the caller's leg."""
    caller: str
    """Extension."""
    called: str
    """What was called: an extension, or what the caller dialled where there is none."""
    started: float
    answered: float | None
    """None: it never was."""
    ended: float
    cause: int
    """Q.850 cause."""
    text: str
    """The cause in words."""


class CallRecordStore(Protocol):
    """Call records, newest last."""

    def add(self, record: CallRecord) -> None:
        """Keep one more. Raises StoreError."""

    def latest(self, limit: int) -> list[CallRecord]:
        """The newest `limit` ones, newest first. Raises StoreError."""


class MemoryCallRecords:
    """Kept as long as the process lives."""

    def __init__(self, keep: int = 1000) -> None:
        self._records: deque[CallRecord] = deque(maxlen=keep)

    def add(self, record: CallRecord) -> None:
        """Keep one more."""
        self._records.append(record)

    def latest(self, limit: int) -> list[CallRecord]:
        """The newest `limit` ones, newest first."""
        return list(self._records)[::-1][:limit]


_COLUMNS = tuple(field.name for field in fields(CallRecord))
_SCHEMA = """
CREATE TABLE IF NOT EXISTS call_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL, caller TEXT NOT NULL,
    called TEXT NOT NULL, started REAL NOT NULL, answered REAL, ended REAL NOT NULL,
    cause INTEGER NOT NULL, text TEXT NOT NULL
);
"""
_INSERT = (
    f"INSERT INTO call_records ({', '.join(_COLUMNS)})"  # noqa: S608 - our own column names
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_LATEST = f"SELECT {', '.join(_COLUMNS)} FROM call_records ORDER BY id DESC LIMIT ?"  # noqa: S608
_TRIM = "DELETE FROM call_records WHERE id <= (SELECT max(id) FROM call_records) - ?"


class SqliteCallRecords:
    """Kept in a file: the newest `keep` ones."""

    def __init__(self, path: Path, keep: int = 100_000) -> None:
        self._connection = connect(path, _SCHEMA)
        self._keep = keep

    def add(self, record: CallRecord) -> None:
        """Keep one more."""
        with transaction(self._connection) as connection:
            connection.execute(_INSERT, astuple(record))
            connection.execute(_TRIM, (self._keep,))

    def latest(self, limit: int) -> list[CallRecord]:
        """The newest `limit` ones, newest first."""
        with transaction(self._connection) as connection:
            return [CallRecord(*row) for row in connection.execute(_LATEST, (limit,))]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
