"""The timers of RFC 3261 (table 4) and RFC 6026, and the heap that holds the running ones."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from farline.sip.effects import Deadline
from farline.sip.transaction.table import Input

if TYPE_CHECKING:
    from farline.sip.transaction.transaction import Transaction

    Entry = tuple[float, int, Transaction, Input]
    """When, a number that no other entry has, whose, and which."""

SWEEP_FROM = 1024
"""A heap smaller than this is not worth sweeping."""

_TIMER_C = Input.TIMER_C


@dataclass(frozen=True, slots=True)
class Timers:
    """Base values in seconds; the lettered timers follow from them (RFC 3261 table 4)."""

    t1: float = 0.5
    """Round-trip estimate."""

    t2: float = 4.0
    """Longest interval between retransmissions of a non-INVITE request or an INVITE response."""

    t4: float = 5.0
    """Longest time that a message stays in the network."""

    c: float = 200.0
    """Longest silence between provisional responses to INVITE; more than 180 s (section 16.6)."""

    d: float = 32.0
    """Wait for repeated final responses to INVITE over UDP; at least 32 s."""

    trying: float = 0.2
    """An INVITE unanswered so long gets 100 from the layer (section 17.2.1)."""

    @property
    def transaction(self) -> float:
        """64*T1, the life of an unanswered transaction."""
        return 64 * self.t1

    @property
    def late(self) -> float:
        """How long Timer E takes to be reset to T2, from the first sending: 3.5 s."""
        whole, interval = 0.0, self.t1
        while interval < self.t2:
            whole += interval
            interval *= 2
        return whole

    def delays(self, *, reliable: bool) -> dict[Input, float]:
        """The timers that run once, in seconds. A, C, E and G are restarted and not here."""
        whole = self.transaction
        return {
            Input.TIMER_B: whole,
            Input.TIMER_D: 0.0 if reliable else self.d,
            Input.TIMER_F: whole,
            Input.TIMER_H: whole,
            Input.TIMER_I: 0.0 if reliable else self.t4,
            Input.TIMER_J: 0.0 if reliable else whole,
            Input.TIMER_K: 0.0 if reliable else self.t4,
            Input.TIMER_L: whole,
            Input.TIMER_M: whole,
            Input.TIMER_100: self.trying,
            Input.TIMER_LATE: self.late,
            Input.TIMER_CANCEL: whole,
        }


@dataclass(frozen=True, slots=True)
class Manner:
    """How requests go to one peer that wants it otherwise; None: as the layer does."""

    t1: float | None = None
    t2: float | None = None
    old_via: bool = False
    """As RFC 2543 knew it: no rport, and a branch without the cookie of RFC 3261."""


class TimerHeap:
    """Running timers, soonest first.

    None is ever taken out early: one whose transaction has gone to a state that does not list it
    is stale, and is dropped when met or by a sweep. Nor is timer C moved when it is restarted: it
    is put back when it comes up before the transaction's `patience` is over.
    """

    __slots__ = ("_deadline", "_heap", "_of", "_serial", "_sweep_at")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._serial = count()
        self._sweep_at = SWEEP_FROM
        self._of: Entry | None = None
        self._deadline: Deadline | None = None
        """What `next` said last, and of which entry: it is asked after every message."""

    def __len__(self) -> int:
        return len(self._heap)

    def start(self, at: float, tx: Transaction, timer: Input) -> None:
        """Let `timer` of `tx` fire at `at`."""
        heap = self._heap
        heappush(heap, (at, next(self._serial), tx, timer))
        if len(heap) >= self._sweep_at:
            self._sweep()

    def next(self) -> Deadline | None:
        """The soonest live timer."""
        heap = self._heap
        while heap:
            entry = heap[0]
            tx = entry[2]
            if entry[3] in tx.table[tx.state]:
                if entry is not self._of:
                    self._of, self._deadline = entry, Deadline(entry[0], entry[3])
                return self._deadline
            heappop(heap)
        self._of = self._deadline = None
        return None

    def pop_due(self, now: float) -> tuple[Transaction, Input] | None:
        """Take the soonest live timer if it is due."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, tx, timer = heappop(heap)
            if timer is _TIMER_C and tx.patience > now:
                self.start(tx.patience, tx, timer)
            elif timer in tx.table[tx.state]:
                return tx, timer
        return None

    def _sweep(self) -> None:
        """Drop the stale ones, and come back when the live ones have doubled."""
        self._heap = [entry for entry in self._heap if entry[3] in entry[2].table[entry[2].state]]
        heapify(self._heap)
        self._sweep_at = max(SWEEP_FROM, 2 * len(self._heap))
