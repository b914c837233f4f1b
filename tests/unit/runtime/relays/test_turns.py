"""What clients of a relay say is looked at in slices, which leave time for the rest of the loop."""

import asyncio

from farline.border.relays.xmpp import XmppInspector, XmppPolicy
from farline.runtime.relays.turns import REST, SLICE, Turns
from farline.testing.clock import ManualClock
from farline.testing.relayed import IP, closed, on_uvloop, relayed

POLICY = XmppPolicy("portal.example", 65_536)
HEADER = (
    b"<stream:stream to='portal.example' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)
STANZAS = b"<a/>" * 50_000


class Loop:
    """Notes what is to be done when."""

    def __init__(self, clock):
        self._clock = clock
        self.later = []

    def call_later(self, seconds, call):
        self.later.append((self._clock.now + seconds, call))
        return object()

    def step(self):
        """Let the next one happen in its time."""
        at, call = self.later.pop(0)
        self._clock.set(at)
        call()


class Client:
    """Has so many slices, each of which takes a second."""

    def __init__(self, name, clock, seen, slices):
        self._name, self._clock, self._seen, self._left = name, clock, seen, slices

    def look(self):
        self._seen.append((self._clock.now, self._name))
        self._clock.advance(1)
        self._left -= 1
        return self._left > 0


def test_clients_take_turns_and_leave_most_of_the_time():
    clock, seen = ManualClock(), []
    start, loop = clock.now, Loop(clock)
    turns = Turns(loop, lambda: clock.now)
    turns.ask(Client("a", clock, seen, 3))
    turns.ask(Client("b", clock, seen, 2))
    while loop.later:
        loop.step()
    cycle = 1 + REST
    assert seen == [(start + number * cycle, name) for number, name in enumerate("aabab")]
    clock.advance(REST)
    turns.ask(Client("c", clock, seen, 1))
    assert seen[-1][1] == "c" and not loop.later  # nobody is there: at once


@on_uvloop
async def test_a_flood_is_looked_at_in_slices_and_arrives_whole():
    sizes = []

    class Noting(XmppInspector):
        def up(self, data):
            sizes.append(len(data))
            return super().up(data)

    async with relayed(policy=POLICY) as (relay, server, _):
        relay.inspector = lambda _source: Noting(POLICY)
        _, writer = await asyncio.open_connection(IP, relay.port)
        writer.write(HEADER + STANZAS + b"</stream:stream>")
        writer.write_eof()  # its end waits for what it has said
        async with asyncio.timeout(60):
            reader, answer = await server.accepted.get()
            assert await reader.read() == HEADER + STANZAS + b"</stream:stream>"
        answer.close()
        assert (await closed(relay))["refusals"] == {}
        writer.close()
    assert max(sizes) <= SLICE and sum(sizes) > len(STANZAS)


@on_uvloop
async def test_nothing_is_looked_at_behind_what_ends_the_connection():
    async with relayed(policy=POLICY) as (relay, server, _):
        _, writer = await asyncio.open_connection(IP, relay.port)
        writer.write(HEADER + b"<a/>" * 5000 + b"<!-- no -->" + b"<b/>" * 5000)
        async with asyncio.timeout(60):
            inside, answer = await server.accepted.get()
            assert await inside.read() == HEADER + b"<a/>" * 5000
        answer.close()
        writer.close()
        assert (await closed(relay))["refusals"] == {"restricted": 1}
