"""A phone in a page, in Chromium: registered over WSS at the border, a whole call to a desk."""

import asyncio
import hashlib
import json
import shutil
from base64 import b64encode
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from farline.mobile.wav import read_wav
from farline.testing.chromium import chromium
from farline.testing.deployment import REGISTERED, event, prepare_site
from farline.testing.deployment import phones as make_phones
from farline.testing.ports import free_ports
from farline.testing.supervised import supervised

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium"),
]
PAGE = Path(__file__).with_name("browser_phone.html")
ROLES = ("media", "office-media", "office", "portal", "border")
TONE_HZ, RATE = 440, 8000
RULES = """
  media_rules:
    - {name: browsers, encryption: dtls, audio: {transcoding: [opus]}}
    - {name: office, encryption: "off", audio: {transcoding: [pcma]}}
  end_point_policy_groups:
    - {name: browsers, sets: [{media: browsers}]}
    - {name: office, sets: [{media: office}]}

  subscriber_flows:
    - name: Browsers
      user_agent: "Page*"
      signaling_interface: IPORWB1Sig
      media_interface: IPORWB1Media
      end_point_policy_group: browsers
      routing_profile: to-IPO
"""

SERVER_GROUP = """      end_point_policy_group: avaya-def-low-enc
      routing_profile: default
"""


@pytest.fixture(scope="module")
def origin():
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture(scope="module")
def site(tmp_path_factory, origin):
    changes = (
        ("wss_port: null", "wss_port: 4443"),
        ("ws_origins: []", f"ws_origins: ['{origin}']"),
        ("\n  subscriber_flows:\n", RULES),
        (SERVER_GROUP, SERVER_GROUP.replace("avaya-def-low-enc", "office")),
        ("digest_algorithms: [MD5]", "digest_algorithms: [SHA-256, MD5]"),
    )
    site = prepare_site(tmp_path_factory.mktemp("page"), *changes)
    with closing(site), supervised(site.prepared.config, ROLES, site.run_dir):
        yield site
    assert site.trouble() == []


@asynccontextmanager
async def page(site, origin, directory):
    """Chromium with the phone's page, which believes exactly the border's certificate."""

    async def serve(_request):
        return web.FileResponse(PAGE)

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(origin.rpartition(":")[2])).start()
    leaf = x509.load_pem_x509_certificate((site.ca.parent / "border.pem").read_bytes())
    key = leaf.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pin = b64encode(hashlib.sha256(key).digest()).decode()
    flag = f"--ignore-certificate-errors-spki-list={pin}"
    try:
        async with chromium(directory, flag) as browser:
            await browser.open(f"{origin}/")
            yield browser
    finally:
        await runner.cleanup()


def loudness(recording, hz):
    """The share of a recording's loudest second that is a tone."""
    heard = read_wav(recording).astype(float)
    best = 0.0
    for begin in range(0, max(1, len(heard) - RATE), RATE // 2):
        spectrum = np.abs(np.fft.rfft(heard[begin : begin + RATE])) ** 2
        around = spectrum[hz - 5 : hz + 6].sum()
        best = max(best, around / spectrum.sum() if spectrum.sum() > 1e6 else 0.0)
    return best


@pytest.mark.parametrize("codec", ["", "audio/opus"])
async def test_a_page_registers_and_calls_a_desk(site, origin, tmp_path, codec):
    """The desk has G.711 only: a page that offers Opus alone hears it through our transcoding."""
    user, dora = site.user(), site.user()
    async with make_phones(site, tmp_path) as phones, page(site, origin, tmp_path / "c") as browser:
        desk = await phones.farline(dora, "--answer-after-ms", "100")
        assert await desk.until(REGISTERED, 60), desk.events
        made = [f"wss://{site.border_ip}:4443", site.domain, user.extension, user.name]
        made = ", ".join(json.dumps(one) for one in [*made, user.password])
        await browser.run(f"(async () => {{ window.phone = new Phone({made}); "
                          "await phone.connect(); })()")  # fmt: skip
        assert await browser.run("phone.register()") == 200
        called = ", ".join(json.dumps(one) for one in (dora.extension, codec))
        assert await browser.run(f"phone.call({called})") == "answered"
        packets, level = 0, 0.0
        async with asyncio.timeout(60):
            while packets < 50 or level < 0.02:
                packets, level = await browser.run("phone.heard()")
        assert await browser.run("phone.peer.connectionState") == "connected"
        streams = (await site.show("media"))["streams"]
        becomes = {one["side"]: one["transcoding"] for one in streams if one["kind"] == "rtp"}
        wanted = ("PCMA", "opus") if codec else (None, None)
        assert becomes == dict(zip(("outside", "inside"), wanted, strict=True))
        assert await browser.run("phone.hangUp()") == 200
        assert await desk.until(event("audio"), 60), desk.events
        assert loudness(desk.recording, TONE_HZ) > 0.9
