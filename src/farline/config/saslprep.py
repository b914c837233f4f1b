"""The one form of a password that is spelt in several ways (RFC 4013), before keys are derived."""

from __future__ import annotations

import stringprep
import unicodedata

_FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """The prepared text; unassigned code points are let through. Raises ValueError for others."""
    kept = (c for c in text if not stringprep.in_table_b1(c))
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in kept)
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(table(c) for c in prepared for table in _FORBIDDEN):
        raise ValueError("a character that passwords may not have")
    if any(stringprep.in_table_d1(c) for c in prepared):
        edges = all(stringprep.in_table_d1(prepared[i]) for i in (0, -1))
        if not edges or any(stringprep.in_table_d2(c) for c in prepared):
            raise ValueError("left-to-right and right-to-left text mixed")
    return prepared
