"""Stage 1, the shield: what is not even looked at.

A source (an address; behind it may be a whole site) has credit. A request from a phone that is not
registered costs one, a refused or unreadable one another, a registration that succeeds gives back.
A source without credit is not answered until time has given it some; phones registered from there
go on.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.exchange import Verdict

if TYPE_CHECKING:
    from farline.border.exchange import Exchange

SCANNERS = ("friendly-scanner", "sipvicious", "sipcli", "vaxsipuseragent", "sip-scan", "sundayddr")
"""Names that scanners give themselves in User-Agent. An answer tells them that we are here."""


@dataclass(frozen=True, slots=True)
class ShieldLimits:
    """Sizes in bytes, credit in requests."""

    max_message: int = 32_768
    """Several times the largest message of a phone."""

    credit: float = 1000.0
    """What a source may owe: a site whose phones all come back after a power cut."""

    credit_per_second: float = 20.0
    max_sources: int = 10_000


class Sources:
    """The credit of each source; bounded, the longest unseen is forgotten first."""

    def __init__(self, limits: ShieldLimits) -> None:
        self._limits = limits
        self._table: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def credit(self, host: str, now: float) -> float:
        """What a source has left."""
        known = self._table.get(host)
        if known is None:
            return self._limits.credit
        left, at = known
        return min(self._limits.credit, left + (now - at) * self._limits.credit_per_second)

    def charge(self, host: str, cost: float, now: float) -> None:
        """Take credit (or give it back: a negative cost)."""
        left = min(self._limits.credit, self.credit(host, now) - cost)
        self._table[host] = (max(left, -1.0), now)
        self._table.move_to_end(host)
        if len(self._table) > self._limits.max_sources:
            self._table.popitem(last=False)


def decide(limits: ShieldLimits, exchange: Exchange, size: int, credit: float) -> Verdict[bool]:
    """Whether a message from outside is looked at. `credit` is infinite for registered phones."""
    if size > limits.max_message:
        return Verdict(False, f"{size} bytes; at most {limits.max_message} are read")
    if credit < 1.0:
        return Verdict(False, f"{exchange.flow.remote.host} has used up its credit")
    agent = exchange.message.get("User-Agent")
    if agent is not None:
        lowered = agent.lower()
        for name in SCANNERS:
            if name in lowered:
                return Verdict(False, f"User-Agent names the scanner {name}")
    return Verdict(True, "within limits")
