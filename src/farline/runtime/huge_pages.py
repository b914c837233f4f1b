"""What the border has in memory when it begins to serve, gathered into huge pages.

Code objects, classes and the configuration are some 25 MB, and a message touches all over them:
with pages of 4 kB the translations of their addresses do not fit into the processor's tables, and
in a virtual machine each miss is walked twice (docs/decisions/2026-11-23-signalling-speed.md).
"""

from __future__ import annotations

import ctypes
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MADV_COLLAPSE = 25
"""Linux 6.1 and newer; older kernels answer EINVAL, and pages stay as they are."""
MAPS = Path("/proc/self/maps")
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
SIZE = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")

_OWN = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p [0-9a-f]+ 00:00 0 *(\[heap\])?")
"""A line of proc_pid_maps(5): private memory that is no file's, and no thread's stack."""


def gather() -> int:
    """Move what is in memory into huge pages, where the administrator has not said `never`.

    Gives how many pages of them. A page takes a millisecond and more, of which the system has most:
    for a thread aside. What comes later stays as it is.
    """
    with suppress(OSError, ValueError):
        if "[never]" not in SETTING.read_text():
            return _collapse(MAPS.read_text(), int(SIZE.read_text()))
    return 0


def gather_aside() -> None:
    """The same in a thread that nobody waits for."""
    threading.Thread(target=gather, daemon=True).start()


def _collapse(maps: str, size: int) -> int:
    advise = ctypes.CDLL(None, use_errno=True).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return sum(not advise(at, size, MADV_COLLAPSE) for at in whole_pages(maps, size))


def whole_pages(maps: str, size: int) -> Iterator[int]:
    """Where a huge page fits in: addresses within one area of our own, multiples of `size`."""
    for line in maps.splitlines():
        area = _OWN.fullmatch(line)
        if area is not None:
            begin, end = int(area[1], 16), int(area[2], 16)
            yield from range(-(-begin // size) * size, end - size + 1, size)
