"""Directories in memory for what holds keys: found, held while in use, cleared of the dead.

A deployment that is killed whole leaves its directory behind, and so it should: the next process of
the same deployment goes on with its calls. Where none comes, somebody else's next start clears up.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from farline.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = logging.getLogger(__name__)

PREFIX: Final = "farline-"
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the directory that we make there is checked
DEAD_SECONDS: Final = 600.0
"""A directory that nobody holds, untouched for so long: whoever starts its process again would have
done it, and its calls have ended for want of media."""


def memory_roots() -> list[Path]:
    """Where such directories are: in the user's tmpfs, then the machine's."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    return [*([Path(own)] if own else []), SHARED_MEMORY]


def secret_directory(run_dir: Path, role: str, roots: Sequence[Path] | None = None) -> Path:
    """A directory for what holds keys: in the user's tmpfs, the machine's, or the run directory.

    It bears the run directory's name as a hash, so that each deployment has its own.
    """
    name = f"{_of_user()}{sha256(os.fsencode(run_dir.resolve())).hexdigest()[:16]}"
    for root in roots if roots is not None else memory_roots():
        directory = root / name
        if is_ours(directory):
            return directory / role
    return run_dir / "state" / role


def is_ours(directory: Path) -> bool:
    """Make a directory; whether it is ours and closed to others: a stranger may have been first."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    return _is_closed(directory)


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

    def release(self) -> None:
        """End of the use."""
        os.close(self._descriptor)


def clear_dead(own: Path, roots: Sequence[Path] | None = None) -> int:
    """Remove directories of deployments that were killed whole, and say so; how many there were.

    `own`: what `secret_directory` gave, which stays.
    """
    now, cleared = clock.wall(), 0
    for root in roots if roots is not None else memory_roots():
        for directory in _of_others(root, own.parent):
            roles = [one for one in _entries(directory) if _is_closed(one)]
            removed = [_removed(one) for one in roles if now - _touched(one) > DEAD_SECONDS]
            if removed or now - _touched(directory) > DEAD_SECONDS:
                with suppress(OSError):  # another role's is in use
                    directory.rmdir()
            cleared += any(removed)
    if cleared:
        log.warning("what %d deployments left in memory when they were killed is removed", cleared)
    return cleared


def empty_parent(directory: Path) -> None:
    """After a role's directory has gone: remove the deployment's, unless another role has one."""
    if directory.parent.name.startswith(PREFIX):
        with suppress(OSError):
            directory.parent.rmdir()


def _of_user() -> str:
    return f"{PREFIX}{os.geteuid()}-"


def _of_others(root: Path, own: Path) -> Iterator[Path]:
    for one in _entries(root):
        if one.name.startswith(_of_user()) and one != own and _is_closed(one):
            yield one


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _is_closed(directory: Path) -> bool:
    """Whether it is a directory of ours that nobody else can read."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    )


def _touched(directory: Path) -> float:
    """When it, or something in it, last changed; seconds since 1970. Infinite: it has just gone."""
    try:
        return max(one.lstat().st_mtime for one in (directory, *_entries(directory)))
    except OSError:
        return float("inf")


def _removed(directory: Path) -> bool:
    """Remove a directory unless somebody uses it; whether it went."""
    try:
        descriptor = _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    try:
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(descriptor)
    return not directory.exists()


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
