"""The media process is killed while the kernel relays its calls: the next process has them."""

import asyncio
import os
import signal
from contextlib import ExitStack

import pytest

from farline.lab.namespaces import missing_for_namespaces
from farline.runtime import clock
from farline.runtime.control import ControlError, call
from farline.runtime.media_process import instance_name
from farline.testing.row import Row, inside, kernel_flows
from farline.testing.steady_calls import Ringing, SteadyPhone, media_of
from farline.testing.steady_rtp import Stream, Talk
from farline.testing.supervised import supervised

REASON = missing_for_namespaces()
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(240),
]
ROUNDS = 20
CALLS = 4
PHONE, OUTSIDE, INSIDE, SERVER = "10.93.1.2", "10.93.1.1", "10.93.2.1", "10.93.2.2"
DEAD_PACKETS = 50
"""Of each stream, a second of talk."""
CONFIG = """
version: 1
border:
  interfaces: [{name: A1, enabled: true}, {name: B1, enabled: true}]
  networks:
    - {name: in, default_gateway: 10.93.2.2, prefix: 255.255.255.0, interface: A1, addresses: [{ip: 10.93.2.1}]}
    - {name: out, default_gateway: 10.93.1.2, prefix: 255.255.255.0, interface: B1, addresses: [{ip: 10.93.1.1}]}
  media_interfaces:
    - {name: mi, network: in, ip: 10.93.2.1, port_range: 36000-36999}
    - {name: mo, network: out, ip: 10.93.1.1, port_range: 36000-36999}
  signaling_interfaces:
    - {name: si, network: in, ip: 10.93.2.1, udp_port: 5060}
    - {name: so, network: out, ip: 10.93.1.1, udp_port: 5060}
  server_profiles:
    - {name: PBX, addresses: [{address: 10.93.2.2, port: 5080, transport: UDP}]}
  routing_profiles:
    - {name: to-PBX, next_hops: [{server: PBX, address: 10.93.2.2, port: 5080, transport: UDP}]}
  end_point_policy_groups:
    - {name: outer, max_concurrent_sessions: 100, max_sessions_per_endpoint: 10}
    - {name: inner, max_concurrent_sessions: 100, max_sessions_per_endpoint: 100}
  subscriber_flows:
    - {name: sub, signaling_interface: so, media_interface: mo, end_point_policy_group: outer, routing_profile: to-PBX}
  server_flows:
    - {name: srv, server_profile: PBX, received_interface: so, signaling_interface: si, media_interface: mi, end_point_policy_group: inner}
"""  # noqa: E501 - one form a line


