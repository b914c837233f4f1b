"""Settled calls relayed by the kernel: real sockets on both sides of a media process, strangers who
try to hear and to be heard, and the process killed."""

import itertools
import json
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from farline.lab.namespaces import missing_for_namespaces
from farline.media.engine import Answer, Delete, Offer, Query, Quiet, Side
from farline.media.wire import decode_reply, encode_request
from farline.runtime.media_process import instance_name
from farline.testing.row import Row

ROOT = Path(__file__).parents[2]
REASON = missing_for_namespaces()
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(240),
]
PHONE, OUTSIDE, INSIDE, DESK = "10.93.1.2", "10.93.1.1", "10.93.2.1", "10.93.2.2"
STRANGER = "10.93.1.66"
VOICE = 184
EVENT = 101
PATIENCE = 20
"""Seconds that a busy machine may take for what must come."""


class Net(Row):
    """Phones, the media process's box and the office, in a row."""

    def socket(self, stack, space, address, port=0):
        one = stack.enter_context(super().socket(space, address, port))
        one.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        one.settimeout(PATIENCE)
        return one


@pytest.fixture(scope="module")
def net():
    built = Net("fastpath")
    try:
        built.build(STRANGER)
        yield built
    finally:
        built.remove()


class Engine:
    """A media process in its box, and the way to ask it."""

    def __init__(self, net, path, fast_path="auto"):
        self.path = path
        argv = ["nsenter", f"--net=/run/netns/{net.box}", sys.executable]
        argv += ["-m", "farline.runtime.media_process", "--socket", str(path), "--threads", "1"]
        argv += ["--fast-path", fast_path]
        argv += ["--interface", f"out={OUTSIDE}:20000-20999"]
        argv += ["--interface", f"in={INSIDE}:20000-20999"]
        self.process = subprocess.Popen(argv, start_new_session=True)
        until = time.monotonic() + 30
        self.control = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.control.connect(str(path))
                break
            except OSError:
                assert self.process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.02)
        self.lines = self.control.makefile("rwb")

    def raw(self, value):
        self.lines.write(json.dumps({"id": 1, **value}).encode() + b"\n")
        self.lines.flush()
        while (answer := json.loads(self.lines.readline())).get("id") != 1:
            pass
        return answer

    def ask(self, request):
        reply = decode_reply(self.raw(encode_request(request)))
        assert reply.error is None, reply.error
        return reply

    def streams(self, call):
        return {(one.side, one.kind): one for one in self.ask(Query(call)).stats}

    def end(self, number=signal.SIGTERM):
        self.lines.close()
        self.control.close()
        self.process.send_signal(number)
        self.process.wait(20)


@contextmanager
def engine(net, tmp_path, **options):
    running = Engine(net, tmp_path / "media.sock", **options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end()


def sdp(address, port):
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 {EVENT}\r\na=rtpmap:8 PCMA/8000\r\n"
        f"a=rtpmap:{EVENT} telephone-event/8000\r\n"
    ).encode()


def port_in(description):
    line = next(one for one in description.splitlines() if one.startswith(b"m=audio"))
    return int(line.split()[1])


def rtp(sequence, kind=8):
    return struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, sequence * 160, 7) + b"\xd5" * 160


OUT, IN = Side("outside", "out", PHONE), Side("inside", "in", DESK)


class Call:
    """A phone and a desk phone, and the relay's port for each."""

    def __init__(self, net, engine, stack, name):
        self.net, self.engine, self.stack, self.name = net, engine, stack, name
        self.phone = net.socket(stack, net.phones, PHONE)
        self.desk = net.socket(stack, net.office, DESK)
        self.numbers = itertools.count(1)
        self.offer(self.phone)

    def offer(self, phone):
        offered = self.engine.ask(Offer(self.name, sdp(*phone.getsockname()), OUT, IN)).sdp
        answer = sdp(*self.desk.getsockname())
        answered = self.engine.ask(Answer(self.name, answer, IN, OUT)).sdp
        self.outside, self.inside = (OUTSIDE, port_in(answered)), (INSIDE, port_in(offered))

    def say(self, kind=8):
        """One packet each way; both arrive, whoever relays them."""
        packet = rtp(next(self.numbers), kind)
        self.phone.sendto(packet, self.outside)
        assert receive(self.desk) == (packet, self.inside, VOICE)
        self.desk.sendto(packet, self.inside)
        assert receive(self.phone) == (packet, self.outside, VOICE)

    def settle(self):
        """Speak until the kernel relays both ways."""
        until = time.monotonic() + PATIENCE
        while True:
            self.say()
            streams = self.engine.streams(self.name)
            paths = [streams[side, "rtp"].path for side in ("outside", "inside")]
            if paths == ["kernel", "kernel"]:
                return streams
            assert time.monotonic() < until, streams

    def refused(self, wanted):
        """Of the phone's port, once it has judged so many: that goes on beside the kernel."""
        until = time.monotonic() + PATIENCE
        while True:
            found = self.engine.streams(self.name)["outside", "rtp"].refused_packets
            if found >= wanted or time.monotonic() > until:
                return found
            time.sleep(0.02)


