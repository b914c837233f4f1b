"""Request Timeout: of one request or stanza at a time, whatever else the client has to say."""

from types import SimpleNamespace

import pytest

from farline.runtime.relays.watches import Watches

SECONDS = 30.0


class Loop:
    """Timers that the test lets run out."""

    def __init__(self):
        self.now, self.timers = 0.0, []

    def time(self):
        return self.now

    def call_later(self, seconds, action, *words):
        timer = SimpleNamespace(at=self.now + seconds, run=lambda: action(*words))
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        return timer

    def pass_to(self, now):
        self.now = now
        for timer in [one for one in self.timers if one.at <= now]:
            self.timers.remove(timer)
            timer.run()


@pytest.fixture
def pair():
    pair = SimpleNamespace(
        loop=Loop(), ending=None, intake=False, aborted=[],
        inside=SimpleNamespace(full=False),
        inspector=SimpleNamespace(waiting=True, whole=0),
        relay=SimpleNamespace(plan=SimpleNamespace(request_seconds=SECONDS)),
    )  # fmt: skip
    pair.abort = pair.aborted.append
    pair.watches = Watches(pair)
    pair.watches.request()
    return pair


def test_what_never_ends_is_cut_off(pair):
    """However often something of it comes."""
    for now in range(1, 30):
        pair.loop.pass_to(now)
        pair.watches.request()
    assert pair.aborted == []
    pair.loop.pass_to(SECONDS)
    assert pair.aborted == ["slow"]


def test_a_busy_client_is_not(pair):
    """Each time somebody looks, the next stanza has begun already."""
    for now in range(1, 300, 10):
        pair.loop.pass_to(now)
        pair.inspector.whole += 1
        pair.watches.request()
    assert pair.aborted == []
    pair.loop.pass_to(now + SECONDS)
    assert pair.aborted == ["slow"]  # the last one is as bounded as the first


@pytest.mark.parametrize("held", ["intake", "full"])
def test_while_we_do_not_read_it_is_not_the_clients_fault(pair, held):
    pair.intake, pair.inside.full = held == "intake", held == "full"
    pair.loop.pass_to(SECONDS)
    pair.intake = pair.inside.full = False
    pair.loop.pass_to(2 * SECONDS - 1)
    assert pair.aborted == []
    pair.loop.pass_to(2 * SECONDS)
    assert pair.aborted == ["slow"]


def test_nobody_waits_for_what_is_whole(pair):
    pair.inspector.waiting = False
    pair.watches.request()
    assert pair.loop.timers == []
