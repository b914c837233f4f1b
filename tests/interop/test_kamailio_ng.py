"""Debian's kamailio with its rtpengine module as the client of `farline media --ng`."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from farline._core import Message
from farline.media.ng.message import pack, unpack
from farline.testing.peers import peers
from farline.testing.ports import free_ports, own_network

MODULES = next(Path("/usr/lib").glob("*/kamailio/modules"), None)
pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("kamailio") is None, reason="kamailio is missing"),
    pytest.mark.skipif(
        MODULES is None or not (MODULES / "rtpengine.so").exists(),
        reason="kamailio's module rtpengine is missing",
    ),
]

NET = own_network()
PUB, PRIV, NG, PROXY = f"{NET}.1.96", f"{NET}.1.7", f"{NET}.2.1", f"{NET}.2.2"
CALLER, CALLEE = f"{NET}.3.61", f"{NET}.4.13"
CONFIG = Path(__file__).with_name("kamailio_ng.cfg")
FLAGS = "direction=pub direction=priv replace-origin trust-address ICE=remove RTP/AVP"
AFTER = 30


@pytest.fixture
async def peer():
    async with peers() as at:
        yield at


async def get(sip, start):
    """The next SIP message that begins so; what comes again before it is passed over."""
    while True:
        data, addr = await asyncio.wait_for(sip.heard.get(), AFTER)
        if data.startswith(start):
            return Message.parse(data), addr


def sdp(peer):
    return (
        f"v=0\r\no=- 1 1 IN IP4 {peer.ip}\r\ns=-\r\nc=IN IP4 {peer.ip}\r\nt=0 0\r\n"
        f"m=audio {peer.port} RTP/AVP 8\r\na=candidate:1 1 UDP 1 {peer.ip} {peer.port} typ host\r\n"
    )


def shown(message):
    """Address and port that a message's SDP shows."""
    lines = message.body.decode().splitlines()
    assert not [line for line in lines if line.startswith("a=candidate")]
    address = next(line.split()[-1] for line in lines if line.startswith("c="))
    assert next(line for line in lines if line.startswith("o=")).endswith(address)
    return address, int(next(line.split()[1] for line in lines if line.startswith("m=")))


@contextmanager
def farline_media(log):
    """`farline media --ng`, and after it what it counted."""
    argv = [sys.executable, "-m", "farline.cli.main", "media", "--json", "--threads", "1"]
    argv += ["--ng", f"{NG}:{free_ports(1, NG)[0]}"]
    argv += ["--interface", f"pub={PUB}:35000-35098", "--interface", f"priv={PRIV}:35000-35098"]
    with log.open("wb") as errors:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors)
        try:
            ready = json.loads(process.stdout.readline() or "{}")
            assert ready.get("event") == "ready", log.read_text()
            ended = {}
            yield ready["ng"], ended
            process.terminate()
            ended |= json.loads(process.stdout.readline())
            assert process.wait(AFTER) == 0
            assert log.read_text().count("Traceback") == 0
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def kamailio(directory, ng, callee, flags):
    """A kamailio of our own, ended by its main process."""
    listen = f"{PROXY}:{free_ports(1, PROXY)[0]}"
    text = CONFIG.read_text()
    values = {"LISTEN": listen, "NG": ng, "CALLEE": callee, "FLAGS": flags, "MODULES": str(MODULES)}
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    config, log = directory / "kamailio.cfg", directory / "kamailio.log"
    config.write_text(text)
    argv = ["kamailio", "-f", str(config), "-DD", "-E", "-m", "32", "-M", "4"]
    argv += ["-Y", str(directory), "-P", str(directory / "kamailio.pid")]
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
        try:
            yield (listen.split(":")[0], int(listen.split(":")[1])), log
        finally:
            process.terminate()
            process.wait(20)


async def until_it_answers(sip, proxy, log):
    """kamailio takes no requests at once."""
    for number in range(100):
        sip.transport.sendto(request("OPTIONS", sip, "probe", number + 1, f"p{number}"), proxy)
        try:
            await asyncio.wait_for(sip.heard.get(), 0.1)
        except TimeoutError:
            continue
        return
    raise AssertionError(log.read_text())


