"""Where the office keeps who is registered: memory, or SQLite so that it outlives the process."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Protocol

from farline.store.sqlite import connect, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Registration:
    """One contact of one extension (RFC 3261 section 10.3)."""

    extension: str
    contact: str
    """The Contact URI as registered."""
    call_id: str
    cseq: int
    expires_at: float
    """Wall-clock seconds since 1970."""
    q: float
    instance: str
    """+sip.instance with its quotes taken off, "" when there is none (RFC 5626)."""
    reg_id: str
    user_agent: str
    interface: str
    transport: str
    """"UDP", "TCP" or "TLS": what the REGISTER came by."""
    source_host: str
    """The peer's address, and its port below."""
    source_port: int


class RegistrationStore(Protocol):
    """Registrations by extension."""

    def load(self) -> list[Registration]:
        """All that is kept. Raises StoreError."""

    def save(self, extension: str, registrations: Sequence[Registration]) -> None:
        """Put these in the place of all that the extension had. Raises StoreError."""


class MemoryRegistrations:
    """Kept as long as the process lives."""

    def __init__(self) -> None:
        self._by_extension: dict[str, tuple[Registration, ...]] = {}

    def load(self) -> list[Registration]:
        """All that is kept."""
        return [entry for entries in self._by_extension.values() for entry in entries]

    def save(self, extension: str, registrations: Sequence[Registration]) -> None:
        """Put these in the place of all that the extension had."""
        if registrations:
            self._by_extension[extension] = tuple(registrations)
        else:
            self._by_extension.pop(extension, None)


_COLUMNS = tuple(field.name for field in fields(Registration))
_SCHEMA = """
CREATE TABLE IF NOT EXISTS registrations (
    extension TEXT NOT NULL, contact TEXT NOT NULL, call_id TEXT NOT NULL, cseq INTEGER NOT NULL,
    expires_at REAL NOT NULL, q REAL NOT NULL, instance TEXT NOT NULL, reg_id TEXT NOT NULL,
    user_agent TEXT NOT NULL, interface TEXT NOT NULL, transport TEXT NOT NULL,
    source_host TEXT NOT NULL, source_port INTEGER NOT NULL,
    PRIMARY KEY (extension, contact)
) WITHOUT ROWID;
"""
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM registrations"  # noqa: S608 - our own column names
_INSERT = (
    f"INSERT OR REPLACE INTO registrations ({', '.join(_COLUMNS)})"  # noqa: S608 - as above
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class SqliteRegistrations:
    """Kept in a file; `save` returns when it is committed."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, _SCHEMA)

    def load(self) -> list[Registration]:
        """All that is kept."""
        with transaction(self._connection) as connection:
            return [Registration(*row) for row in connection.execute(_SELECT)]

    def save(self, extension: str, registrations: Sequence[Registration]) -> None:
        """Put these in the place of all that the extension had."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM registrations WHERE extension = ?", (extension,))
            connection.executemany(_INSERT, [astuple(entry) for entry in registrations])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
