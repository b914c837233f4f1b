"""Messages that make a core fail: kept once, and their like is dropped."""

import asyncio

import pytest

from farline.runtime.quarantine import MAX_KEPT, Quarantine
from farline.runtime.sip import Listener, SipDriver
from farline.sip.effects import Received
from farline.trace.capture import Capture
from farline.trace.events import MessageSeen, Refused


def message(call="1", odd="poison"):
    return (
        f"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{call}\r\n"
        f"Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nX-Odd: {odd}\r\n\r\n"
    ).encode()


def seen(data):
    return MessageSeen("in", "B1", "UDP", "127.0.0.1:5060", "127.0.0.1:5062", "1", data)


class Failing:
    """A core with a defect."""

    def __init__(self):
        self.met = []
        self.healthy = asyncio.Event()

    def handle(self, event, now):
        if isinstance(event, Received):
            self.met.append(event.data)
            if b"poison" in event.data:
                raise KeyError("defect")
            self.healthy.set()

    def poll(self):
        return None

    def next_deadline(self):
        return None


async def fed(quarantine):
    """The core and what was traced, after three poisonous messages and a healthy one."""
    core, events = Failing(), []
    driver = SipDriver(
        core,
        [Listener("B1", "127.0.0.1", udp_port=0)],
        trace=events.append,
        quarantine=quarantine,
    )
    await driver.start()
    (port,) = driver.ports("B1").values()
    loop = asyncio.get_running_loop()
    sender, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
    )
    for data in (message("1"), message("2"), message("3"), message("4", "healthy")):
        sender.sendto(data)
    await asyncio.wait_for(core.healthy.wait(), 30)
    sender.close()
    await driver.stop()
    return core, [one.reason for one in events if isinstance(one, Refused)]


async def test_the_like_of_a_poisonous_message_is_dropped(tmp_path):
    core, refused = await fed(Quarantine(tmp_path))
    assert core.met == [message("1"), message("4", "healthy")]
    assert refused == ["handler-failed", "quarantine", "quarantine"]
    (capture,) = tmp_path.glob("*.pcap")
    (kept,) = Capture(capture.read_bytes()).messages()
    assert kept.data == message("1")
    told = capture.with_suffix(".txt").read_text()
    assert told.startswith("KeyError: \"'defect'\"\n127.0.0.1:")
    assert "Traceback" in told
    assert capture.stat().st_mode & 0o077 == 0


async def test_switched_off_it_keeps_and_drops_nothing(tmp_path):
    quarantine = Quarantine(tmp_path, active=False)
    core, refused = await fed(quarantine)
    assert len(core.met) == 4
    assert refused == ["handler-failed"] * 3
    assert list(tmp_path.iterdir()) == []
    quarantine.active = True
    quarantine.take(seen(message()), ValueError("x"))
    assert quarantine.holds(message("9"))
    quarantine.active = False
    assert not quarantine.holds(message("9"))


def test_it_is_remembered_over_a_restart_and_released_by_its_mark(tmp_path):
    mark = Quarantine(tmp_path).take(seen(message()), ValueError("x"))
    again = Quarantine(tmp_path)
    assert again.holds(message("9"))
    assert [(one["mark"], one["why"], one["dropped"]) for one in again.show()] == [
        (mark, "ValueError: 'x'", 1)
    ]
    again.release(mark)
    assert not again.holds(message("9"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(LookupError, match="nothing with the mark"):
        again.release(mark)


def test_it_is_bounded(tmp_path):
    quarantine = Quarantine(tmp_path)
    for number in range(MAX_KEPT + 5):
        quarantine.take(seen(message(odd=f"poison {number}")), ValueError("x"))
    assert len(quarantine.show()) == MAX_KEPT
    assert len(list(tmp_path.glob("*.pcap"))) == MAX_KEPT


def test_a_full_disk_costs_the_capture_only(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    quarantine = Quarantine(blocked / "quarantine")
    quarantine.take(seen(message()), ValueError("x"))
    assert quarantine.holds(message("2"))
