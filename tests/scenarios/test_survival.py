"""kill -9 of the border during 200 calls, and of the media process: twenty times each.

`farline run` on loopback with light phones and a light call server around it. Losses are counted
packet by packet; a gap is told from the kernel's arrival times. What the machine itself delays (it
may be busy) is measured in the same way before each death, and compared with the median.
"""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

import pytest

from farline.runtime import clock
from farline.runtime.control import ControlError, call
from farline.sdp import Crypto, parse
from farline.testing.browser_leg import BrowserLeg
from farline.testing.ports import own_network
from farline.testing.srtp import SUITE, Srtp
from farline.testing.steady_calls import NoAnswerError, Ringing, SteadyPhone, media_of
from farline.testing.steady_rtp import Stream, Talk
from farline.testing.supervised import supervised

pytestmark = pytest.mark.timeout(300)

ROUNDS = 20
NET = own_network()
BORDER, INNER, SERVER, PHONES = f"{NET}.0.1", f"{NET}.0.2", f"{NET}.0.3", f"{NET}.0.4"
GAP_SECONDS = 0.020
RESUME_SECONDS = 1.0
KEY = Crypto(1, SUITE, bytes(range(30)))
CONFIG = """
version: 1
border:
  interfaces: [{name: A1, enabled: true}, {name: B1, enabled: true}]
  networks:
    - {name: in, default_gateway: SERVER, prefix: 255.255.255.0, interface: A1, addresses: [{ip: INNER}]}
    - {name: out, default_gateway: SERVER, prefix: 255.255.255.0, interface: B1, addresses: [{ip: BORDER}]}
  media_interfaces:
    - {name: mi, network: in, ip: INNER, port_range: 36000-36999}
    - {name: mo, network: out, ip: BORDER, port_range: 36000-36999}
  signaling_interfaces:
    - {name: si, network: in, ip: INNER, udp_port: 5060}
    - {name: so, network: out, ip: BORDER, udp_port: 5060}
  server_profiles:
    - {name: PBX, addresses: [{address: SERVER, port: 5080, transport: UDP}]}
  routing_profiles:
    - {name: to-PBX, next_hops: [{server: PBX, address: SERVER, port: 5080, transport: UDP}]}
  end_point_policy_groups:
    - {name: outer, max_concurrent_sessions: 1000, max_sessions_per_endpoint: 10, media_encryption: preferred}
    - {name: inner, max_concurrent_sessions: 1000, max_sessions_per_endpoint: 1000}
  subscriber_flows:
    - {name: sub, signaling_interface: so, media_interface: mo, end_point_policy_group: outer, routing_profile: to-PBX}
  server_flows:
    - {name: srv, server_profile: PBX, received_interface: so, signaling_interface: si, media_interface: mi, end_point_policy_group: inner}
"""  # noqa: E501 - one form a line


