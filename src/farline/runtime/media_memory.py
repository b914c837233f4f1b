"""Where a media process keeps its sessions for the one after it: in memory, for nobody else.

Master keys stand in these files. So they lie in a tmpfs where there is one, in a directory of mode
700 that is checked to be ours, and never on a disk unless there is no other place.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING

from farline._core import RelayError
from farline.media.records import MEDIA, MediaRecordError
from farline.runtime.certificate import DtlsIdentity
from farline.runtime.secret_directory import Hold, empty_parent
from farline.store.sqlite import StoreError
from farline.store.state import JournalState, MemoryState, Persist

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from farline._core import Relay
    from farline.media.sessions import MediaSessions
    from farline.store.state import StateStore

log = logging.getLogger(__name__)


def _write_secret(path: Path, data: bytes) -> None:
    """Write a file for nobody else; at every moment it is whole or not there."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    new.replace(path)


class MediaMemory:
    """The files of one media process; without a directory nothing outlives it."""

    def __init__(self, directory: Path | None) -> None:
        """Raises StoreError for a directory that cannot be used."""
        self._directory = directory
        self._journal: JournalState | None = None
        self._hold: Hold | None = None
        if directory is not None:
            try:
                self._hold = Hold(directory)
            except OSError as error:
                raise StoreError(f"{directory}: {error}") from error
            self._journal = JournalState(directory / "sessions.journal", log.warning)

    def identity(self) -> DtlsIdentity:
        """The certificate that SDP has named to browsers: that of the process before, or a new one.

        A handshake that is still to come has to show it.
        """
        if self._directory is None:
            return DtlsIdentity.make()
        path = self._directory / "identity"
        try:
            return DtlsIdentity.from_bytes(path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("the certificate of DTLS is made anew: %s: %s", path, error)
        made = DtlsIdentity.make()
        try:
            _write_secret(path, made.to_bytes())
        except OSError as error:
            log.error("the certificate of DTLS is not written down: %s", error)
        return made

    @property
    def cells(self) -> Path | None:
        """Where the relay keeps what only packets tell."""
        return None if self._directory is None else self._directory / "cells"

    def restore(
        self,
        sessions: MediaSessions,
        relay: Relay,
        others: Mapping[str, Callable[[str, bytes], None]] | None = None,
    ) -> None:
        """Go on with every session that can be; the others are dropped, and said.

        `others`: who takes records of other nouns, by noun, after the sessions; may raise
        MediaRecordError.
        """
        takers = {MEDIA: sessions.restore, **(others or {})}
        records = self._store.load()
        for noun, take in takers.items():
            for record in [one for one in records if one.noun == noun]:
                try:
                    if record.value is not None:
                        take(record.key, record.value)
                except (MediaRecordError, RelayError) as error:
                    why = error.reason if isinstance(error, RelayError) else error
                    log.warning("%s session %r is not restored: %s", noun, record.key, why)
                    self._write(Persist(noun, record.key, None))
        if len(sessions):
            log.info("%d media sessions go on", len(sessions))
        relay.restored()

    def keep(self, sessions: MediaSessions, name: str, *others: Persist) -> None:
        """Write down a session as it is now, or that it is over, and what goes with it."""
        if self._journal is not None:
            self._write(Persist(MEDIA, name, sessions.record(name)), *others)

    def close(self, *, over: bool) -> None:
        """Close the files. `over`: there is no session, and nothing to leave."""
        if self._journal is None or self._directory is None:
            return
        self._journal.close()
        if over:
            shutil.rmtree(self._directory, ignore_errors=True)
            empty_parent(self._directory)
        if self._hold is not None:
            self._hold.release()

    @property
    def _store(self) -> StateStore:
        return self._journal or MemoryState()

    def _write(self, *changes: Persist) -> None:
        try:
            self._store.write(changes)
        except StoreError as error:
            log.error("media sessions are not written down: %s", error)
