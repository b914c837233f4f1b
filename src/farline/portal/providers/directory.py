"""The DSML-IPO provider: keeps the portal's accounts the same as the office's users.

A search of the whole directory every `timeout` seconds; deleted users are noticed by that, which a
search for changes would not show. A failed one is repeated soon, and the last good copy stays.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from typing import TYPE_CHECKING

import aiohttp

from farline.portal.accounts import Accounts
from farline.portal.providers import snapshot
from farline.portal.providers.dsml import MAX_ANSWER, DsmlError, accounts_of, search_request
from farline.trace.events import Note

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from farline.config.portal import DsmlProvider
    from farline.portal.status import ComponentStatus
    from farline.trace.events import Event

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
FIRST_RETRY, LAST_RETRY = 1.0, 30.0
"""Seconds until a failed search is repeated; doubled up to the last."""


class Directory:
    """The present accounts, and the task that keeps them so."""

    def __init__(
        self,
        provider: DsmlProvider,
        *,
        tls: ssl.SSLContext,
        source_ip: str,
        copy: Path,
        reserved: Mapping[str, str],
        status: ComponentStatus,
        wall: Callable[[], float],
        trace: Callable[[Event], None],
        on_change: Callable[[Accounts], Awaitable[None]],
    ) -> None:
        """`copy`: file of the last good copy. `on_change` is awaited with changed accounts."""
        self.accounts = Accounts()
        self.component = f"DSML-Provider-1-{provider.address}"
        self._provider = provider
        self._tls = tls
        self._source_ip = source_ip
        self._copy = copy
        self._reserved = reserved
        self._status = status
        self._wall = wall
        self._trace = trace
        self._on_change = on_change
        self._wanted = asyncio.Event()
        self.attempted = asyncio.Event()
        """Set after the first search, whatever came of it."""

    def load_copy(self) -> None:
        """Begin with the last good copy, if there is one."""
        try:
            accounts, taken_at = snapshot.load(self._copy)
        except FileNotFoundError:
            self._status.report(self.component, "Starting", "No copy yet, asking the office")
            return
        except (snapshot.SnapshotError, OSError) as error:
            self._status.report(self.component, "Starting", f"Last copy not usable: {error}")
            return
        self.accounts = Accounts(accounts, reserved=self._reserved)
        age = max(0.0, self._wall() - taken_at)
        info = f"{len(self.accounts)} users from the last copy, {age:.0f} s old"
        self._status.report(self.component, "Starting", info)

    def synchronise(self) -> None:
        """Ask the office now instead of at the next turn."""
        self._wanted.set()

    async def run(self) -> None:
        """Synchronise for ever."""
        delay = FIRST_RETRY
        first = True
        while True:
            self._wanted.clear()
            try:
                await self._synchronise(first=first)
                first = False
                delay, wait = FIRST_RETRY, float(self._provider.timeout)
            except (aiohttp.ClientError, DsmlError, OSError, TimeoutError) as error:
                self._report_failure(error)
                wait, delay = delay, min(delay * 2, LAST_RETRY)
            self.attempted.set()
            try:
                async with asyncio.timeout(wait):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _synchronise(self, *, first: bool) -> None:
        found, problems = accounts_of(await self._fetch())
        accounts = Accounts(found, reserved=self._reserved)
        for problem in (*problems, *accounts.refused):
            self._trace(Note("directory entry left out", problem))
        changed = list(accounts) != list(self.accounts)
        self.accounts = accounts
        if changed:
            self._trace(Note("directory", f"{len(accounts)} users", self.component))
            await self._on_change(accounts)
        if changed or first:
            await self._save(accounts)
        left_out = len(problems) + len(accounts.refused)
        info = "Initial provisioning completed" if first else "Synchronised"
        info += f", {len(accounts)} users" + (f", {left_out} left out" if left_out else "")
        self._status.report(self.component, "Available", info)

    async def _save(self, accounts: Accounts) -> None:
        """Keep a copy; without one the portal serves just as well until its next start."""
        try:
            await asyncio.to_thread(snapshot.save, self._copy, list(accounts), self._wall())
        except OSError as error:
            log.warning("%s: no copy kept: %s", self.component, error)
            self._trace(Note("directory copy not kept", str(error), self.component))

    async def _fetch(self) -> bytes:
        provider = self._provider
        login = f"{provider.user}:{provider.password.reveal()}"
        host = f"[{provider.address}]" if ":" in provider.address else provider.address
        connector = aiohttp.TCPConnector(ssl=self._tls, local_addr=(self._source_ip, 0))
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            ) as session,
            session.post(
                f"https://{host}:{provider.port}/dsml",
                data=search_request(f"ou=users,o={provider.system_name}"),
                headers={
                    "Authorization": f"Basic {b64encode(login.encode()).decode()}",
                    "Content-Type": "text/xml; charset=utf-8",
                    "SOAPAction": '""',
                },
                allow_redirects=False,
            ) as response,
        ):
            if response.status == 401:
                raise DsmlError(f"the office does not accept service user {provider.user!r}")
            if response.status not in (200, 500):  # SOAP 1.1 faults come with 500
                raise DsmlError(f"HTTP status {response.status}")
            parts: list[bytes] = []
            size = 0
            async for part in response.content.iter_chunked(65536):
                size += len(part)
                if size > MAX_ANSWER:
                    raise DsmlError(f"answer longer than {MAX_ANSWER} bytes")
                parts.append(part)
            return b"".join(parts)

    def _report_failure(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        kept = f"; serving {len(self.accounts)} users from before" if len(self.accounts) else ""
        log.warning("%s: %s", self.component, text)
        self._status.report(self.component, "Unavailable", text + kept)
