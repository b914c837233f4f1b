"""Bans: who is not heard for a while, and why.

A ban hits a device, one address and port: behind the address there may be an office. Only when many
devices of an address were banned, and no phone is registered from there, the address itself is.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.sip import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.config import Shield

MAX_DEVICES = 20_000
MAX_BANS = 20_000
FORGIVEN_SECONDS = 30.0
"""One offence is forgotten in this time."""

LONGEST_BAN = 86_400.0


@dataclass(frozen=True, slots=True)
class Banned:
    """Input: somebody bans a device (with `port`) or an address by hand, for `seconds`."""

    host: str
    port: int | None
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Lifted:
    """Input: the bans of a device, or of an address and all its devices, end."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Ban:
    """One ban. Times are monotonic seconds."""

    host: str
    port: int | None
    """None: the whole address."""
    since: float
    until: float
    why: str
    times: int
    """How often it was banned, this one included."""

    @property
    def who(self) -> str:
        """The device or address, as text."""
        return self.host if self.port is None else str(Address(self.host, self.port))


class Bans:
    """Offences of devices and the bans that follow; bounded, the oldest are forgotten first."""

    def __init__(self, form: Shield, has_phones: Callable[[str], bool]) -> None:
        """`has_phones`: whether a phone is registered from an address."""
        self._form = form
        self._has_phones = has_phones
        self._offences: OrderedDict[Address, tuple[float, float]] = OrderedDict()
        self._bans: OrderedDict[tuple[str, int | None], Ban] = OrderedDict()
        self._ports: dict[str, set[int | None]] = {}
        """What of each address is banned: a ban must not cost a look at all the others."""

    def __len__(self) -> int:
        return len(self._bans)

    def inherit(self, past: Bans) -> None:
        """Take over the bans that there were under another configuration."""
        self._bans, self._ports, self._offences = past._bans, past._ports, past._offences

    def offence(self, who: Address, points: float, why: str, now: float) -> Ban | None:
        """Note what a device did; the ban when it is one too many."""
        if not self._form.ban_after:
            return None
        before, at = self._offences.pop(who, (0.0, now))
        total = max(0.0, before - (now - at) / FORGIVEN_SECONDS) + points
        if total < self._form.ban_after:
            self._offences[who] = (total, now)
            if len(self._offences) > MAX_DEVICES:
                self._offences.popitem(last=False)
            return None
        ban = self.add(who.host, who.port, self._form.ban_seconds, why, now)
        return self._whole_address(who.host, why, now) or ban

    def add(self, host: str, port: int | None, seconds: float, why: str, now: float) -> Ban:
        """Ban somebody; each time again it lasts twice as long."""
        before = self._bans.pop((host, port), None)
        times = before.times + 1 if before is not None else 1
        lasting = min(seconds * 2.0 ** min(times - 1, 20), max(LONGEST_BAN, seconds))
        ban = self._bans[host, port] = Ban(host, port, now, now + lasting, why, times)
        self._ports.setdefault(host, set()).add(port)
        if len(self._bans) > MAX_BANS:
            self._forget(next(iter(self._bans)))
        return ban

    def of(self, who: Address, now: float) -> Ban | None:
        """The ban that keeps a device out."""
        if not self._bans:
            return None
        for key in ((who.host, who.port), (who.host, None)):
            ban = self._bans.get(key)
            if ban is not None and ban.until > now:
                return ban
        return None

    def lift(self, host: str, port: int | None) -> int:
        """End the bans of a device, or without a port of all at an address; how many there were."""
        ports = [one for one in self._ports.get(host, ()) if port in (None, one)]
        for one in ports:
            self._forget((host, one))
        known = [one for one in self._offences if one.host == host and port in (None, one.port)]
        for device in known:
            del self._offences[device]
        return len(ports)

    def running(self, now: float) -> list[Ban]:
        """The bans that last, the newest first."""
        return [ban for ban in reversed(self._bans.values()) if ban.until > now]

    def _whole_address(self, host: str, last: str, now: float) -> Ban | None:
        bans = (self._bans[host, port] for port in self._ports[host] if port is not None)
        devices = sum(ban.until > now for ban in bans)
        if devices < self._form.ban_address_after or self._has_phones(host):
            return None
        why = f"{devices} devices of it are banned, the last: {last}"
        return self.add(host, None, self._form.ban_seconds, why, now)

    def _forget(self, key: tuple[str, int | None]) -> None:
        del self._bans[key]
        host, port = key
        self._ports[host].discard(port)
        if not self._ports[host]:
            del self._ports[host]
