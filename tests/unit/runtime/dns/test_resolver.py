"""The resolver against a real name server, and its cache in virtual time."""

import asyncio

import pytest

from farline.runtime.dns import resolver as module
from farline.runtime.dns.cache import DnsCache
from farline.runtime.dns.resolver import Resolver
from farline.sip.dns import Found, Naptr, Question, Srv
from farline.sip.transport import Address
from farline.testing.names import TestNameServer

ZONE = r"""
sip.test. 60 IN A 192.0.2.1
sip.test. 60 IN A 192.0.2.2
v6.test. 60 IN AAAA 2001:db8::1
_sip._udp.sip.test. 60 IN SRV 10 5 5060 sip.test.
sip.test. 60 IN NAPTR 50 10 "s" "SIP+D2U" "" _sip._udp.sip.test.
1.test. 60 IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:a@b!" .
"""
A = Question("sip.test", "A")


@pytest.fixture
async def server():
    async with TestNameServer(ZONE) as found:
        yield found


@pytest.fixture
def ask(server):
    resolver = Resolver([server.address])
    return resolver.ask


async def test_other_servers_are_asked_and_the_former_ones_forgotten(server):
    async with TestNameServer("sip.test. 60 IN A 192.0.2.9") as other:
        resolver = Resolver([server.address])
        assert len((await resolver.ask(A)).records) == 2
        resolver.change([server.address])
        await resolver.ask(A)
        assert resolver.asked == 1
        resolver.change([other.address])
        assert (await resolver.ask(A)).records == ("192.0.2.9",)
        assert resolver.show()["servers"] == str(other.address)


async def test_record_types(ask):
    assert set((await ask(A)).records) == {"192.0.2.1", "192.0.2.2"}
    assert (await ask(Question("v6.test", "AAAA"))).records == ("2001:db8::1",)
    assert (await ask(Question("_sip._udp.sip.test", "SRV"))).records == (
        Srv(10, 5, 5060, "sip.test"),
    )
    assert (await ask(Question("sip.test", "NAPTR"))).records == (
        Naptr(50, 10, "s", "SIP+D2U", "", "_sip._udp.sip.test"),
    )
    assert (await ask(Question("1.test", "NAPTR"))).records == (
        Naptr(100, 10, "u", "E2U+sip", "!^.*$!sip:a@b!", ""),
    )


async def test_answers_and_absent_names_are_kept(server, ask):
    for _ in range(3):
        assert (await ask(A)).records
        assert (await ask(Question("no.test", "A"))).error == "does not exist"
        assert (await ask(Question("v6.test", "A"))).error == "has no A record"
    assert len(server.asked) == 3


async def test_the_same_question_goes_out_once(server, ask):
    await asyncio.gather(*(ask(A) for _ in range(10)))
    assert server.asked == ["sip.test A"]


async def test_old_answers_stand_in_for_silent_servers(server, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.clock, "monotonic", lambda: now)
    monkeypatch.setattr(module, "LIFETIME_SECONDS", 0.2)
    monkeypatch.setattr(module, "TRY_SECONDS", 0.1)
    resolver = Resolver([server.address])
    assert not (await resolver.ask(A)).stale
    server.silent = True
    now += 61
    found = await resolver.ask(A)
    assert found.stale
    assert set(found.records) == {"192.0.2.1", "192.0.2.2"}
    unknown = await resolver.ask(Question("v6.test", "AAAA"))
    assert str(server.address) in unknown.error
    server.silent = False
    now += 6
    assert not (await resolver.ask(A)).stale


async def test_only_the_first_to_ask_waits_for_silent_servers(server, monkeypatch):
    """Each question of a search (NAPTR, SRV, A, AAAA) would take its time else, again and again."""
    now = 1000.0
    monkeypatch.setattr(module.clock, "monotonic", lambda: now)
    resolver, absent = Resolver([server.address]), Question("v6.test", "A")
    for question in (A, absent):
        assert not (await resolver.ask(question)).stale
    server.silent = True
    resolver._resolver.lifetime = resolver._resolver.timeout = 0.1
    now += 301
    for question in (A, absent):
        assert (await resolver.ask(question)).stale
    assert (await resolver.ask(absent)).error == "has no A record"
    now += 6
    resolver._resolver.lifetime = resolver._resolver.timeout = 100.0
    async with asyncio.timeout(20):
        assert (await resolver.ask(A)).stale
        assert (await resolver.ask(absent)).stale


async def test_nobody_there():
    resolver = Resolver([Address("127.0.0.1", 9)])
    assert (await resolver.ask(A)).error


async def test_what_is_no_name(ask):
    assert (await ask(Question("a" * 70 + ".test", "A"))).error


def test_cache_bounds():
    cache = DnsCache()
    for number in range(10_050):
        cache.put(Question(f"n{number}", "A"), Found(("192.0.2.1",)), 60, 0.0)
    assert len(cache) == 10_000
    assert cache.get(Question("n0", "A"), 1.0) is None
    assert cache.get(Question("n10049", "A"), 59.0) is not None
    assert cache.get(Question("n10049", "A"), 60.0) is None
    cache.put(A, Found((), "does not exist"), 86_400, 0.0)
    assert cache.get(A, 299.0) is not None
    assert cache.get(A, 301.0) is None
