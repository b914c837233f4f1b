"""The DNS for cores: dnspython's asynchronous resolver behind a cache.

It never raises and always answers within `LIFETIME_SECONDS`. Questions that are under way are not
asked twice.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from farline.runtime import clock
from farline.runtime.dns.cache import DnsCache
from farline.sip.dns import MAX_RECORDS, Found, Naptr, Question, Srv

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dns.rdata import Rdata

    from farline.sip.dns import Record
    from farline.sip.transport import Address

LIFETIME_SECONDS = 3.0
"""For one question, all servers and tries together."""

TRY_SECONDS = 1.0
STAND_IN_SECONDS = 0.2
"""How long servers that were silent a moment ago may take before an old answer stands in."""
MAX_UNDER_WAY = 1000
NEGATIVE_TTL = 30.0
"""For an absent name whose zone says nothing."""


class Resolver:
    """Looks names up at given servers, or at the system's where none is given."""

    def __init__(self, servers: Sequence[Address] = ()) -> None:
        self._under_way: dict[Question, asyncio.Task[Found]] = {}
        self.asked = 0
        """Questions that went to a server."""

        self._use(servers)

    def change(self, servers: Sequence[Address]) -> None:
        """Ask other servers from now on; what the former ones said is forgotten."""
        if tuple(servers) != self._given:
            self._use(servers)

    def _use(self, servers: Sequence[Address]) -> None:
        self._given = tuple(servers)
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(server.host, server.port) for server in servers
            ]
        self._resolver.timeout = TRY_SECONDS
        self._resolver.lifetime = LIFETIME_SECONDS
        self._servers = ", ".join(map(str, servers)) or "the system's name servers"
        self._system = not servers
        self.cache = DnsCache()

    async def ask(self, question: Question) -> Found:
        """The records of a question; from the cache while they hold.

        While no server answers, only the first to ask waits for long: from then on what stands in
        for the answer is soon given, and the servers are asked meanwhile (RFC 8767 section 5).
        """
        now = clock.monotonic()
        known = self.cache.get(question, now)
        if known is not None:
            return known
        known = self.cache.standing_in(question, now)
        task = self._under_way.get(question)
        if task is None:
            if len(self._under_way) >= MAX_UNDER_WAY:
                return Found(error=f"{MAX_UNDER_WAY} look-ups are under way", failed=True)
            task = self._under_way[question] = asyncio.ensure_future(self._ask(question))
            task.add_done_callback(lambda _: self._under_way.pop(question, None))
        if known is not None:
            done, _ = await asyncio.wait({task}, timeout=STAND_IN_SECONDS)
            return task.result() if done else known
        return await asyncio.shield(task)

    def show(self) -> dict[str, object]:
        """Figures for people."""
        return {"servers": self._servers, "cached": len(self.cache), "asked": self.asked}

    async def _ask(self, question: Question) -> Found:
        self.asked += 1
        try:
            name = dns.name.from_text(question.name)
            answer = await self._resolver.resolve(
                name, question.kind, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN as error:
            if (listed := await self._listed(question)) is not None:
                return listed
            return self._keep(question, Found(error="does not exist"), _negative_ttl(error))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            if (listed := await self._listed(question)) is not None:
                return listed
            failure = Found(error=f"{self._servers}: {_in_words(error)}", failed=True)
            return self.cache.failed(question, failure, clock.monotonic())
        records = tuple(_record(one) for one in _first(answer.rrset or ()))
        found = Found(records, "" if records else f"has no {question.kind} record")
        return self._keep(question, found, float(answer.chaining_result.minimum_ttl))

    def _keep(self, question: Question, found: Found, ttl: float) -> Found:
        self.cache.put(question, found, ttl, clock.monotonic())
        return found

    async def _listed(self, question: Question) -> Found | None:
        """An address that only the system knows (/etc/hosts), where its resolver is used."""
        if not self._system or question.kind not in ("A", "AAAA"):
            return None
        family = socket.AF_INET if question.kind == "A" else socket.AF_INET6
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.getaddrinfo(question.name, None, family=family,
                                          type=socket.SOCK_STREAM)  # fmt: skip
        except OSError:
            return None
        return self._keep(question, Found(tuple(str(row[4][0]) for row in rows)), NEGATIVE_TTL)


def _first(records: Iterable[Rdata]) -> list[Rdata]:
    return list(records)[:MAX_RECORDS]


def _record(data: Any) -> Record:  # noqa: ANN401 - dnspython makes its record classes by type
    """One of our records from one of dnspython's."""
    if data.rdtype == dns.rdatatype.SRV:
        target = data.target.to_text(omit_final_dot=True)
        target = "" if target in (".", "@") else target
        return Srv(data.priority, data.weight, data.port, target)
    if data.rdtype == dns.rdatatype.NAPTR:
        replacement = data.replacement.to_text(omit_final_dot=True)
        texts = (data.flags, data.service, data.regexp)
        flags, service, regexp = (text.decode("utf-8", "replace") for text in texts)
        replacement = "" if replacement in (".", "@") else replacement
        return Naptr(data.order, data.preference, flags, service, regexp, replacement)
    return str(data.address)


def _negative_ttl(error: dns.resolver.NXDOMAIN) -> float:
    """RFC 2308 section 5: the lesser of the SOA's TTL and its minimum."""
    responses: dict[Any, Any] = error.kwargs.get("responses", {})
    for response in responses.values():
        for rrset in response.authority:
            if rrset.rdtype == dns.rdatatype.SOA:
                return float(min(rrset.ttl, rrset[0].minimum))
    return NEGATIVE_TTL


def _in_words(error: Exception) -> str:
    if isinstance(error, dns.resolver.LifetimeTimeout):
        return f"no answer in {LIFETIME_SECONDS:.0f} s"
    if isinstance(error, dns.resolver.NoNameservers):
        return "refused or failed"
    return str(error) or type(error).__name__
