"""Where a border keeps bindings and dialogs for the next one: a journal in the run directory."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from farline.border import Dropped, Restored
from farline.store.sqlite import StoreError
from farline.store.state import JournalState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AsyncExitStack
    from pathlib import Path

    from farline.runtime.sip import SipDriver
    from farline.store.state import Persist

log = logging.getLogger(__name__)


class BorderMemory:
    """The journal, open as long as the stack."""

    def __init__(self, stack: AsyncExitStack, run_dir: Path) -> None:
        """Raises StoreError for a file that cannot be used."""
        path = run_dir / "state" / "border.journal"
        self._journal = stack.enter_context(closing(JournalState(path, log.warning)))

    def restore(self, driver: SipDriver) -> None:
        """Give the core what the process before this one wrote down."""
        records = self._journal.load()
        if records:
            driver.handle(Restored(records))

    def keep(self, changes: Sequence[Persist]) -> None:
        """Write down. It never stops the service: without it calls end with the process."""
        try:
            self._journal.write(changes)
        except StoreError as error:
            log.error("calls and bindings are not written down: %s", error)

    def say(self, more: Callable[[object], None]) -> Callable[[object], None]:
        """Takes outputs of the core: what is for people goes to the log, the rest to `more`."""

        def take(output: object) -> None:
            if isinstance(output, Dropped):
                log.warning("%s %r is not restored: %s", output.noun, output.key, output.why)
            else:
                more(output)

        return take
