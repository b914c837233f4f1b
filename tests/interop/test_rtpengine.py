"""The border with Debian's rtpengine as its media engine, and the client against it alone."""

import asyncio
import shutil
from contextlib import ExitStack, asynccontextmanager, closing
from time import monotonic

import pytest
from msgspec.structs import replace

from farline.config import MediaNode
from farline.lab.lab import Lab
from farline.media.engine import Answer, Delete, Offer, Query, Side
from farline.media.ng.client import NgPlaces
from farline.runtime.ng_client import NgClient
from farline.runtime.ng_settings import NgSettings
from farline.testing.deployment import REGISTERED, event, heard, prepare_site, talk_seconds
from farline.testing.deployment import phones as make_phones
from farline.testing.media import bare_sdp, shown_at
from farline.testing.peers import peers
from farline.testing.ports import free_ports, own_network
from farline.testing.rtpengine import rtpengine

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("rtpengine") is None, reason="rtpengine-daemon is missing"),
]

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.1.7"
ONE, TWO = f"{NET}.2.1", f"{NET}.2.2"
PHONE, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", PHONE)
INSIDE = Side("inside", "A1", OFFICE)
PLACES = NgPlaces({"B1": "pub", "A1": "priv"}, {"B1": B1, "A1": A1}, {"B1": 184, "A1": 184})
AFTER = 60.0
OFFERED = "Received command 'offer'"
"""In the log of a node that was given a session."""


@pytest.fixture
async def peer():
    async with peers() as at:
        yield at


def engine(stack, tmp_path, ip, first):
    interfaces = [f"priv/{A1}", f"pub/{B1}"]
    return stack.enter_context(
        rtpengine(ip, interfaces, (first, first + 98), tmp_path / f"rtpengine-{ip}.log")
    )


@asynccontextmanager
async def client_of(*nodes, places=PLACES, **settings):
    """A client that has seen every node up."""
    timeouts = asyncio.Queue()
    forms = tuple(MediaNode(address=node.ip, port=node.port) for node in nodes)
    client = NgClient(
        NgSettings(forms, places, **{"ping_seconds": 0.2, **settings}), timeouts.put_nowait
    )
    client.start()
    try:
        while sum(row["state"] == "up" for row in client.show()) < len(nodes):
            await asyncio.wait_for(client.wait_connected(), 30)
            await asyncio.sleep(0)
        client.timeouts = timeouts
        yield client
    finally:
        await client.stop()


async def test_packets_flow_both_ways_also_after_a_re_invite_from_either_side(tmp_path, peer):
    with ExitStack() as stack:
        node = engine(stack, tmp_path, ONE, 36000)
        async with client_of(node) as client:
            phone, office, moved = [await peer(ip) for ip in (PHONE, OFFICE, OFFICE)]
            to_office = shown_at(
                await client.perform(Offer("s", bare_sdp(PHONE, phone.port), OUTSIDE, INSIDE))
            )
            to_phone = shown_at(
                await client.perform(Answer("s", bare_sdp(OFFICE, office.port), INSIDE, OUTSIDE))
            )
            assert (to_office[0], to_phone[0]) == (A1, B1)
            assert (await phone.says(to_phone, office))[1] == to_office
            assert (await office.says(to_office, phone))[1] == to_phone
            # The office moves; then the phone asks anew for what there is.
            shown = shown_at(
                await client.perform(Offer("s", bare_sdp(OFFICE, moved.port), INSIDE, OUTSIDE))
            )
            assert shown[0] == B1
            shown = shown_at(
                await client.perform(Answer("s", bare_sdp(PHONE, phone.port), OUTSIDE, INSIDE))
            )
            assert (await moved.says(shown, phone))[0]
            shown_at(await client.perform(Offer("s", bare_sdp(PHONE, phone.port), OUTSIDE, INSIDE)))
            back = shown_at(
                await client.perform(Answer("s", bare_sdp(OFFICE, moved.port), INSIDE, OUTSIDE))
            )
            assert (await phone.says(back, moved))[0]
            assert node.calls() == ["s"]
            stats = {(one.side, one.kind): one for one in (await client.perform(Query("s"))).stats}
            assert stats["outside", "rtp"].received_packets > 0
            assert stats["outside", "rtp"].latched == f"{PHONE}:{phone.port}"
            assert stats["inside", "rtp"].received_packets > 0
            last = await client.perform(Delete("s", "bye"))
            assert {one.side for one in last.stats} == {"outside", "inside"}
            assert (node.calls(), await client.sessions()) == ([], [])


