"""Rows of values for people: a table where it fits the terminal, else a block of lines a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from farline.cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console


def print_rows(
    console: Console, title: str, rows: Sequence[Mapping[str, object]], table: Table | None = None
) -> None:
    """Print rows that all have the names of the first; `table`: an empty one that looks so."""
    table = table or Table()
    table.title, table.title_justify = Text(plain(title)), "left"
    for name in rows[0]:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row.values()))
    if console.measure(table, options=console.options.update(width=1000)).maximum <= console.width:
        console.print(table)
        return
    console.print(Text(plain(title)))
    width = max(map(len, rows[0]))
    for row in rows:
        console.print()
        for name, cell in row.items():
            console.print(Text(f"  {name:<{width}}  {plain(cell)}"), soft_wrap=True)
    console.print()
