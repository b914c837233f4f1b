"""Health > Component Status: one line a component, with the guide's names.

The element manager shows these lines; the portal only keeps them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Status = Literal["Available", "Unavailable", "Starting"]


@dataclass(frozen=True, slots=True)
class Component:
    """One line: Component Name, Status, Reported At (seconds since 1970), Additional Info."""

    name: str
    status: Status
    reported_at: float
    additional_info: str


class ComponentStatus:
    """The table. `on_change` hears of every change of status, not of repetitions."""

    def __init__(
        self, wall: Callable[[], float], on_change: Callable[[Component], None] | None = None
    ) -> None:
        self._wall = wall
        self._on_change = on_change
        self._components: dict[str, Component] = {}

    def report(self, name: str, status: Status, additional_info: str) -> None:
        """Set a line, with the present time."""
        before = self._components.get(name)
        component = Component(name, status, self._wall(), additional_info)
        self._components[name] = component
        if self._on_change is not None and (before is None or before.status != status):
            self._on_change(component)

    def get(self, name: str) -> Component | None:
        """One line."""
        return self._components.get(name)

    def show(self) -> list[dict[str, object]]:
        """All lines by name, as data."""
        return [asdict(self._components[name]) for name in sorted(self._components)]