async def test_a_session_stays_where_it_is_and_new_ones_avoid_a_node_that_is_away(tmp_path):
    with ExitStack() as stack:
        nodes = [engine(stack, tmp_path, ONE, 36200), engine(stack, tmp_path, TWO, 36400)]
        # Pings are far apart: the first request finds out that a node is silent.
        async with client_of(*nodes, ping_seconds=60) as client:
            for number in range(40):
                shown_at(
                    await client.perform(
                        Offer(f"a{number}", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE)
                    )
                )
            names = [f"a{number}" for number in range(40)]
            held = [[name for name in names if node.holds(name)] for node in nodes]
            assert held[0] and held[1] and sorted(held[0] + held[1]) == sorted(names)
            nodes[0].pause()
            for number in range(5):
                shown_at(
                    await client.perform(
                        Offer(f"b{number}", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE)
                    )
                )
            assert [nodes[1].holds(f"b{number}") for number in range(5)] == [True] * 5
            away = await client.perform(Query(min(held[0])))
            assert (away.status, "does not answer" in away.error) == (503, True)
            shown_at(
                await client.perform(Answer(min(held[1]), bare_sdp(OFFICE, 4002), INSIDE, OUTSIDE))
            )
            nodes[0].resume()
            shown_at(
                await client.perform(Answer(min(held[0]), bare_sdp(OFFICE, 4002), INSIDE, OUTSIDE))
            )
            assert all(row["state"] == "up" for row in client.show())


async def test_no_node_and_what_a_node_refuses_is_an_error_with_a_status(tmp_path):
    with ExitStack() as stack:
        node = engine(stack, tmp_path, ONE, 36600)
        async with client_of(node) as client:
            bad = await client.perform(Offer("s", b"hello", OUTSIDE, INSIDE))
            assert (bad.sdp, bad.status) == (None, 488)
            unknown = await client.perform(Answer("x", bare_sdp(OFFICE, 4002), INSIDE, OUTSIDE))
            assert unknown.status == 500
            assert (await client.perform(Delete("x", "bye"))).status == 500
            node.stop()
            gone = await client.perform(Offer("s", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE))
            assert gone.status == 503
            assert not client.connected
            assert await client.sessions() == []


async def test_an_interface_that_the_node_does_not_have_shows_no_inside_address_outside(tmp_path):
    places = NgPlaces({"B1": "typo", "A1": "priv"}, PLACES.addresses)
    with ExitStack() as stack:
        node = engine(stack, tmp_path, ONE, 36800)
        async with client_of(node, places=places) as client:
            refused = await client.perform(Offer("s", bare_sdp(OFFICE, 4000), INSIDE, OUTSIDE))
            assert refused.status == 500
            assert refused.error == f"rtpengine shows {A1} for media interface 'B1', which is {B1}"
            assert node.calls() == []


async def test_a_session_without_packets_is_reported_and_a_held_one_is_not(tmp_path):
    with ExitStack() as stack:
        node = engine(stack, tmp_path, ONE, 37000)
        async with client_of(node, timeout_seconds=0.4) as client:
            began = monotonic()
            for name, extra in (("quiet", ""), ("held", "a=sendonly\r\n")):
                offer = Offer(name, bare_sdp(PHONE, 4000, extra), OUTSIDE, INSIDE)
                shown_at(await client.perform(offer))
                shown_at(
                    await client.perform(Answer(name, bare_sdp(OFFICE, 4002), INSIDE, OUTSIDE))
                )
            shown_at(await client.perform(Offer("ringing", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE)))
            found = await asyncio.wait_for(client.timeouts.get(), 30)
            assert found.session == "quiet"
            assert 0.4 <= found.silent_seconds <= monotonic() - began + 0.1
            node.ask({"command": "delete", "call-id": "quiet"})
            shown_at(await client.perform(Offer("lost", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE)))
            shown_at(await client.perform(Answer("lost", bare_sdp(OFFICE, 4002), INSIDE, OUTSIDE)))
            node.ask({"command": "delete", "call-id": "lost"})
            assert (await asyncio.wait_for(client.timeouts.get(), 30)).session == "lost"
            assert client.timeouts.empty()


