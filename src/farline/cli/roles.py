"""Which function serves which role; each is imported only in the process that runs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from farline.runtime.role import RoleContext

_SERVERS = {
    "media": ("farline.runtime.media", "run_border_media"),
    "office-media": ("farline.runtime.media", "run_office_media"),
    "office": ("farline.runtime.office", "run_office"),
    "portal": ("farline.runtime.portal", "run_portal"),
    "border": ("farline.runtime.border", "run_border"),
    "ems": ("farline.ems", "run_ems"),
}


def load(role: str) -> Callable[[RoleContext], Awaitable[None]]:
    """Import what a role needs, and give its function."""
    module, name = _SERVERS[role]
    found: Callable[[RoleContext], Awaitable[None]] = getattr(import_module(module), name)
    return found


async def serve(context: RoleContext) -> None:
    """Serve the role of this process until cancelled."""
    await load(context.role)(context)
