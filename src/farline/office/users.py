"""Users and extensions, found by what people type: names without regard to case."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farline.config import User

NOBODY = "\x00"
"""The password that nobody has: what an unknown user is compared with, so that it takes as long."""


class Users:
    """The users of the office whose accounts are enabled."""

    def __init__(self, users: Iterable[User]) -> None:
        self._by_extension: dict[str, User] = {}
        self._by_name: dict[str, User] = {}
        for user in users:
            if user.enabled:
                self._by_extension[user.extension] = user
                self._by_name[user.name.casefold()] = user

    def __len__(self) -> int:
        return len(self._by_extension)

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_extension.values())

    def extension(self, dialled: str) -> User | None:
        """The user of an extension."""
        return self._by_extension.get(dialled)

    def find(self, text: str) -> User | None:
        """The user of an extension or of a name."""
        return self._by_extension.get(text) or self._by_name.get(text.casefold())
