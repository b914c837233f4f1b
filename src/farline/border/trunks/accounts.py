"""The border's own registrations with servers (Server Configuration > Registration; RFC 3261 10.2).

One a server (priority: the first address that answers) or one an address (all). A registration goes
on with the same Call-ID after a restart, and ends when the form says so. A server that refuses is
asked again later and later, over restarts too, until the form is another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.routing.heartbeat import places_of
from farline.border.steps import Operation
from farline.border.survival import records
from farline.border.survival.records import ACCOUNT, VERSION, AccountRecord
from farline.border.trunks.enrolling import Enrolment
from farline.config.server import Registration

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.steps import Steps
    from farline.config import ServerProfile
    from farline.config.server import ServerAddress
    from farline.sip.schedule import Alarm

FIRST_RETRY, LAST_RETRY = 15.0, 600.0
"""Seconds until a failed registration is tried again; doubled each time."""

SPREAD = 0.2
"""Of those seconds: many registrations are not tried again at the same moment."""

LEASE = 1.5
"""Lease that is asked for, in frequencies."""


class Accounts:
    """Every registration of the border's own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._accounts: dict[str, Account] = {}
        self._restored: dict[str, AccountRecord] = {}

    def restore(self, key: str, record: AccountRecord) -> None:
        """A registration of the process before this one, which `start` goes on with."""
        self._restored[key] = record

    def start(self) -> None:
        """Begin what the configuration wants and has not begun, and end what it does not."""
        wanted = dict(self._wanted())
        for key, account in list(self._accounts.items()):
            if key not in wanted or not account.is_for(wanted[key]):
                self._accounts.pop(key).leave()
        for key, (server, entries) in wanted.items():
            if key not in self._accounts:
                account = Account(self._context, key, server, entries)
                self._accounts[key] = account
                account.begin(self._restored.pop(key, None))
        for key in self._restored:
            self._context.keeper.keep(ACCOUNT, key, None)
        self._restored.clear()

    def show(self, now: float) -> list[dict[str, object]]:
        """Each registration and how it stands."""
        return [account.show(now) for account in self._accounts.values()]

    def _wanted(self) -> Generator[tuple[str, tuple[ServerProfile, tuple[ServerAddress, ...]]]]:
        for server in self._context.plan.border.server_profiles:
            if not server.registration.enabled:
                continue
            if server.registration.register_with == "priority":
                yield server.name, (server, server.addresses)
            else:
                for entry in server.addresses:
                    key = f"{server.name} {entry.address}:{entry.port} {entry.transport}"
                    yield key, (server, (entry,))


class Account:
    """One registration, and the operation that keeps it."""

    def __init__(
        self,
        context: Context,
        key: str,
        server: ServerProfile,
        entries: tuple[ServerAddress, ...],
    ) -> None:
        self._context, self._key = context, key
        self._server, self._entries = server, entries
        self._wire = Enrolment(context, server, entries, f"account-{context.ids.token()}")
        self._state, self._why = "begins", ""
        self._place: Candidate | None = None
        self._address = ""
        self._until = 0.0
        self._refresh_at = 0.0
        self._retry = FIRST_RETRY
        self._alarm: Alarm | None = None
        self._left = False

    def is_for(self, wanted: tuple[ServerProfile, tuple[ServerAddress, ...]]) -> bool:
        """Whether the configuration still wants it just so."""
        server, entries = wanted
        mine = self._server
        return (mine.registration, mine.authentication, mine.sip_domain, self._entries) == (
            server.registration, server.authentication, server.sip_domain, entries,
        )  # fmt: skip

    def begin(self, record: AccountRecord | None) -> None:
        """Register, or go on with the registration of the process before this one."""
        at = self._context.now
        if record is not None and record.aor == self._wire.aor(None):
            self._wire.call_id, self._wire.cseq = record.call_id, record.cseq
            at = self._go_on(record)
        self._wake(at)

    def _go_on(self, record: AccountRecord) -> float:
        """Take what is known from before; when to register."""
        context = self._context
        past = context.wall(context.now) - context.now
        at = context.now
        if record.until - past > context.now:
            self._state, self._address = "registered", record.address
            self._until = record.until - past
            at = max(at, record.refresh_at - past)
        if record.failed and record.form == self._wire.fingerprint:
            self._state, self._why, self._retry = "failed", record.failed, record.retry
            latest = context.now + LAST_RETRY * (1 + SPREAD)
            at = min(max(at, record.refresh_at - past), latest)
        return at

    def leave(self) -> None:
        """The configuration wants it no longer: the server is told, and nothing waits for it."""
        self._left = True
        self._context.keeper.keep(ACCOUNT, self._key, None)
        if self._alarm is not None:
            self._alarm.stop()
        if self._place is not None and self._until > self._context.now:
            operation = Operation(self._wire.call_id)
            self._context.start(operation, self._wire.end(operation, self._place))

    def show(self, now: float) -> dict[str, object]:
        """How it stands, for people."""
        return {
            "server": self._server.name,
            "aor": self._wire.aor(self._place),
            "state": self._state,
            "address": self._address,
            "expires_in": round(max(0.0, self._until - now)),
            "next": round(max(0.0, self._refresh_at - now)),
            "why": self._why,
        }

    # ---- what it does ----

    def _wake(self, at: float) -> None:
        self._refresh_at = at
        self._alarm = self._context.schedule.start(at, "registration", self._fire)

    def _fire(self, _now: float) -> None:
        operation = Operation(self._wire.call_id)
        self._context.start(operation, self._round(operation))

    def _round(self, operation: Operation) -> Steps:
        """Address by address until one takes the REGISTER."""
        why = "no address"
        for entry in self._entries:
            for place in (yield from places_of(self._context, self._server, entry)):
                granted, why = yield from self._wire.register(operation, place, self._asked)
                if self._left:
                    return
                if granted:
                    self._accepted(place, granted)
                    return
                if why.startswith("403 "):  # the password is as wrong elsewhere
                    self._failed(why)
                    return
        self._failed(why)

    @property
    def _asked(self) -> int:
        return round(self._server.registration.frequency * LEASE)

    def _accepted(self, place: Candidate, granted: float) -> None:
        context = self._context
        if self._state != "registered" or self._address != str(place.remote):
            text = f"{self._wire.aor(place)} at {place} for {granted:.0f} s"
            context.decided("registration", "registered", text, Registration.form)
        self._state, self._why, self._retry = "registered", "", FIRST_RETRY
        self._place, self._address = place, str(place.remote)
        self._until = context.now + granted
        self._wake(context.now + min(self._server.registration.frequency, granted * 0.8))
        self._keep()

    def _failed(self, why: str) -> None:
        context = self._context
        self._state, self._why = "failed", why
        wait, self._retry = self._retry, min(2 * self._retry, LAST_RETRY)
        spread = wait * SPREAD * context.chance(1000) / 1000
        context.decided("registration", "failed", f"{self._key}: {why}", Registration.form)
        context.counters["registrations.own-failed"] += 1
        self._wake(context.now + wait + spread)
        self._keep()

    def _keep(self) -> None:
        context = self._context
        record = AccountRecord(
            version=VERSION,
            aor=self._wire.aor(None),
            call_id=self._wire.call_id,
            cseq=self._wire.cseq,
            address=self._address,
            until=context.wall(self._until) if self._until > context.now else 0.0,
            refresh_at=context.wall(self._refresh_at),
            failed=self._why,
            retry=self._retry,
            form=self._wire.fingerprint if self._why else "",
        )
        context.keeper.keep(ACCOUNT, self._key, records.encode(record))
