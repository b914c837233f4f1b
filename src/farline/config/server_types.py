"""What a server profile's Server Type means; nothing else asks for a type by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ServerType = Literal["call_server", "trunk", "recording"]


@dataclass(frozen=True, slots=True)
class Nature:
    """The ways in which types differ."""

    reaches_phones: bool
    """Its requests may name a registered phone's binding; else only its routing profile counts."""

    registers_phones: bool
    """Phones' REGISTER requests may go there, unless the profile says otherwise."""

    is_outsider: bool
    """It belongs to somebody else and reads no address or name of the inside."""

    takes_calls: bool
    """Routing profiles may lead there; else the border itself calls it, to record."""

    text: str
    """The same for people."""


NATURES: dict[ServerType, Nature] = {
    "call_server": Nature(
        reaches_phones=True,
        registers_phones=True,
        is_outsider=False,
        takes_calls=True,
        text="a call server's requests may reach registered phones",
    ),
    "trunk": Nature(
        reaches_phones=False,
        registers_phones=False,
        is_outsider=True,
        takes_calls=True,
        text="a trunk's requests go by its server flow's Routing Profile only",
    ),
    "recording": Nature(
        reaches_phones=False,
        registers_phones=False,
        is_outsider=False,
        takes_calls=False,
        text="a recording server begins nothing, and is called by the border only",
    ),
}