class World:
    """The deployment in its box, the call server behind it, and phones before it."""

    def __init__(self, row, run_dir, supervisor):
        self.row, self.run_dir, self.supervisor = row, run_dir, supervisor
        self.instance = instance_name(run_dir / "control" / "media-engine.sock")
        self.phones = []
        with inside(row.office):
            self.server = Ringing(SERVER, 5080, (INSIDE, 5060))
            self.server.start()

    def begin(self):
        with inside(self.row.phones):
            phone = SteadyPhone(len(self.phones), PHONE, (OUTSIDE, 5060))
        self.phones.append(phone)
        phone.register()
        with inside(self.row.office):  # where the server's thread is, it opens its sockets itself
            phone.invite()

    def ask(self, command):
        return asyncio.run(call(self.run_dir / "control" / "media.sock", command))

    def ports(self):
        """What `show media` has of the RTP ports, by session and side."""
        found = [one for one in self.ask("show")["streams"] if one["kind"] == "rtp"]
        return {(one["session"], one["side"]): one for one in found}

    def wait_for_kernel(self):
        """Until the kernel relays every call both ways."""
        until = clock.monotonic() + 20
        while True:
            ports = self.ports()
            paths = [one["path"] for one in ports.values()]
            if paths == ["kernel"] * 2 * len(self.phones):
                return ports
            assert clock.monotonic() < until, ports
            asyncio.run(asyncio.sleep(0.05))

    def wait_for_nothing(self):
        """Until no session is left: the media process hears of an end beside the answer to BYE."""
        until = clock.monotonic() + 20
        while (shown := self.ask("show"))["sessions"]:
            assert clock.monotonic() < until, shown
            asyncio.run(asyncio.sleep(0.05))

    def wait_for_spare(self):
        spare = self.run_dir / "control" / "media.spare"
        until = clock.monotonic() + 30
        while not spare.exists():
            assert clock.monotonic() < until, "no spare"
            asyncio.run(asyncio.sleep(0.02))

    def kill(self):
        pid = self.ask("status")["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_another(self, pid):
        until = clock.monotonic() + 30
        while clock.monotonic() < until:
            try:
                if self.ask("status")["pid"] != pid:
                    return
            except ControlError:
                continue
        raise AssertionError("the media process did not come back")


@pytest.fixture
def row():
    made = Row("browser")
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.fixture
def world(row, tmp_path):
    config, run_dir = tmp_path / "site.yaml", tmp_path / "run"
    config.write_text(CONFIG)
    box = ("nsenter", f"--net=/run/netns/{row.box}")
    with ExitStack() as stack:
        run = supervised(config, ("media", "border"), run_dir, "--no-trace", inside=box)
        supervisor = stack.enter_context(run)
        made = World(row, run_dir, supervisor)
        stack.callback(made.server.close)
        stack.callback(lambda: [phone.close() for phone in made.phones])
        yield made
    for path in (run_dir / "log").glob("*.log"):
        assert "Traceback" not in path.read_text(), path.read_text()


def talking(world):
    streams = []
    for phone in world.phones:
        office = world.server.media[phone.call]
        to_phone = media_of(world.server.invites[phone.call])
        streams.append(Stream(phone.media, media_of(phone.heard), office))
        streams.append(Stream(office, to_phone, phone.media))
    return Talk(streams)


def test_calls_of_the_kernel_do_not_notice_and_the_next_process_has_them(world):
    for _ in range(CALLS):
        world.begin()
    lost = []
    with talking(world) as talk:
        world.wait_for_kernel()
        assert kernel_flows(world.instance) == 2 * CALLS
        talk.take()
        for number in range(ROUNDS):
            world.wait_for_spare()
            world.wait_for_another(world.kill())
            ports = world.wait_for_kernel()
            if number % 5 == 4:
                records = talk.take()
                assert min(record.sent for record in records) > 50
                lost += [(number, at, one.lost) for at, one in enumerate(records) if one.lost]
        # The next process counts on with what the kernel relays.
        later = world.wait_for_kernel()
        for at, one in ports.items():
            assert later[at]["received_packets"] > one["received_packets"]
            assert later[at]["refused_packets"] == 0
        assert lost == []  # (round, stream, packets)
        assert kernel_flows(world.instance) == 2 * CALLS
        # Dead for a second, with nobody to follow: the kernel alone.
        os.kill(world.supervisor.pid, signal.SIGSTOP)
        try:
            pid = world.kill()
            talk.take()
            talk.until_heard(DEAD_PACKETS)
            records = talk.take()
            assert min(record.sent for record in records) >= DEAD_PACKETS
            assert [record.lost for record in records] == [0] * 2 * CALLS
        finally:
            os.kill(world.supervisor.pid, signal.SIGCONT)
        world.wait_for_another(pid)
        world.wait_for_kernel()
    assert sum(stream.twice for stream in talk.streams) == 0
    give_back(world)


def give_back(world):
    """A re-INVITE, hold and BYE of restored calls take their flows out of the kernel."""
    held, moved, *others = world.phones
    describe = held._described
    held._described = lambda: describe() + b"c=IN IP4 0.0.0.0\r\n"
    held.invite()
    ports = world.ports()
    at = f"{PHONE}:{held.media.getsockname()[1]}"
    (session,) = {session for (session, _), one in ports.items() if one["latched"] == at}
    assert ports[session, "inside"]["why"] == "held"
    moved.media.close()
    moved.media = world.row.socket(world.row.phones, PHONE)
    moved.invite()
    assert kernel_flows(world.instance) <= 2 * len(others) + 1
    for phone in world.phones:
        assert phone.ask("BYE").status == 200
    world.wait_for_nothing()
    assert kernel_flows(world.instance) == 0
