"""Directories in memory for what holds keys: found, made, and cleared of the dead."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from farline.runtime.leftovers import is_old, remove_dead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = logging.getLogger(__name__)

PREFIX: Final = "farline-"
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the directory that we make there is checked


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


def clear_dead(own: Path, roots: Sequence[Path] | None = None) -> None:
    """Remove directories of deployments that were killed whole, and say so.

    `own`: what `secret_directory` gave, which stays.
    """
    cleared = 0
    for root in roots if roots is not None else memory_roots():
        for directory in _of_others(root, own.parent):
            removed = [remove_dead(one) for one in _entries(directory) if _is_closed(one)]
            if any(removed) or is_old(directory):
                with suppress(OSError):  # another role's is in use
                    directory.rmdir()
            cleared += any(removed)
    if cleared:
        log.warning("what %d deployments left in memory when they were killed is removed", cleared)


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
