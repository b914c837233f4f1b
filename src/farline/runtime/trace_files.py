"""The trace files of a run directory: which there are, their records by time, what comes after.

A role writes trace/<role>.jsonl and keeps the file before as <role>.jsonl.1. Roles that run with a
run directory of their own (a lab's nodes) have theirs one level below.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from farline.trace.codec import Record
    from farline.trace.reader import Reader

POLL_SECONDS = 0.2


def trace_files(run_dir: Path) -> list[list[Path]]:
    """The files of each role, the older first."""
    found = chain(run_dir.glob("trace/*.jsonl*"), run_dir.glob("*/trace/*.jsonl*"))
    by_role: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in found:
        if path.suffix in (".jsonl", ".1"):
            by_role[path.with_name(path.name.removesuffix(".1"))].append(path)
    return [
        sorted(paths, key=lambda path: path.suffix != ".1") for _, paths in sorted(by_role.items())
    ]


def read_records(run_dir: Path, reader: Reader) -> Iterator[Record]:
    """Every record there is now, by time."""
    return reader.merge(_lines(paths) for paths in trace_files(run_dir))


def _lines(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        try:
            with path.open(encoding="ascii", errors="replace") as file:
                yield from file
        except FileNotFoundError:  # rotated away meanwhile
            continue


class Follower:
    """What is written from now on. Call `poll` again and again, `wait` between; close it after.

    The files are kept open: one that was rotated away is read to its end before the next one.
    """

    def __init__(self, run_dir: Path, reader: Reader) -> None:
        self.run_dir = run_dir
        self.reader = reader
        self._open: dict[Path, BinaryIO] = {}
        for path in self._paths():
            self._open[path] = path.open("rb")
            self._open[path].seek(0, os.SEEK_END)

    def poll(self) -> list[Record]:
        """The records that were added since the last call, by time."""
        return list(self.reader.merge(self._added(path) for path in self._paths()))

    def close(self) -> None:
        """Close the files."""
        for file in self._open.values():
            file.close()

    @staticmethod
    def wait() -> None:
        """Pause until it is worth polling again."""
        time.sleep(POLL_SECONDS)

    def _paths(self) -> list[Path]:
        """The file of each role that is written now."""
        return [paths[-1] for paths in trace_files(self.run_dir) if paths[-1].suffix == ".jsonl"]

    def _added(self, path: Path) -> list[str]:
        file = self._open.get(path)
        lines = _whole_lines(file) if file is not None else []
        if file is None or not _is(file, path):
            if file is not None:
                file.close()
            file = self._open[path] = path.open("rb")
            lines += _whole_lines(file)
        return lines


def _whole_lines(file: BinaryIO) -> list[str]:
    """What was added, up to the last newline; half a line waits for its rest."""
    at = file.tell()
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    file.seek(at + len(whole))
    return whole.decode("ascii", "replace").splitlines()


def _is(file: BinaryIO, path: Path) -> bool:
    return os.path.samestat(os.fstat(file.fileno()), path.stat())
