"""What a change asks of the running roles; the supervisor does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fleet(Protocol):
    """The running roles, as a change needs them."""

    def roles(self) -> Sequence[str]:
        """Names of the running roles, in the order of starting."""

    async def take_over(self, role: str) -> None:
        """Let a role read the deployment file and go by it. Raises ControlError."""

    async def restart(self, role: str) -> None:
        """End a role's process and wait until the next one answers. Raises ControlError."""
