"""What is said of a line that can never match, or that is to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.config.base import Form


def never(place: str, what: str, takers: Sequence[str], witness: str, form: str) -> Problem:
    """A line that can never match: `takers` stand before it; `witness` is what it would match."""
    who = takers[0] if len(takers) == 1 else f"{', '.join(takers[:-1])} and {takers[-1]}"
    stand = "stands before it and takes" if len(takers) == 1 else "stand before it and take"
    return Problem(
        place,
        f"{what} can never match: {who} {stand} everything, for example {witness}",
        f"move it before {takers[0]}, or narrow that one",
        form,
        severity="warning",
    )


def warning(place: str, text: str, remedy: str, owner: Form) -> Problem:
    """A line that is to be looked at; `owner` gives the form."""
    return Problem(place, text, remedy, owner.form, severity="warning")