def request(method, sip, call, number, branch, *, to_tag="", route="", body=""):
    """A request of the caller."""
    tag = f";tag={to_tag}" if to_tag else ""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:bob@{CALLEE} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {sip.ip}:{sip.port};branch=z9hG4bK{branch}\r\n"
        f"{route}Max-Forwards: 70\r\nFrom: <sip:alice@{CALLER}>;tag=alice\r\n"
        f"To: <sip:bob@{CALLEE}>{tag}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n"
        f"Contact: <sip:alice@{sip.ip}:{sip.port}>\r\n{kind}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def ok(message, sip, body=""):
    """The callee's 200."""
    copied = "".join(
        f"{name}: {value}\r\n"
        for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq")
        for value in message.all(name)
    )
    to = message.get("To")
    tag = "" if "tag=" in to else ";tag=bob"
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"SIP/2.0 200 OK\r\n{copied}To: {to}{tag}\r\nContact: <sip:bob@{sip.ip}:{sip.port}>\r\n"
        f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def test_a_call_through_kamailio_has_its_media_at_our_ports(tmp_path, peer):
    caller, callee = await peer(CALLER), await peer(CALLEE)
    alice, bob, moved = await peer(CALLER), await peer(CALLEE), await peer(CALLER)
    with ExitStack() as stack:
        ng, ended = stack.enter_context(farline_media(tmp_path / "media.log"))
        where = f"{callee.ip}:{callee.port}"
        proxy, log = stack.enter_context(kamailio(tmp_path, ng, where, FLAGS))
        probe = await peer(CALLER)
        await answer_probes(probe, callee, proxy, log)

        caller.transport.sendto(request("INVITE", caller, "c1", 1, "i1", body=sdp(alice)), proxy)
        invite, hop = await get(callee, b"INVITE")
        to_bob = shown(invite)
        assert to_bob[0] == PRIV and 35000 <= to_bob[1] <= 35098, log.read_text()
        callee.transport.sendto(ok(invite, callee, sdp(bob)), hop)
        answer, _ = await get(caller, b"SIP/2.0 200")
        to_alice = shown(answer)
        assert to_alice[0] == PUB and 35000 <= to_alice[1] <= 35098
        route = f"Route: {answer.get('Record-Route')}\r\n"
        ack = request("ACK", caller, "c1", 1, "a1", to_tag="bob", route=route)
        caller.transport.sendto(
            ack.replace(b"ACK sip:bob@" + CALLEE.encode(), contact(callee)), proxy
        )
        await get(callee, b"ACK")
        # Whoever shows up at the peer comes from our port on that side.
        assert (await alice.says(to_alice, bob))[1] == to_bob
        assert (await bob.says(to_bob, alice))[1] == to_alice

        again = request("INVITE", caller, "c1", 2, "i2", to_tag="bob", route=route, body=sdp(moved))
        again = again.replace(b"INVITE sip:bob@" + CALLEE.encode(), contact(callee, "INVITE"))
        caller.transport.sendto(again, proxy)
        invite, hop = await get(callee, b"INVITE")
        assert shown(invite) == to_bob
        callee.transport.sendto(ok(invite, callee, sdp(bob)), hop)
        answer, _ = await get(caller, b"SIP/2.0 200")
        assert (await moved.says(shown(answer), bob))[1] == to_bob
        assert (await bob.says(to_bob, moved))[1] == to_alice

        assert ask(ng, {"command": "list"})["calls"] == [b"c1"]
        totals = ask(ng, {"command": "query", "call-id": "c1"})["totals"]
        assert totals["RTP"]["packets"] >= 4
        bye = request("BYE", caller, "c1", 3, "b1", to_tag="bob", route=route)
        caller.transport.sendto(
            bye.replace(b"BYE sip:bob@" + CALLEE.encode(), contact(callee, "BYE")), proxy
        )
        goodbye, hop = await get(callee, b"BYE")
        callee.transport.sendto(ok(goodbye, callee), hop)
        await get(caller, b"SIP/2.0 200")
        assert ask(ng, {"command": "list"})["calls"] == []
    assert (ended["calls"], ended["malformed"], ended["refused"]) == (0, 0, 0)


async def test_what_we_do_not_do_is_refused_and_the_call_with_it(tmp_path, peer):
    caller, callee, alice = await peer(CALLER), await peer(CALLEE), await peer(CALLER)
    with ExitStack() as stack:
        ng, ended = stack.enter_context(farline_media(tmp_path / "media.log"))
        where = f"{callee.ip}:{callee.port}"
        proxy, log = stack.enter_context(kamailio(tmp_path, ng, where, "ICE=force RTP/SAVPF"))
        await answer_probes(await peer(CALLER), callee, proxy, log)
        caller.transport.sendto(request("INVITE", caller, "c2", 1, "i1", body=sdp(alice)), proxy)
        await get(caller, b"SIP/2.0 488")
        assert "this engine has no ICE" in log.read_text()
    assert ended["refused"] >= 1


async def answer_probes(probe, callee, proxy, log):
    """Wait for kamailio: OPTIONS go through it to the callee and back."""

    async def answer():
        while True:
            message, hop = await get(callee, b"OPTIONS")
            callee.transport.sendto(ok(message, callee), hop)

    answering = asyncio.ensure_future(answer())
    try:
        await until_it_answers(probe, proxy, log)
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


def contact(callee, method="ACK"):
    """The request line up to the callee's Contact."""
    return f"{method} sip:bob@{callee.ip}:{callee.port}".encode()


def ask(ng, document):
    """One ng exchange of the test's own."""
    host, port = ng.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(AFTER)
        asker.sendto(pack(b"test", document), (host, int(port)))
        return unpack(asker.recv(65535))[1]
