"""Safe change of a running deployment: checked whole, taken over live, kept, and undone.

The supervisor owns this. A text becomes a version before it is tried; the deployment file is
written when it runs, so that the next start goes by it. What the border can take over under way it
does, without touching calls; what needs a role to start again is done only when that was asked
for. A version that has to be confirmed goes back by itself, also when `farline run` was started
again meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from farline.config import ConfigError
from farline.config.diff import LIVE, NOTHING, diff
from farline.runtime import clock
from farline.runtime.control import ControlError, ControlServer
from farline.runtime.role import roles_of
from farline.store.versions import Pending
from farline.store.whole_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farline.config import Deployment
    from farline.config.diff import Change
    from farline.runtime.fleet import Fleet
    from farline.store.versions import Version, Versions

log = logging.getLogger(__name__)

SYSTEM = "farline"
"""Author of what happens by itself."""

LONGEST_CONFIRM = 24 * 3600.0
"""Seconds that a version may wait to be confirmed."""


class ChangeError(RuntimeError):
    """A change that is not made; the text says why and what to do."""


class Changes:
    """Versions of one deployment file, and the way from one to another."""

    def __init__(
        self,
        versions: Versions,
        file: Path,
        load: Callable[[str], Deployment],
        fleet: Fleet,
        notice: Callable[[str], None] = log.info,
    ) -> None:
        """`load` checks a text as the start does and raises ConfigError."""
        self.versions = versions
        self.file = file
        self.fleet = fleet
        self._load = load
        self._notice = notice
        self._busy = asyncio.Lock()
        self._changed = asyncio.Event()

    # ---- at the start ----

    def before_start(self) -> None:
        """Put back a version whose time to be confirmed ran out while nothing ran."""
        pending = self.versions.pending()
        if pending is not None and clock.wall() >= pending.until:
            replace_file(self.file, self.versions.text(pending.back_to).encode())
            self.versions.run(pending.back_to)
            self._notice(f"version {pending.number} was not confirmed: back to {pending.back_to}")

    def begin(self) -> None:
        """Note the file's text, which was checked, as what runs from now on."""
        text = self.file.read_bytes().decode()
        running = self.versions.running()
        if running is not None and self.versions.text(running.number) == text:
            return
        version = self.versions.add(text, SYSTEM, f"read at the start: {self.file}", clock.wall())
        self.versions.run(version.number)

    async def serve(self, socket: Path) -> None:
        """Take commands on a control socket, and look after what waits; until cancelled."""
        server = ControlServer(
            socket,
            {
                "status": lambda: {"role": socket.stem, "ready": True},
                "apply": self.apply,
                "rollback": self.rollback,
                "confirm": self.confirm,
                "versions": self.history,
                "text": self.text,
            },
        )
        await server.start()
        try:
            await self.watch()
        finally:
            await server.stop()

    async def watch(self) -> None:
        """Take back what is not confirmed in time; until cancelled."""
        while True:
            self._changed.clear()
            pending = self.versions.pending()
            if pending is None:
                await self._changed.wait()
                continue
            try:
                left = max(0.0, pending.until - clock.wall())
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                await self._expire(pending)

    async def _expire(self, pending: Pending) -> None:
        async with self._busy:
            if self.versions.pending() != pending:
                return  # somebody confirmed it, or went back, at the last moment
            self._notice(f"version {pending.number} was not confirmed in time: going back")
            why = f"as version {pending.back_to}: version {pending.number} was not confirmed"
            try:
                text = self.versions.text(pending.back_to)
                await self._bring(text, SYSTEM, why, None, restart=True)
            except (ConfigError, LookupError, OSError, RuntimeError) as error:
                # Saying so once and staying is better than trying for ever.
                self._notice(f"version {pending.number} stays, it cannot go back: {error}")
                self.versions.confirm()

    # ---- commands ----

    async def apply(
        self,
        text: str,
        *,
        author: str,
        reason: str,
        confirm_within: float | None = None,
        restart: bool = False,
        dry_run: bool = False,
        on: int | None = None,
    ) -> dict[str, Any]:
        """Bring a text to run, if `on` only in the place of that version.

        Raises ConfigError for a bad one, ChangeError for what cannot be.
        """
        if confirm_within is not None and not 1 <= confirm_within <= LONGEST_CONFIRM:
            raise ChangeError(f"confirm within 1 s to {LONGEST_CONFIRM:.0f} s")
        async with self._busy:
            runs, waiting = self._running().number, self.versions.pending()
            if on not in (None, runs):
                raise ChangeError(
                    f"version {runs} runs, not {on}: somebody was quicker; look at "
                    f"farline versions --show {runs}"
                )
            if waiting is not None and not dry_run:
                raise ChangeError(
                    f"version {waiting.number} waits to be confirmed: farline confirm, or "
                    f"farline rollback {waiting.back_to}"
                )
            return await self._bring(text, author, reason, confirm_within, restart, dry_run)

    async def rollback(
        self, number: int | None, author: str, reason: str = "", *, restart: bool = False
    ) -> dict[str, Any]:
        """Bring an old version's text to run again, as a new version. None: the one before."""
        async with self._busy:
            pending = self.versions.pending()
            if number is None:
                number = pending.back_to if pending is not None else self._one_before()
            text = self.versions.text(number)
            why = reason or "rolled back"
            return await self._bring(text, author, f"as version {number}: {why}", None, restart)

    def confirm(self) -> dict[str, Any]:
        """Let the running version stay."""
        pending = self.versions.confirm()
        if pending is None:
            raise ChangeError("no version waits to be confirmed")
        self._changed.set()
        return {"version": pending.number}

    def history(self, limit: int = 20) -> dict[str, Any]:
        """The latest versions, newest first, and what waits to be confirmed."""
        pending = self.versions.pending()
        return {
            "versions": [asdict(version) for version in self.versions.latest(min(limit, 1000))],
            "pending": None if pending is None else asdict(pending),
        }

    def text(self, number: int) -> str:
        """A version's text."""
        return self.versions.text(number)

    # ---- how ----

    async def _bring(
        self,
        text: str,
        author: str,
        reason: str,
        confirm_within: float | None,
        restart: bool,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        running = self._running()
        old = self._load(self.versions.text(running.number))
        new = self._load(text)
        changes = diff(old, new)
        roles = self._roles_to_restart(old, new, changes)
        told = {
            "was": running.number,
            "changes": [{**asdict(one), "text": str(one), "by": list(one.by)} for one in changes],
            "restart": roles,
        }
        if dry_run:
            return {"version": None, **told}
        if roles and not restart:
            concerned = (one for one in changes if not set(roles).isdisjoint(one.by))
            raise ChangeError(
                f"these changes need {', '.join(roles)} to start again; with --restart they do: "
                + "; ".join(f"{one.place} ({', '.join(one.by)})" for one in concerned)
            )
        version = self.versions.add(text, author, reason, clock.wall())
        if confirm_within is not None:
            # Known before the file is written: who dies in between goes back in time all the same.
            self._run(version, running, confirm_within)
        await self._take(version, text, running, changes, roles)
        until = self._run(version, running, confirm_within)
        self._changed.set()
        self._notice(f"version {version.number} runs ({author}: {reason})")
        return {"version": version.number, "confirm_until": until, **told}

    def _run(self, version: Version, before: Version, confirm_within: float | None) -> float | None:
        """Note that a version runs; until when it has to be confirmed."""
        until = None if confirm_within is None else clock.wall() + confirm_within
        pending = None if until is None else Pending(version.number, before.number, until)
        self.versions.run(version.number, pending)
        return until

    async def _take(
        self,
        version: Version,
        text: str,
        running: Version,
        changes: Sequence[Change],
        roles: Sequence[str],
    ) -> None:
        """Write the file and let the roles go by it; all goes back when one of them does not."""
        live = any(LIVE in one.by for one in changes) and "border" not in roles
        done: list[str] = []
        try:
            replace_file(self.file, text.encode())
            if live:
                await self.fleet.take_over("border")
            for role in roles:
                done.append(role)
                await self.fleet.restart(role)
        except (ControlError, OSError) as error:
            self.versions.run(running.number)
            self.versions.refuse(version.number)
            replace_file(self.file, self.versions.text(running.number).encode())
            if live:
                await self.fleet.take_over("border")
            for role in done:
                await self.fleet.restart(role)
            raise ChangeError(f"version {running.number} runs on: {error}") from error

    def _roles_to_restart(
        self, old: Deployment, new: Deployment, changes: Sequence[Change]
    ) -> list[str]:
        """In the order of starting. Raises ChangeError where roles come or go."""
        if roles_of(old) != roles_of(new):
            raise ChangeError(
                f"roles come or go ({', '.join(sorted(set(roles_of(old)) ^ set(roles_of(new))))}): "
                "stop farline run and start it with the new file"
            )
        needed = {role for one in changes for role in one.by} - {LIVE, NOTHING}
        return [role for role in self.fleet.roles() if role in needed]

    def _running(self) -> Version:
        running = self.versions.running()
        if running is None:
            raise ChangeError("no version runs yet")
        return running

    def _one_before(self) -> int:
        """The newest version that ran before the running one and has another text."""
        running = self._running()
        for version in self.versions.latest(1000):
            older = version.number < running.number and version.state != "refused"
            if older and version.sha256 != running.sha256:
                return version.number
        raise ChangeError("there is no version to go back to")
