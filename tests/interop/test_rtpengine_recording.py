"""A node of Debian's rtpengine that is to record calls: with a directory, and without one."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from farline.config import Border, MediaNode
from farline.media.engine import Delete, Offer, Side
from farline.media.ng.client import NgPlaces
from farline.runtime.ids import RealIds
from farline.runtime.ng_client import NgClient
from farline.runtime.ng_recording import WHY, check_nodes
from farline.runtime.ng_settings import NgSettings
from farline.testing.ports import free_ports
from farline.testing.rtpengine import rtpengine

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.skipif(shutil.which("rtpengine") is None, reason="rtpengine-daemon is missing"),
]

B1, A1, NODE = "127.81.1.96", "127.81.1.7", "127.81.2.1"
PLACES = NgPlaces({"B1": "pub", "A1": "priv"}, {"B1": B1, "A1": A1})
OUTSIDE, INSIDE = Side("outside", "B1", ""), Side("inside", "A1", "", record=True)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.81.3.1\r\ns=-\r\nc=IN IP4 127.81.3.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8\r\na=sendrecv\r\n"
)


@pytest.fixture(params=[True, False], ids=["with a directory", "without"])
def node(request, tmp_path):
    """A daemon, and whether it records."""
    files = tmp_path / "pcap"
    files.mkdir()
    options = (f"--recording-dir={files}", "--recording-method=pcap") if request.param else ()
    interfaces = [f"priv/{A1}", f"pub/{B1}"]
    with rtpengine(NODE, interfaces, (38300, 38398), tmp_path / "log", None, *options) as daemon:
        yield daemon, request.param


@asynccontextmanager
async def client_of(daemon, *, records):
    reports = []
    settings = NgSettings((MediaNode(address=NODE, port=daemon.port),), PLACES, records=records)
    client = NgClient(settings, reports.append)
    client.start()
    try:
        await asyncio.wait_for(client.wait_connected(), 10)
        yield client, reports
    finally:
        await client.stop()


async def test_a_call_that_is_recorded_or_is_not_is_told_once(node):
    daemon, records = node
    async with client_of(daemon, records=False) as (client, reports):
        for _ in range(2):
            reply = await client.perform(Offer("call", SDP, OUTSIDE, INSIDE))
            assert reply.error is None, reply
        other = await client.perform(Offer("other", SDP, OUTSIDE, replace(INSIDE, record=False)))
        assert other.error is None, other
        (told,) = reports
        if records:
            assert (told.session, told.state) == ("call", "began")
            assert Path(told.file).exists()
        else:
            assert (told.session, told.state, told.why) == ("call", "failed", WHY)
            assert told.file == f"rtpengine {NODE}:{daemon.port}"
        assert client.show()[0]["recording"] == ("records" if records else "records nothing")
        assert (await client.perform(Delete("call", "bye"))).error is None


async def test_a_node_is_asked_when_it_comes_up(node):
    daemon, records = node
    async with client_of(daemon, records=True) as (client, reports):
        async with asyncio.timeout(20):
            while not client.show()[0]["recording"]:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.02)
        assert [(one.session, one.state) for one in reports] == (
            [] if records else [("", "failed")]
        )
        assert daemon.calls() == []


def form(port, *, recorded):
    groups = [{"name": "g", "sets": [{"recording": {"name": "r", "record_to_file": recorded}}]}]
    flow = {
        "name": "f", "server_profile": "p", "received_interface": "B1", "signaling_interface": "A1",
        "media_interface": "A1", "end_point_policy_group": "g",
    }  # fmt: skip
    engine = {"engine": "rtpengine", "nodes": [{"address": NODE, "port": port}]}
    return Border(media_engine=engine, end_point_policy_groups=groups, server_flows=[flow])


@pytest.mark.parametrize("recorded", [True, False])
async def test_the_check_names_a_node_that_records_nothing(node, recorded):
    daemon, records = node
    found = await check_nodes(form(daemon.port, recorded=recorded), PLACES, RealIds())
    assert len(found) == (recorded and not records)
    for problem in found:
        assert (problem.place, problem.severity) == ("border.media_engine.nodes[0]", "warning")
        assert WHY in problem.text
        assert "--recording-dir" in problem.remedy


async def test_the_check_names_a_node_that_does_not_answer():
    (port,) = free_ports(1, NODE)
    (problem,) = await check_nodes(form(port, recorded=False), PLACES, RealIds())
    assert f"{NODE}:{port}" in problem.text
