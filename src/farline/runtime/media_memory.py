"""Where a media process keeps its sessions for the one after it: in memory, for nobody else.

Master keys stand in these files. So they lie in a tmpfs where there is one, in a directory of mode
700 that is checked to be ours, and never on a disk unless there is no other place.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from farline._core import RelayError
from farline.media.records import MEDIA, MediaRecordError
from farline.runtime.leftovers import Hold, beat, remove_dead
from farline.runtime.secret_directory import empty_parent
from farline.runtime.tls.identity import DtlsIdentity
from farline.store.sqlite import StoreError
from farline.store.state import JournalState, MemoryState, Persist
from farline.store.whole_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farline._core import Relay
    from farline.media.sessions import MediaSessions
    from farline.store.state import StateStore

log = logging.getLogger(__name__)

PINS = Path("/sys/fs/bpf/farline")
"""Where the fast path pins what outlives a process: a directory for each instance and version."""


def clear_dead_pins(instance: str, pins: Path = PINS) -> None:
    """Remove kernel tables (and programs) of deployments that were killed whole, and say so."""
    others = [one for one in pins.glob("*-*") if not one.name.startswith(instance)]
    if cleared := sum(remove_dead(one) for one in others):
        log.warning("what %d deployments left in the kernel when killed is removed", cleared)


class MediaMemory:
    """The files of one media process; without a directory nothing outlives it."""

    def __init__(self, directory: Path | None) -> None:
        """Raises StoreError for a directory that cannot be used."""
        self._directory = directory
        self._journal: JournalState | None = None
        self._holds: list[Hold] = []
        if directory is not None:
            try:
                self._holds.append(Hold(directory))
            except OSError as error:
                raise StoreError(f"{directory}: {error}") from error
            self._journal = JournalState(directory / "sessions.journal", log.warning)

    def hold_pins(self, instance: str) -> None:
        """The kernel's tables of this instance are in use."""
        for directory in PINS.glob(f"{instance}-*"):
            self._holds.append(Hold(directory))

    async def beat(self) -> None:
        """Say of all that is in use that it is, until cancelled."""
        await beat(self._holds)

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
            replace_file(path, made.to_bytes(), 0o600)
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

    def keep(
        self,
        sessions: MediaSessions,
        name: str,
        others: Mapping[str, Callable[[str], bytes | None]] | None = None,
    ) -> None:
        """Write down a session as it is now, or that it is over.

        `others`: who tells, by noun, what goes with it.
        """
        if self._journal is not None:
            tellers = {MEDIA: sessions.record, **(others or {})}
            self._write(*(Persist(noun, name, tell(name)) for noun, tell in tellers.items()))

    def close(self, *, over: bool) -> None:
        """Close the files. `over`: there is no session, and nothing to leave."""
        for hold in self._holds:
            hold.release()
        self._holds.clear()
        if self._journal is None or self._directory is None:
            return
        self._journal.close()
        if over:
            shutil.rmtree(self._directory, ignore_errors=True)
            empty_parent(self._directory)

    @property
    def _store(self) -> StateStore:
        return self._journal or MemoryState()

    def _write(self, *changes: Persist) -> None:
        try:
            self._store.write(changes)
        except StoreError as error:
            log.error("media sessions are not written down: %s", error)
