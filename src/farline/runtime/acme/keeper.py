"""Certificates by ACME: ordered when there is none, renewed at two thirds of their life.

A profile is ordered by the role whose address its Challenge IP is; the others read the files. What
fails keeps the certificate that is there, is said, and is tried again, each time later, also after
a restart. People may order at once (`renew`).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from farline.config import acme_role
from farline.runtime.acme import files
from farline.runtime.acme.files import AcmeError, account_key
from farline.runtime.acme.http import answering
from farline.runtime.acme.retry import RetryFile
from farline.runtime.aside import aside
from farline.trace.events import Note
from farline.trace.summary import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farline.config import Secret, TlsServerProfile
    from farline.config.tls import AcmeOrder
    from farline.runtime.role import RoleContext
    from farline.runtime.tls.keeper import TlsKeeper
    from farline.trace.events import Event

    Issued = tuple[bytes, bytes]

log = logging.getLogger(__name__)
FIRST_RETRY, LAST_RETRY = timedelta(minutes=1), timedelta(hours=6)
SPREAD = 1.25
"""What such a wait is stretched by at most: never at the same moment."""
LOOK_SECONDS = 3600.0
"""How often the calendar is looked at, at least: the clock of day may be set meanwhile."""


@dataclass(slots=True)
class State:
    """How it stands with one profile."""

    profile: TlsServerProfile
    form: AcmeOrder
    failures: int = 0
    failed: str = ""
    """Why the last order failed; "" when it did not."""

    not_before: datetime | None = None
    """The next try after a failure."""

    ordering: bool = False
    one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is ordered: by the calendar, or because somebody asks for it."""


class AcmeKeeper:
    """The ACME profiles that one role orders."""

    def __init__(
        self,
        context: RoleContext,
        tls: TlsKeeper,
        note: Callable[[Event], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base = context.base
        self._accounts = context.run_dir / "state" / "acme"
        self._tls = tls
        self._note = note
        self._clock = clock
        self._states = [
            State(profile, profile.acme)
            for profile in context.deployment.tls_server_profiles
            if profile.acme is not None and acme_role(context.deployment, profile) == context.role
        ]
        self._retries = {
            state.profile.name: RetryFile(self._accounts, state.profile) for state in self._states
        }
        for state in self._states:
            self._recall(state)
        self._tasks: list[asyncio.Task[None]] = []
        self._one = asyncio.Lock()
        """Profiles may share a Challenge IP: one after the other."""

    def start(self) -> None:
        """Order and renew from now on."""
        self._tasks = [asyncio.create_task(self._keep(state)) for state in self._states]

    async def stop(self) -> None:
        """Begin nothing any more; what an authority is asked just now is given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def show(self) -> list[dict[str, object]]:
        """Each profile's state: directory, names, what comes next, and why the last try failed."""
        shown = []
        for state in self._states:
            found = files.kept(state.profile, self._base)
            word = "ordering" if state.ordering else "failed" if state.failed else "waiting"
            shown.append(
                {
                    "profile": state.profile.name,
                    "directory": state.form.directory,
                    "names": list(state.form.names),
                    "state": word,
                    "certificate": "none"
                    if found is None
                    else "stand-in"
                    if found.stand_in
                    else "issued",
                    "next": self.due(state).isoformat(timespec="seconds"),
                    "failed": state.failed,
                    "failures": state.failures,
                }
            )
        return shown

    def due(self, state: State) -> datetime:
        """When a profile is ordered next; what has passed means now."""
        found = files.kept(state.profile, self._base)
        now = self._clock()
        wanted = frozenset(state.form.names)
        fits = found is not None and not found.stand_in and found.names == wanted
        due = found.due if found is not None and fits else now
        return max(due, state.not_before) if state.not_before is not None else due

    async def renew(self, profile: str = "") -> dict[str, str]:
        """Order now, whatever the calendar says, and wait for it; "": every profile.

        What came of each profile of this role: "issued", or "not issued: " and why.
        """
        told = {}
        for state in self._states:
            if profile in ("", state.profile.name):
                async with state.one:
                    await self.order(state)
                word = f"not issued: {state.failed}" if state.failed else "issued"
                told[state.profile.name] = word
        return told

    async def _keep(self, state: State) -> None:
        while True:
            wait = (self.due(state) - self._clock()).total_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, LOOK_SECONDS))
                continue
            async with state.one:
                if self.due(state) <= self._clock():  # nobody has ordered it meanwhile
                    await self.order(state)

    async def order(self, state: State) -> None:
        """Order once; what comes of it is told and shown."""
        state.ordering = True
        try:
            await self._order(state)
        finally:
            state.ordering = False

    def _recall(self, state: State) -> None:
        """What the process before this one has tried in vain."""
        kept = self._retries[state.profile.name].read()
        if kept is not None:
            latest = self._clock() + LAST_RETRY * SPREAD
            state.failures, state.failed = kept.failures, kept.failed
            state.not_before = min(kept.at, latest)

    async def _order(self, state: State) -> None:
        name, form = state.profile.name, state.form
        self._note(Note("certificate ordered", f"{name}: {form.directory}", name))
        try:
            key = account_key(self._accounts / f"{_digest(form.directory)}.key")
            proofs: dict[str, str] = {}
            async with self._one, answering(form.challenge_ip, form.challenge_port, proofs):
                chain, own = await aside(
                    partial(_order, form, key, self._base, proofs), AcmeError, OSError
                )
            files.write(state.profile, self._base, chain, own)
        except (AcmeError, OSError) as error:
            self._failed(state, str(error))
            return
        state.failures, state.failed, state.not_before = 0, "", None
        self._retries[name].forget()
        told = self._tls.reload([name])
        self._note(
            Note("certificate issued", f"{name}: {', '.join(form.names)}; {told[name]}", name)
        )

    def _failed(self, state: State, why: str) -> None:
        """Say it, and try again later: twice as long each time, never at the same moment."""
        state.failed = why
        wait = min(FIRST_RETRY * 2 ** min(state.failures, 16), LAST_RETRY)
        state.failures += 1
        state.not_before = self._clock() + wait * (
            1 + (SPREAD - 1) * secrets.randbelow(1000) / 1000
        )
        try:
            retry = self._retries[state.profile.name]
            retry.write(state.failures, why, state.not_before)
        except OSError as error:
            log.warning("ACME: a restart will not know of the failure: %s", error)
        text = f"{state.profile.name}: {why}; again at {state.not_before:%Y-%m-%d %H:%M}"
        log.warning("no certificate issued: %s", printable(text))
        self._note(Note("no certificate issued", text, state.profile.name))


def _order(form: AcmeOrder, account: Secret, base: Path, proofs: dict[str, str]) -> Issued:
    # Imported when it is needed: it takes most of a second, which no start of a role should wait.
    from farline.runtime.acme.order import order

    return order(form, account, base, proofs)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
