"""Which areas of a process go into huge pages."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import pytest

from farline.runtime import huge_pages
from farline.runtime.huge_pages import gather, whole_pages

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
SIZE = 2 * MIB

# The form is that of proc_pid_maps(5).
MAPS = """\
00400000-00a00000 r-xp 00000000 fe:00 1234                       /usr/bin/python3.11
00b00000-01100000 rw-p 00000000 fe:00 1234                       /usr/bin/python3.11
01300000-01900000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f00001fffff rw-p 00000000 00:00 0
7f0000200000-7f0000400000 rw-p 00000000 00:00 0
7f0000500000-7f0000a00000 rw-s 00000000 00:01 9                  /dev/zero (deleted)
7f0000b00000-7f0001000000 ---p 00000000 00:00 0
7ffc00000000-7ffc00800000 rw-p 00000000 00:00 0                  [stack]
"""


def test_only_private_memory_without_a_file_in_which_a_huge_page_fits() -> None:
    assert list(whole_pages(MAPS, SIZE)) == [0x1400000, 0x1600000, 0x7F0000200000]


def huge_kib() -> int:
    with open("/proc/self/smaps_rollup") as rollup:
        (found,) = (line.split()[1] for line in rollup if line.startswith("AnonHugePages:"))
    return int(found)


def test_memory_in_use_is_gathered_and_keeps_what_it_holds() -> None:
    held = [mmap.mmap(-1, MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for _ in range(8)]
    for number, area in enumerate(held):
        area.write(bytes([number]) * MIB)
    before = huge_kib()
    gathered = gather()
    if not gathered:
        pytest.skip("this kernel collapses no pages (MADV_COLLAPSE, Linux 6.1)")
    assert huge_kib() > before
    assert all(area[:] == bytes([number]) * MIB for number, area in enumerate(held))


def test_never_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = tmp_path / "enabled"
    setting.write_text("always madvise [never]\n")
    monkeypatch.setattr(huge_pages, "SETTING", setting)
    assert gather() == 0


def test_a_system_without_huge_pages_is_none_of_our_troubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huge_pages, "SETTING", tmp_path / "missing")
    assert gather() == 0
