"""What a killed process leaves behind: held by whoever uses it, removed when nobody has for long.

A deployment that is killed whole leaves directories, and so it should: the next process of the same
deployment goes on with its calls. Where none comes, somebody else's next start clears up.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from typing import TYPE_CHECKING, Final

from farline.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BEAT_SECONDS: Final = 60.0
"""How often a holder says that it lives."""
DEAD_SECONDS: Final = 600.0
"""A directory that nobody holds, untouched for so long: whoever starts its process again would have
done it, and its calls have ended for want of media."""


class Hold:
    """A directory that a process uses: as long as it lives nobody takes it for a dead one's."""

    def __init__(self, directory: Path) -> None:
        """Make the directory where it is not there. Raises OSError."""
        while True:
            directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                directory.mkdir(exist_ok=True, mode=0o700)
                self._descriptor = _locked(directory, fcntl.LOCK_SH)
                break
            except FileNotFoundError:  # it was cleared meanwhile
                continue
        self.touch()

    def touch(self) -> None:
        """Say that it is in use: who comes in the moment between two processes counts from here."""
        os.utime(self._descriptor)

    def release(self) -> None:
        """End of the use."""
        os.close(self._descriptor)


async def beat(holds: Iterable[Hold]) -> None:
    """Say of directories that they are in use, until cancelled."""
    while True:
        for one in holds:
            one.touch()
        await asyncio.sleep(BEAT_SECONDS)


def remove_dead(directory: Path) -> bool:
    """Remove a directory that nobody has used for long; whether it went."""
    if not is_old(directory):
        return False
    try:
        descriptor = _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    try:
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(descriptor)
    return not directory.exists()


def is_old(directory: Path) -> bool:
    """Whether neither it nor what is in it has changed for long."""
    try:
        touched = max(one.lstat().st_mtime for one in (directory, *directory.iterdir()))
    except OSError:  # it has just gone
        return False
    return clock.wall() - touched > DEAD_SECONDS


def _locked(directory: Path, kind: int) -> int:
    """A descriptor that holds the directory of this name. Raises OSError, or when it has gone."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, kind)
        if not os.path.samestat(os.fstat(descriptor), directory.lstat()):
            raise FileNotFoundError(f"{directory} was replaced")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
