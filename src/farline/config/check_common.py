"""What every check says alike: a name that is missing, a name that is used twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farline.config.base import Form, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def missing(place: str, owner: Form, label: str, name: str, known: Iterable[str]) -> Problem:
    """A name that must be defined elsewhere in the file, and is not."""
    names = ", ".join(sorted(known)) or "none"
    return Problem(place, f"no such {label} {name!r}", f"there is: {names}", owner.form)


def duplicates(place: str, items: Sequence[Form]) -> Iterator[Problem]:
    """Names of a list that are used more than once."""
    counts = Counter(str(getattr(item, "name", "")) for item in items)
    for index, item in enumerate(items):
        name = str(getattr(item, "name", ""))
        if counts[name] > 1:
            yield Problem(
                f"{place}[{index}].name", f"{name!r} is used twice", "rename one", item.form
            )
