"""Every version of the deployment file that ever ran, with who brought it and why.

One SQLite file: numbers from 1 upwards, never reused; the text is the file's, byte for byte.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.store.sqlite import StoreError, connect, transaction

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL,
    sha256 TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pending (
    only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL, back_to INTEGER NOT NULL,
    until REAL NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One version; `at` is wall-clock seconds since 1970."""

    number: int
    at: float
    author: str
    reason: str
    sha256: str
    state: str
    """"running", "before", or "refused" (it was tried and a role did not take it)."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A version that goes back by itself unless it is confirmed in time."""

    number: int
    back_to: int
    until: float
    """Wall-clock seconds since 1970."""


class Versions:
    """The history. Methods raise StoreError; an unknown number is a LookupError."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, text: str, author: str, reason: str, at: float) -> Version:
        """Keep a text as the next version; it is not the running one yet."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        with transaction(self._connection) as connection:
            cursor = connection.execute(
                "INSERT INTO versions (at, author, reason, sha256, text, state)"
                " VALUES (?, ?, ?, ?, ?, 'before')",
                (at, author, reason, digest, text),
            )
            number = cursor.lastrowid
        if number is None:
            raise StoreError("the version got no number")
        return self.get(number)

    def run(self, number: int, pending: Pending | None = None) -> None:
        """Note that this version runs now, and until when it has to be confirmed."""
        self.get(number)
        with transaction(self._connection) as connection:
            connection.execute("UPDATE versions SET state = 'before' WHERE state = 'running'")
            connection.execute("UPDATE versions SET state = 'running' WHERE number = ?", (number,))
            connection.execute("DELETE FROM pending")
            if pending is not None:
                row = (pending.number, pending.back_to, pending.until)
                connection.execute("INSERT INTO pending VALUES (1, ?, ?, ?)", row)

    def refuse(self, number: int) -> None:
        """Note that a version was tried and not taken."""
        with transaction(self._connection) as connection:
            connection.execute("UPDATE versions SET state = 'refused' WHERE number = ?", (number,))

    def confirm(self) -> Pending | None:
        """Let the running version stay; what was pending, None when nothing was."""
        pending = self.pending()
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM pending")
        return pending

    def pending(self) -> Pending | None:
        """The version that waits to be confirmed."""
        row = self._one("SELECT number, back_to, until FROM pending", ())
        return None if row is None else Pending(*row)

    def running(self) -> Version | None:
        """The version that runs; None before the first start."""
        row = self._one(f"SELECT {_COLUMNS} FROM versions WHERE state = 'running'", ())  # noqa: S608
        return None if row is None else Version(*row)

    def get(self, number: int) -> Version:
        """One version."""
        row = self._one(f"SELECT {_COLUMNS} FROM versions WHERE number = ?", (number,))  # noqa: S608
        if row is None:
            raise LookupError(f"there is no version {number}")
        return Version(*row)

    def text(self, number: int) -> str:
        """What a version's file holds."""
        row = self._one("SELECT text FROM versions WHERE number = ?", (number,))
        if row is None:
            raise LookupError(f"there is no version {number}")
        return str(row[0])

    def latest(self, limit: int) -> list[Version]:
        """The newest ones, newest first."""
        query = f"SELECT {_COLUMNS} FROM versions ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [Version(*row) for row in self._connection.execute(query, (limit,))]

    def _one(self, query: str, values: tuple[object, ...]) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
        return row


_COLUMNS = "number, at, author, reason, sha256, state"