def receive(one):
    data, about, _, source = one.recvmsg(2048, 64)
    return data, source, about[0][2][0]


def silent(one, seconds=0.2):
    one.settimeout(seconds)
    with pytest.raises(TimeoutError):
        one.recv(2048)
    one.settimeout(PATIENCE)


def test_a_settled_call_is_the_kernels_and_counted_as_before(net, tmp_path):
    with engine(net, tmp_path) as running, ExitStack() as stack:
        assert running.raw({"op": "sessions"})["no_fast_path"] is None
        talk = Call(net, running, stack, "settled")
        why = running.streams("settled")["outside", "rtp"].why
        assert why == "not latched"
        before = talk.settle()
        began = time.monotonic()
        for _ in range(50):
            talk.say()
        after = running.streams("settled")
        took_ms = (time.monotonic() - began) * 1000
        for side in ("outside", "inside"):
            one, old = after[side, "rtp"], before[side, "rtp"]
            assert one.received_packets - old.received_packets == 50
            assert one.received_bytes - old.received_bytes == 50 * 172
            assert one.sent_packets - old.sent_packets == 50
            assert one.last_seen_ms is not None
            assert one.last_seen_ms <= took_ms + 100
            assert one.quality is not None
            assert one.quality.lost_packets == 0
            assert after[side, "rtcp"].why == "RTCP"
        # A dialled key comes up to the relay, is relayed by it, and is no loss.
        talk.say(EVENT)
        talk.say()
        quality = running.streams("settled")["outside", "rtp"].quality
        assert quality is not None
        assert quality.lost_packets == 0
        last = running.ask(Delete("settled", "test")).stats
        assert max(one.received_packets for one in last) >= 53


def test_nobody_else_hears_or_is_heard(net, tmp_path):
    with engine(net, tmp_path) as running, ExitStack() as stack:
        talk = Call(net, running, stack, "stranger")
        strangers = [net.socket(stack, net.phones, address) for address in (STRANGER, PHONE)]

        def intrude():
            for one in strangers:
                for number in range(20):
                    one.sendto(rtp(40_000 + number), talk.outside)
            silent(talk.desk)
            for one in strangers:
                silent(one, 0.05)

        strangers[0].sendto(rtp(1), talk.outside)  # before the first packet
        silent(talk.desk)
        talk.settle()
        intrude()
        talk.say()
        assert talk.refused(41) == 41
        for end in (Quiet("stranger"), Delete("stranger", "test")):
            running.ask(end)
            talk.phone.sendto(rtp(9), talk.outside)  # after the last
            silent(talk.desk)


def test_a_phone_that_moves_is_heard_at_its_new_address_only(net, tmp_path):
    with engine(net, tmp_path) as running, ExitStack() as stack:
        talk = Call(net, running, stack, "moves")
        talk.settle()
        old, talk.phone = talk.phone, net.socket(stack, net.phones, PHONE)
        talk.offer(talk.phone)
        talk.say()
        old.sendto(rtp(30_000), talk.outside)
        silent(talk.desk)
        talk.settle()
        old.sendto(rtp(30_001), talk.outside)
        silent(talk.desk)
        silent(old, 0.05)


def test_a_killed_process_leaves_the_call_with_the_kernel_and_the_next_clears_up(net, tmp_path):
    with ExitStack() as stack:
        with engine(net, tmp_path) as running:
            talk = Call(net, running, stack, "killed")
            talk.settle()
            running.end(signal.SIGKILL)
            for _ in range(50):
                talk.say()
        with engine(net, tmp_path) as running:
            # Nobody has restored the session, so its flows end, and the ports are free.
            talk.phone.sendto(rtp(9), talk.outside)
            silent(talk.desk)
            fresh = Call(net, running, stack, "fresh")
            fresh.settle()
        pins = Path("/sys/fs/bpf/farline")
        name = instance_name(tmp_path / "media.sock")
        assert [one for one in pins.iterdir() if one.name.startswith(name)] == []


def test_switched_off_the_relay_serves_alone_and_says_so(net, tmp_path):
    with engine(net, tmp_path, fast_path="off") as running, ExitStack() as stack:
        assert running.raw({"op": "sessions"})["no_fast_path"] == "off"
        talk = Call(net, running, stack, "off")
        talk.say()
        one = running.streams("off")["outside", "rtp"]
        assert (one.path, one.why) == ("user", "off")
