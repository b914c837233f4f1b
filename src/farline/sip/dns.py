"""Words for look-ups in the DNS: a question, its records, and that nothing was found.

Cores ask with `farline.sip.effects.Lookup`; `runtime` has the resolver and its cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["A", "AAAA", "SRV", "NAPTR"]

MAX_RECORDS = 64
"""Records of one answer that are looked at."""


@dataclass(frozen=True, slots=True)
class Question:
    """A name (without final dot) and the type of record that is wanted."""

    name: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.name} {self.kind}"


@dataclass(frozen=True, slots=True)
class Srv:
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    target: str
    """Without final dot; "" for the root, which says that the service is not there."""


@dataclass(frozen=True, slots=True)
class Naptr:
    """RFC 3403."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str
    """Without final dot; "" for none."""


Record = str | Srv | Naptr
"""A and AAAA records are addresses as text."""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer: records of the type that was asked for, perhaps none."""

    records: tuple[Record, ...] = ()
    error: str = ""
    """Why there are none, for people: "does not exist", "no answer from 10.0.0.1"."""

    failed: bool = False
    """No server has answered: nothing is known of the name."""

    stale: bool = False
    """Kept from before: no server answers now (RFC 8767)."""
