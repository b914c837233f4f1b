"""The border's own records of calls, for charging: JSON lines, or SQLite."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING, Protocol

from farline.store.sqlite import StoreError, connect, transaction

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """One call that ended. Times are wall-clock seconds since 1970."""

    call: str
    """Call-ID, as its beginner knows it."""
    beginner: str
    """"outside": the end point called; "inside": it was called."""
    aor: str
    """The end point's address of record."""
    caller: str
    """URI of From."""
    called: str
    """URI of To."""
    started: float
    answered: float | None
    """None: it never was."""
    ended: float
    seconds: float
    """From answer to end; 0 when it never was answered."""
    end: str
    """"ended" or "failed"."""
    reason: str
    """Why it ended, in words."""
    subscriber_flow: str
    server_flow: str
    policy_group: str
    """The group whose charging rule asked for the record."""
    source: str
    """Address and port of the end point, "" when it was lost."""
    server: str
    """Address and port of the server, "" when none was reached."""
    recordings: str
    """Names of WAV files, with a space between; "" when it was not recorded."""
    video: bool


class ChargeStore(Protocol):
    """Where records go."""

    def add(self, record: ChargeRecord) -> None:
        """Keep one more. Raises StoreError."""

    def close(self) -> None:
        """Close the file."""


class JsonLinesCharges:
    """A file that grows: one JSON object a line, for a mediation system to take away."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError for a file that cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: {error}") from error

    def add(self, record: ChargeRecord) -> None:
        """Keep one more; a line is written at once and whole."""
        try:
            os.write(self._file, json.dumps(asdict(record)).encode() + b"\n")
        except OSError as error:
            raise StoreError(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


_ADD_RECORDINGS = "ALTER TABLE charge_records ADD COLUMN recordings TEXT NOT NULL DEFAULT ''"
_COLUMNS = tuple(field.name for field in fields(ChargeRecord))
_SCHEMA = """
CREATE TABLE IF NOT EXISTS charge_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL, beginner TEXT NOT NULL,
    aor TEXT NOT NULL, caller TEXT NOT NULL, called TEXT NOT NULL, started REAL NOT NULL,
    answered REAL, ended REAL NOT NULL, seconds REAL NOT NULL, end TEXT NOT NULL,
    reason TEXT NOT NULL, subscriber_flow TEXT NOT NULL, server_flow TEXT NOT NULL,
    policy_group TEXT NOT NULL, source TEXT NOT NULL, server TEXT NOT NULL,
    recordings TEXT NOT NULL DEFAULT '', video INTEGER NOT NULL
);
"""
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_INSERT = f"INSERT INTO charge_records ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own column names
_LATEST = f"SELECT {_NAMES} FROM charge_records ORDER BY id DESC LIMIT ?"  # noqa: S608
_TRIM = "DELETE FROM charge_records WHERE id <= (SELECT max(id) FROM charge_records) - ?"


class SqliteCharges:
    """Kept in a database: the newest `keep` ones."""

    def __init__(self, path: Path, keep: int = 1_000_000) -> None:
        self._connection = connect(path, _SCHEMA)
        with transaction(self._connection) as connection:
            known = {row[1] for row in connection.execute("PRAGMA table_info(charge_records)")}
            if "recordings" not in known:
                connection.execute(_ADD_RECORDINGS)
        self._keep = keep

    def add(self, record: ChargeRecord) -> None:
        """Keep one more."""
        with transaction(self._connection) as connection:
            connection.execute(_INSERT, _printable(record))
            connection.execute(_TRIM, (self._keep,))

    def latest(self, limit: int) -> list[ChargeRecord]:
        """The newest `limit` ones, newest first."""
        with transaction(self._connection) as connection:
            rows = connection.execute(_LATEST, (limit,)).fetchall()
        return [ChargeRecord(*(*row[:-1], bool(row[-1]))) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _printable(record: ChargeRecord) -> tuple[object, ...]:
    """The columns; bytes that are no UTF-8 (lone surrogates) become question marks."""
    return tuple(
        value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for value in astuple(record)
    )
