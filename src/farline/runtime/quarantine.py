"""Messages that made a handler fail: kept with a capture, and their like is not let in again.

A defect that one message meets would be met by its next copy too, and by every retransmission. The
directory holds MARK.pcap (for tcpdump and `farline explain`) and MARK.txt (what failed) each; it is
bounded, the oldest go first. `farline shield quarantine` lists and releases them.
"""

from __future__ import annotations

import logging
import re
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.runtime import clock
from farline.trace.codec import Record
from farline.trace.likeness import likeness
from farline.trace.pcap import pcap

if TYPE_CHECKING:
    from pathlib import Path

    from farline.trace.events import MessageSeen

log = logging.getLogger(__name__)

MAX_KEPT = 200
_MARK = re.compile("[0-9a-f]{32}")


@dataclass(slots=True)
class Kept:
    """One kind of message that is not let in."""

    since: float
    """Wall-clock seconds since 1970."""
    why: str
    dropped: int = 0
    """How many of its like came since."""


class Quarantine:
    """What is kept in one directory; a disk that is full costs the capture, not the protection."""

    def __init__(self, directory: Path, *, active: bool = True) -> None:
        self.directory = directory
        self.active = active
        """Shield > Quarantine. Off: nothing is kept or dropped; what was kept stays there."""

        self.kept: dict[str, Kept] = {}
        """By mark; empty: nothing is held."""

        for path in sorted(directory.glob("*.txt"), key=lambda one: one.stat().st_mtime):
            if _MARK.fullmatch(path.stem):
                words = path.read_text(encoding="utf-8", errors="replace").splitlines()
                self.kept[path.stem] = Kept(path.stat().st_mtime, words[0] if words else "")

    def holds(self, data: bytes) -> bool:
        """Whether a message is like one that is kept; counts it."""
        if not (self.kept and self.active):
            return False
        kept = self.kept.get(likeness(data))
        if kept is None:
            return False
        kept.dropped += 1
        return True

    def take(self, seen: MessageSeen, error: BaseException) -> str | None:
        """Keep a message that made a handler fail; its mark. None: it is off."""
        if not self.active:
            return None
        mark, now = likeness(seen.data), clock.wall()
        why = f"{type(error).__name__}: {ascii(str(error))[:200]}"
        self.kept[mark] = Kept(now, why)
        while len(self.kept) > MAX_KEPT:
            self.release(next(iter(self.kept)))
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            told = "".join(traceback.format_exception(error))
            self._write(mark, "txt", f"{why}\n{seen.remote} at {seen.interface}\n\n{told}".encode())
            self._write(mark, "pcap", b"".join(pcap([Record(now, "border", seen)])))
        except OSError as full:
            log.warning("quarantine %s: %s", self.directory, full)
        return mark

    def release(self, mark: str) -> None:
        """Let a kind of message in again. Raises LookupError for an unknown mark."""
        if self.kept.pop(mark, None) is None:
            raise LookupError(f"nothing with the mark {mark!r:.40} is kept")
        for suffix in ("txt", "pcap"):
            with suppress(OSError):
                (self.directory / f"{mark}.{suffix}").unlink()

    def show(self) -> list[dict[str, object]]:
        """Mark, reason, time and count of each, the newest last."""
        return [
            {"mark": mark, "why": kept.why, "since": kept.since, "dropped": kept.dropped}
            for mark, kept in self.kept.items()
        ]

    def _write(self, mark: str, suffix: str, data: bytes) -> None:
        path = self.directory / f"{mark}.{suffix}"
        path.touch(mode=0o600)
        path.write_bytes(data)
