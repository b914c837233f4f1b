"""Values for expectations that equal more than one thing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from farline._core import Message, WireError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Matcher(ABC):
    """Base: equal to whatever `matches` accepts."""

    @abstractmethod
    def matches(self, value: object) -> bool:
        """Whether `value` is as expected."""

    def __eq__(self, other: object) -> bool:
        return self.matches(other)

    def __hash__(self) -> int:
        return id(self)


class Instance(Matcher):
    """Any value of a class."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def matches(self, value: object) -> bool:
        """Whether `value` is an instance."""
        return isinstance(value, self._kind)

    def __repr__(self) -> str:
        return f"Instance({self._kind.__name__})"


class Matching(Matcher):
    """Whatever a function accepts; `text` shows in failures."""

    def __init__(self, accept: Callable[[object], bool], text: str = "Matching(...)") -> None:
        self._accept = accept
        self._text = text

    def matches(self, value: object) -> bool:
        """Whether the function accepts `value`."""
        return self._accept(value)

    def __repr__(self) -> str:
        return self._text


class Containing(Matcher):
    """Text with a part in it."""

    def __init__(self, part: str) -> None:
        self._part = part

    def matches(self, value: object) -> bool:
        """Whether the part is in `value`."""
        return isinstance(value, str) and self._part in value

    def __repr__(self) -> str:
        return f"Containing({self._part!r})"


class Placeholder(Matcher, Generic[T]):
    """Equal to the first value it meets, and from then on to that value only."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._held: list[T] = []

    def matches(self, value: object) -> bool:
        """Take the first value, compare the later ones."""
        if not self._held:
            self._held.append(value)  # type: ignore[arg-type]  # the test says what it will be
            return True
        return bool(self._held[0] == value)

    @property
    def value(self) -> T:
        """What it met. Raises AssertionError before that."""
        if not self._held:
            raise AssertionError(f"placeholder {self._name!r} has met nothing yet")
        return self._held[0]

    def __repr__(self) -> str:
        return f"Placeholder({self._name!r}, {self._held or 'open'})"


class Sip(Matcher):
    """Bytes that are a SIP message whose start line begins with `start` and has these headers.

    A header is given by keyword, with `_` for `-`; its value is what `Message.get` must give: text,
    None for absent, or another matcher. `body` likewise.
    """

    def __init__(self, start: str, *, body: object = ..., **headers: object) -> None:
        self._start = start
        self._body = body
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._why = ""

    def matches(self, value: object) -> bool:
        """Whether `value` is such a message."""
        self._why = self._difference(value)
        return not self._why

    def _difference(self, value: object) -> str:
        if not isinstance(value, bytes):
            return "not bytes"
        try:
            message = Message.parse(value)
        except WireError as error:
            return f"not SIP: {error}"
        line = value.partition(b"\r\n")[0].decode("utf-8", "surrogateescape")
        if not line.startswith(self._start):
            return f"starts with {line!r}"
        for name, wanted in self._headers.items():
            if wanted != message.get(name):
                return f"{name} is {message.get(name)!r}"
        if self._body is not ... and self._body != message.body:
            return f"body is {message.body!r}"
        return ""

    def __repr__(self) -> str:
        why = f" but {self._why}" if self._why else ""
        return f"Sip({self._start!r}, {self._headers}{why})"
