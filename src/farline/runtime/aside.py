"""Work that blocks, in a thread that nobody waits for when the process ends."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def aside(work: Callable[[], T], *errors: type[Exception]) -> T:
    """What `work` gives. Of what it raises only `errors` come back here: name all that it may."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def tell(found: list[T], error: Exception | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(found[0])

    def run() -> None:
        found: list[T] = []
        error: Exception | None = None
        try:
            found.append(work())
        except errors as failure:
            error = failure
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(tell, found, error)

    threading.Thread(target=run, daemon=True).start()
    return await outcome
