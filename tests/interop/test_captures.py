"""tshark reads every capture of a run: the methods and the SDP are there, nothing is malformed."""

import asyncio
import shutil
import subprocess

import pytest

from farline.testing.deployment import CLI, REGISTERED, event

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("tshark") is None, reason="Debian package tshark is missing"),
]

ANSWERED = event("call", state="answered")


def told(*some):
    return "\n".join(f"{one.child.name}: {one.events[-4:]}\n{one.child.tail()}" for one in some)


def tshark(capture, *options):
    done = subprocess.run(
        ["tshark", "-r", str(capture), *options], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def capture_of(site, call, file):
    argv = [*CLI, "trace", "--run-dir", str(site.run_dir), "--call", call, "--pcap", str(file)]
    subprocess.run(argv, check=True, capture_output=True)
    return file


async def call_once(site, phones, transport):
    """One call from outside to a desk; its Call-ID."""
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "0")
    assert await desk.until(REGISTERED, 60), told(desk)
    out = await phones.farline(
        ruel, "--call", dora.extension, "--hangup-after", "0.2", outside=True, transport=transport
    )
    assert await out.until(event("call", state="ended"), 60), told(out, desk)
    assert await desk.until(event("call", state="ended"), 60), told(out, desk)
    return next(filter(ANSWERED, out.events))["call_id"]


async def test_every_call_over_every_transport(site, phones, tmp_path):
    transports = ("udp", "tcp", "tls")
    calls = await asyncio.gather(*(call_once(site, phones, one) for one in transports))
    await phones.children.end()  # they unregister
    for transport, call in zip(transports, calls, strict=True):
        capture = await until_whole(site, call, tmp_path / f"{transport}.pcap")
        assert tshark(capture, "-Y", "_ws.malformed || _ws.expert.severity == error") == []
        sip = tshark(capture, "-Y", "sip", "-T", "fields", "-e", "sip.Method", "-e",
                     "sip.Status-Code", "-e", "sdp.media")  # fmt: skip
        rows = [line.split("\t") for line in sip]
        # Two legs through two machines: phone to border, border to office, office to desk.
        assert sum(row[0] == "INVITE" for row in rows) == 3, rows
        assert sum(row[0] == "BYE" for row in rows) == 3, rows
        assert {"100", "180", "200"} <= {row[1] for row in rows}
        described = [row for row in rows if row[2].startswith("audio ")]
        assert len(described) == 6, rows  # offer and answer on each of the three
        assert len(rows) == len(tshark(capture, "-Y", "sip || tcp.len > 0 || udp")), capture


async def until_whole(site, call, file):
    """The capture once the answer to the last BYE is in the trace."""
    async with asyncio.timeout(60):
        while True:
            capture_of(site, call, file)
            ended = tshark(file, "-Y", "sip.CSeq.method == BYE && sip.Status-Code == 200")
            if len(ended) == 3:
                return file
            await asyncio.sleep(0.1)
