"""Locating SIP servers (RFC 3263): from a name to transports and addresses, best first.

Generators that yield each `Question` and are sent its `Found`; the asking is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from farline.sip.dns import MAX_RECORDS, Found, Naptr, Question, Srv
from farline.sip.routing import is_numeric
from farline.sip.transport import Address, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

MAX_TARGETS = 16
"""Hosts of SRV records that are resolved for one name."""

MAX_PLACES = 32
"""Addresses that one name may lead to."""

SERVICES = {
    "SIPS+D2T": Transport.TLS,
    "SIP+D2T": Transport.TCP,
    "SIP+D2U": Transport.UDP,
}
"""NAPTR services (RFC 3263 section 4.1) and the transports that they stand for."""

PREFIXES = {
    Transport.TLS: "_sips._tcp",
    Transport.TCP: "_sip._tcp",
    Transport.UDP: "_sip._udp",
}
"""Labels of SRV records by transport."""

PREFERRED = (Transport.TLS, Transport.TCP, Transport.UDP)
"""The order in which transports are tried where the DNS does not say."""


class Place(NamedTuple):
    """Where a name led."""

    transport: Transport
    address: Address
    name: str
    """The name that was asked for: what a TLS certificate must bear (RFC 5922 section 4)."""


@dataclass(frozen=True, slots=True)
class Located:
    """Every place, best first, and how it was found."""

    places: tuple[Place, ...]
    because: str
    complete: bool = True
    """No look-up has failed, and no address was left out for there being too many."""


class Locator:
    """One search. `chance(n)` gives a number below n, for SRV weights."""

    def __init__(
        self,
        host: str,
        port: int | None,
        transports: Sequence[Transport],
        chance: Callable[[int], int],
    ) -> None:
        """`transports`: those that may be used, preferred first."""
        self.host = host
        self.port = port
        self.transports = tuple(transports)
        self._chance = chance
        self._said: list[str] = []
        self._places: list[Place] = []
        self._complete = True
        self._denied: set[Transport] = set()
        """Transports that the domain says it does not have."""

    def run(self, *, naptr: bool, srv: bool) -> Generator[Question, Found, Located]:
        """The whole search: NAPTR, then SRV, then addresses, as far as asked for."""
        if is_numeric(self.host):
            port = self.port
            for transport in self.transports[:1]:
                address = Address(self.host, port or transport.default_port)
                self._places.append(Place(transport, address, ""))
            return self._located()
        services: list[tuple[Transport, str]] = []
        if self.port is None and naptr:
            services = yield from self._services()
        if self.port is None and not services and (srv or naptr):
            services = [(one, f"{PREFIXES[one]}.{self.host}") for one in self.transports]
        for transport, name in services:
            yield from self._service(transport, name)
        if not self._places:
            for transport in [one for one in self.transports if one not in self._denied][:1]:
                port = self.port or transport.default_port
                yield from self._addresses(transport, self.host, port)
        return self._located()

    def _located(self) -> Located:
        return Located(tuple(self._places), "; ".join(self._said), self._complete)

    def _services(self) -> Generator[Question, Found, list[tuple[Transport, str]]]:
        """Names of SRV records by NAPTR; records of the lowest order that we can use."""
        records = yield from self._ask(Question(self.host, "NAPTR"))
        usable: list[tuple[Naptr, Transport]] = []
        for record in records:
            if isinstance(record, Naptr) and record.flags.lower() == "s" and record.replacement:
                transport = SERVICES.get(record.service.upper())
                if transport in self.transports and transport is not None:
                    usable.append((record, transport))
        if not usable:
            return []
        lowest = min(record.order for record, _ in usable)
        best = sorted(
            (pair for pair in usable if pair[0].order == lowest), key=lambda p: p[0].preference
        )
        chosen = ", ".join(f"{record.service} {record.replacement}" for record, _ in best)
        self._said.append(f"NAPTR chooses {chosen}")
        return [(transport, record.replacement) for record, transport in best]

    def _service(self, transport: Transport, name: str) -> Generator[Question, Found, None]:
        """The targets of an SRV name, in the order of RFC 2782."""
        records = yield from self._ask(Question(name, "SRV"))
        targets = [one for one in records if isinstance(one, Srv) and one.target]
        if records and not targets:  # a target of "." (RFC 2782)
            self._denied.add(transport)
            self._said.append(f"{name}: the domain does not have that")
        self._complete = self._complete and len(targets) <= MAX_TARGETS
        for record in self._drawn(targets)[:MAX_TARGETS]:
            yield from self._addresses(transport, record.target, record.port)

    def _drawn(self, records: list[Srv]) -> list[Srv]:
        """By priority; within one, each with the chance that its weight gives it."""
        order: list[Srv] = []
        for priority in sorted({record.priority for record in records}):
            # Weight 0 first: it is drawn only when the ball is 0.
            left = sorted((r for r in records if r.priority == priority), key=lambda r: r.weight)
            while left:
                ball = self._chance(sum(record.weight for record in left) + 1)
                at = 0
                while ball > left[at].weight:
                    ball -= left[at].weight
                    at += 1
                order.append(left.pop(at))
        return order

    def _addresses(
        self, transport: Transport, host: str, port: int
    ) -> Generator[Question, Found, None]:
        if is_numeric(host):
            self._add(transport, [host], port)
            return
        for kind in ("A", "AAAA"):
            records = yield from self._ask(Question(host, "A" if kind == "A" else "AAAA"))
            self._add(transport, (one for one in records if isinstance(one, str)), port)

    def _add(self, transport: Transport, hosts: Iterable[str], port: int) -> None:
        for host in hosts:
            place = Place(transport, Address(host, port), self.host)
            if place in self._places:
                continue
            if len(self._places) < MAX_PLACES:
                self._places.append(place)
            else:
                self._complete = False

    def _ask(self, question: Question) -> Generator[Question, Found, list[object]]:
        found = yield question
        self._complete = self._complete and not found.failed
        if found.error:
            self._said.append(f"{question}: {found.error}")
        elif found.stale:
            self._said.append(f"{question}: as it was, no server answers now")
        return list(found.records[:MAX_RECORDS])
