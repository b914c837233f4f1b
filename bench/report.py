"""Rows of a benchmark: a table for people, JSON for programs."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass
class Row:
    """One figure: every run of ours, and of the peer measured beside it (empty: no peer)."""

    name: str
    unit: str
    ours: list[float]
    peer: list[float]
    peer_name: str

    def as_json(self) -> dict[str, Any]:
        """Medians and the ratio of the medians, with the runs behind them."""
        ours = statistics.median(self.ours)
        peer = statistics.median(self.peer) if self.peer else None
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": round(ours, 3),
            "peer": None if peer is None else round(peer, 3),
            "peer_name": self.peer_name or None,
            "ratio": None if not peer else round(ours / peer, 3),
            "runs": {"ours": self.ours, "peer": self.peer},
        }


def turns(figure: str, runs: int, sides: Iterable[str]) -> Iterator[str]:
    """The sides in turn, `runs` times; standard error reads whose turn it is."""
    for run in range(1, runs + 1):
        for side in sides:
            print(f"{figure}: run {run} of {runs}, {side}", file=sys.stderr, flush=True)
            yield side


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    table = Table()
    for column in ("figure", "unit", "ours", "peer", "peer is", "ours / peer", "runs"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            row["name"],
            row["unit"],
            str(row["ours"]),
            "-" if row["peer"] is None else str(row["peer"]),
            row["peer_name"] or "-",
            "-" if row["ratio"] is None else str(row["ratio"]),
            str(len(row["runs"]["ours"])),
        )
    Console().print(table)
