"""What a process hears of its relay: each report as it comes, and that the relay has broken."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farline._core import RelayError
from farline.media.reports import from_relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farline._core import Relay
    from farline.media.reports import MediaReport
    from farline.media.sessions import MediaSessions


class MediaBrokenError(RuntimeError):
    """A relay thread has ended: sessions are lost, and the process is to be started again."""


class RelayWatch:
    """The reports of a relay, read as they come. Made in a running event loop.

    It keeps nothing of whoever is told: with the last owner the relay goes, and its ports at once.
    """

    def __init__(self, relay: Relay, sessions: MediaSessions) -> None:
        self._relay = relay
        self._sessions = sessions
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @contextmanager
    def listening(self, told: Callable[[MediaReport], None]) -> Iterator[None]:
        """Within it, reports are handed to `told`."""
        loop, reports = asyncio.get_running_loop(), self._relay.report_fd()
        loop.add_reader(reports, self._read, told)
        try:
            yield
        finally:
            loop.remove_reader(reports)

    async def broken(self) -> None:
        """Waits, without end while the relay is whole; then raises MediaBrokenError."""
        await self._broken

    def _read(self, told: Callable[[MediaReport], None]) -> None:
        try:
            reports = [from_relay(one, self._sessions) for one in self._relay.reports()]
        except RelayError as error:
            if not self._broken.done():
                self._broken.set_exception(MediaBrokenError(error.reason))
            return
        for report in reports:
            told(report)