@dataclass
class World:
    """The deployment, its call server, and who speaks."""

    run_dir: object
    server: Ringing
    phones: list

    def ask(self, role, command):
        return asyncio.run(call(self.run_dir / "control" / f"{role}.sock", command))

    def kill(self, role):
        """End a role's process as the machine would; its process id."""
        pid = self.ask(role, "status")["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_spare(self, role):
        """Until the next one stands ready, as it does a second after the last death."""
        spare = self.run_dir / "control" / f"{role}.spare"
        self.wait_until(spare.exists)

    def wait_until(self, done):
        """Until something is so."""
        until = clock.monotonic() + 30
        while not done():
            assert clock.monotonic() < until, "it did not come to pass"
            asyncio.run(asyncio.sleep(0.02))

    def wait_for_nothing(self, role):
        """Until a role has no session left: it hears of an end beside the answer to BYE."""
        until = clock.monotonic() + 30
        while sessions := self.ask(role, "show")["sessions"]:
            assert clock.monotonic() < until, sessions
            asyncio.run(asyncio.sleep(0.02))

    def wait_for_another(self, role, pid):
        """Until another process serves the role; how long that took."""
        began = clock.monotonic()
        while clock.monotonic() < began + 30:
            try:
                if self.ask(role, "status")["pid"] != pid:
                    return clock.monotonic() - began
            except ControlError:
                continue
        raise AssertionError(f"{role} did not come back")

    def begin(self, key=None, *, browser=False):
        """One more phone in a call."""
        phone = SteadyPhone(len(self.phones), PHONES, (BORDER, 5060))
        self.phones.append(phone)
        phone.key = key
        if browser:
            phone.browser = BrowserLeg(phone.media)
        phone.register()
        phone.invite()
        if browser:
            phone.browser.check(theirs(phone))
            phone.shaken = phone.browser.shake(theirs(phone))
        return phone


@pytest.fixture
def world(tmp_path):
    config, run_dir = tmp_path / "site.yaml", tmp_path / "run"
    text = CONFIG
    for word, value in (("BORDER", BORDER), ("INNER", INNER), ("SERVER", SERVER)):
        text = text.replace(word, value)
    config.write_text(text)
    with ExitStack() as stack:
        stack.enter_context(supervised(config, ("media", "border"), run_dir, "--no-trace"))
        server = Ringing(SERVER, 5080, (INNER, 5060))
        server.start()
        stack.callback(server.close)
        made = World(run_dir, server, [])
        stack.callback(lambda: [phone.close() for phone in made.phones])
        yield made
    for path in (run_dir / "log").glob("*.log"):
        assert "Traceback" not in path.read_text(), path.read_text()


@contextmanager
def talking(world, *, first=0):
    """Everybody speaks and listens; `first` is the number of everybody's first packet."""
    streams = []
    for phone in world.phones:
        office = world.server.media[phone.call]
        to_office = media_of(phone.heard)
        to_phone = media_of(world.server.invites[phone.call])
        ours = None
        if phone.key is not None:
            (line,) = [one for one in _crypto(phone.heard) if one.suite == SUITE]
            ours = Srtp(line.key)
        sent = None if phone.key is None else Srtp(phone.key.key)
        if phone.browser is not None:
            sent, ours = phone.shaken
        streams.append(Stream(phone.media, to_office, office, first, seal=sent))
        streams.append(Stream(office, to_phone, phone.media, first, unseal=ours))
    with Talk(streams) as talk:
        yield talk


def _crypto(message):
    return parse(message.body).media[0].crypto


def theirs(phone):
    """What the border has told a phone of its media."""
    return parse(phone.heard.body).media[0]


def test_calls_do_not_hear_that_the_border_died(world):
    for _ in range(200):
        world.begin()
    quiet, gaps, lost, ups = [], [], [], []
    with talking(world) as talk:
        talk.take()
        for number in range(ROUNDS):
            quiet.append(max(record.gap for record in talk.take()))
            world.wait_for_spare("border")
            pid = world.kill("border")
            ups.append(world.wait_for_another("border", pid))
            # Two of the calls, each by one side: re-INVITE, session refresh, REGISTER.
            one, other = world.phones[number], world.phones[-1 - number]
            one.invite()
            one.ask("UPDATE", Session_Expires="1800", Supported="timer")
            one.register()
            assert world.server.ask(other.call, "UPDATE", other).status == 200
            records = talk.take()
            assert min(record.sent for record in records) > 10
            lost += [(number, at, one.lost) for at, one in enumerate(records) if one.lost]
            gaps.append(max(record.gap for record in records))
    print(f"border back after {median(ups):.3f} s (median), {max(ups):.3f} s at most")
    print(
        f"longest gap of 400 streams: {median(gaps):.4f} s, without a death {median(quiet):.4f} s"
    )
    assert lost == []  # (round, stream, packets)
    assert median(gaps) < median(quiet) + GAP_SECONDS, (
        f"longer silent than without a death: {gaps}, {quiet}"
    )
    for phone in world.phones[:100]:
        assert phone.ask("BYE").status == 200
    for phone in world.phones[100:]:
        assert world.server.ask(phone.call, "BYE", phone).status == 200
    world.wait_for_nothing("border")
    world.wait_for_nothing("media")


def test_a_call_that_rings_when_the_border_dies_ends_on_both_sides(world):
    phone = SteadyPhone(0, PHONES, (BORDER, 5060))
    world.phones.append(phone)
    phone.register()
    world.server.rings = True
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(phone.invite)
        world.wait_until(lambda: "INVITE" in world.server.asked)
        world.wait_for_spare("border")
        world.kill("border")
        with pytest.raises(NoAnswerError, match="INVITE was answered 503"):
            call.result(30)
    world.wait_until(lambda: "CANCEL" in world.server.asked)
    assert world.server.asked.count("INVITE") == 1
    world.server.rings = False
    phone.call = "the-next"
    phone.invite()
    assert phone.ask("BYE").status == 200


def test_calls_go_on_after_the_media_process_died(world):
    for number in range(8):
        world.begin(KEY if number % 4 == 1 else None, browser=number % 2 == 0)
    browsers = [phone for phone in world.phones if phone.browser is not None]
    silences, ups = [], []
    with talking(world, first=0xFF80) as talk:  # everybody's rollover counter goes up
        talk.take()
        for _ in range(ROUNDS):
            world.wait_for_spare("media")
            pid = world.kill("media")
            ups.append(world.wait_for_another("media", pid))
            talk.until_heard(50)  # a second of talk: it is dead for a moment only
            records = talk.take()
            assert all(record.after > 5 for record in records), records
            silences.append(max(record.silence for record in records))
        assert min(stream.number for stream in talk.streams) > 0x1_0100
        assert sum(stream.unauthentic + stream.twice for stream in talk.streams) == 0
    print(f"media back after {median(ups):.3f} s (median), {max(ups):.3f} s at most")
    print(f"silence {median(silences):.3f} s (median), {max(silences):.3f} s at most")
    assert max(silences) < RESUME_SECONDS, silences
    for phone in browsers:
        phone.browser.check(theirs(phone))
    for phone in world.phones[:4]:
        phone.invite()
    browsers[0].browser.shake(theirs(browsers[0]))  # it has lost its own; the certificate stays
    browsers[1].browser.fragment = "anew"
    browsers[1].invite()  # restarts ICE
    browsers[1].browser.check(theirs(browsers[1]))
    for phone in world.phones:
        assert phone.ask("BYE").status == 200
    world.wait_for_nothing("media")
