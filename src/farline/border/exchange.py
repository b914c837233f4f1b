"""The words that every stage of the border shares: a side, an exchange, a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from farline.sip import Flow, Message

T = TypeVar("T")

# What is made for every message is not frozen: that would triple what its making costs. Nobody
# changes one all the same.


class Side(StrEnum):
    """Where a message comes from or goes to."""

    OUTSIDE = "outside"
    INSIDE = "inside"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return _INSIDE if self is _OUTSIDE else _OUTSIDE


_OUTSIDE, _INSIDE = Side.OUTSIDE, Side.INSIDE


@dataclass(slots=True)
class Exchange:
    """What a stage decides about: a message and the flow that it arrived on."""

    message: Message
    flow: Flow


@dataclass(slots=True)
class Verdict(Generic[T]):
    """A stage's decision. `because` is kept and shown; `form` names what decided."""

    value: T
    because: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A verdict's value when the request is not served: what the peer is told.

    The peer learns the status only; the reason for people is the verdict's `because`.
    """

    status: int
    word: str
    """For counting: "no-flow", "unknown-phone", ..."""

    headers: tuple[tuple[str, str], ...] = ()
    """Headers that the answer must bear."""
