"""Opening a SQLite file the way every store of ours wants it."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS = 2.0
"""How long a writer waits for another process (the ems reads while a role writes)."""


class StoreError(RuntimeError):
    """A store that cannot be used; the text names the file and what SQLite said."""


def connect(path: Path, schema: str) -> sqlite3.Connection:
    """Open or make the file and its tables (`schema`: CREATE ... IF NOT EXISTS statements).

    WAL with synchronous=NORMAL: what is committed outlives the process, and the machine but for
    the last moments before a power cut. Raises StoreError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(schema)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path}: {error}") from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing. Raises StoreError with what SQLite said."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(str(error)) from error
