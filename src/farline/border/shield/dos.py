"""DoS protection of servers: how many requests a second the border lets through to each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Verdict

if TYPE_CHECKING:
    from farline.config import ServerProfile


class Guards:
    """A bucket of credit a server, refilled by Requests Per Second, as large as Burst."""

    def __init__(self) -> None:
        self._credit: dict[str, tuple[float, float]] = {}

    def decide(self, server: ServerProfile, now: float) -> Verdict[bool]:
        """Whether one more request may go to the server now; it is counted if so."""
        if not server.advanced.dos_protection:
            return Verdict(True, "")
        limits = server.dos
        credit, at = self._credit.get(server.name, (float(limits.burst), now))
        credit = min(float(limits.burst), credit + (now - at) * limits.requests_per_second)
        passed = credit >= 1.0
        self._credit[server.name] = (credit - 1.0 if passed else credit, now)
        because = f"{limits.requests_per_second} requests a second, {limits.burst} at once"
        return Verdict(passed, because, f"{limits.form}: {server.name}")
