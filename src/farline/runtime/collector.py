"""When Python looks for reference cycles: seldom, never long while messages wait.

A look at a thousand young objects takes 0.2 ms, as long as a message. What survives it is set aside
(`gc.freeze`), so that no look grows with what is held: transactions live half a minute, bindings
for hours, and none of them has cycles (a REGISTER and a call leave none behind). What is set aside
still goes when nothing refers to it. Only a cycle among it would stay; so once as much was set
aside as is held, all of it is looked at.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

YOUNG = 1000
"""Objects that come, less those that go, between two looks at what is young."""
FEWEST = 500_000
"""Objects set aside before all are looked at: 0.1 to 0.3 s, in the first minute of a full load."""
ASK_SECONDS = 1.0
_NEVER = 1_000_000_000


class Collector:
    """Python's collector, led; there is one of it in a process.

    Args:
        fewest: how many objects must have been set aside before all are looked at.
    """

    def __init__(self, fewest: int = FEWEST) -> None:
        self._fewest = fewest
        self._held = 0
        """Objects that there were when all were looked at."""

        self._set_aside = 0
        """At most so many came since."""

    def start(self) -> None:
        """Set modules and configuration aside, and lead from now on."""
        self.look()
        gc.set_threshold(YOUNG, _NEVER, _NEVER)
        gc.callbacks.append(self._looked)

    def stop(self) -> None:
        """Lead no more; the thresholds stay."""
        gc.callbacks.remove(self._looked)

    def _looked(self, phase: str, _info: Mapping[str, int]) -> None:
        if phase == "stop":
            gc.freeze()
            self._set_aside += YOUNG

    @property
    def is_due(self) -> bool:
        """Whether as much was set aside as there was, and enough for it to matter."""
        return self._set_aside >= max(self._fewest, self._held)

    def look(self) -> None:
        """Look at everything; takes 0.1 to 0.3 s a million objects."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._held = gc.get_freeze_count()
        self._set_aside = 0

    def attend(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look when it is due, for as long as a loop runs."""
        if self.is_due:
            self.look()
        loop.call_later(ASK_SECONDS, self.attend, loop)