async def test_each_session_has_its_own_timeout(tmp_path):
    with ExitStack() as stack:
        node = engine(stack, tmp_path, ONE, 37000)
        async with client_of(node, timeout_seconds=0.4) as client:
            for name, seconds in (("slow", 3600), ("quick", 1)):
                outside = replace(OUTSIDE, timeout_seconds=seconds)
                offer = Offer(name, bare_sdp(PHONE, 4000), outside, INSIDE)
                shown_at(await client.perform(offer))
                answer = Answer(name, bare_sdp(OFFICE, 4002), INSIDE, outside)
                shown_at(await client.perform(answer))
            found = await asyncio.wait_for(client.timeouts.get(), 30)
            assert found.session == "quick"
            assert found.silent_seconds >= 1.0
            assert client.timeouts.empty()


async def test_a_client_that_starts_again_finds_its_sessions(tmp_path):
    with ExitStack() as stack:
        node = engine(stack, tmp_path, ONE, 37200)
        async with client_of(node) as client:
            shown_at(await client.perform(Offer("s", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE)))
        async with client_of(node) as client:
            shown_at(await client.perform(Answer("s", bare_sdp(OFFICE, 4002), INSIDE, OUTSIDE)))
            assert (await client.perform(Delete("s", "bye"))).error is None
            assert node.calls() == []


def told(*some):
    return "\n".join(f"{one.child.name}: {one.events[-4:]}\n{one.child.tail()}" for one in some)


async def call(phones, desk, ruel, dora):
    """A call from outside to the desk; what each heard is whole."""
    speech = str(phones.short_speech("ruel"))
    options = ("--call", dora.extension, "--hangup-after", str(talk_seconds()), "--play", speech)
    caller = await phones.farline(ruel, *options, outside=True)
    assert await caller.until(event("audio"), AFTER), told(caller, desk)
    assert await desk.until(event("audio"), AFTER), told(caller, desk)
    there, back = heard("ruel", desk.recording), heard("dora", caller.recording)
    assert (there.ok, back.ok) == (True, True), (there.reason, back.reason)


async def test_calls_through_the_border_are_heard_and_go_on_when_a_node_dies(tmp_path):
    with ExitStack() as stack:
        # The nodes' ng addresses stand in the deployment, whose addresses the nodes need.
        ports = [free_ports(1, ip)[0] for ip in (ONE, TWO)]
        engines = "\n".join(
            f"      - {{address: {ip}, port: {port}}}"
            for ip, port in zip((ONE, TWO), ports, strict=True)
        )
        engine_form = (
            "border:\n  media_engine:\n    engine: rtpengine\n    ping_seconds: 1\n"
            f"    nodes:\n{engines}\n"
            "    interfaces:\n      - {media_interface: IPORWB1Media, name: pub}\n"
            "  # Device"
        )
        site = prepare_site(tmp_path, ("border:\n  # Device", engine_form))
        stack.enter_context(closing(site))
        media = {one.name: one.ip for one in site.deployment.border.media_interfaces}
        interfaces = [f"IPORWA1Media/{media['IPORWA1Media']}", f"pub/{media['IPORWB1Media']}"]
        nodes = [
            stack.enter_context(
                rtpengine(ip, interfaces, (first, first + 998), tmp_path / f"{ip}.log", port)
            )
            for ip, first, port in zip((ONE, TWO), (35000, 36000), ports, strict=True)
        ]
        async with Lab(site.prepared, lambda _text: None), make_phones(site, tmp_path) as phones:
            assert not (site.run_dir / "control" / "media.sock").exists()
            ruel, dora = site.user(), site.user()
            desk = await phones.farline(dora, "--answer-after-ms", "100")
            assert await desk.until(REGISTERED, AFTER), told(desk)
            await call(phones, desk, ruel, dora)
            used = [OFFERED in node.log.read_text(errors="replace") for node in nodes]
            assert sum(used) == 1, used
            dead = used.index(True)
            nodes[dead].stop()
            ruel, dora = site.user(), site.user()
            desk = await phones.farline(dora, "--answer-after-ms", "100")
            assert await desk.until(REGISTERED, AFTER), told(desk)
            await call(phones, desk, ruel, dora)
            shown = (await site.show())["media nodes"]
            assert (shown[dead]["state"], shown[1 - dead]["state"]) == ("down", "up"), shown
            assert nodes[1 - dead].calls() == []
        assert site.trouble() == []
