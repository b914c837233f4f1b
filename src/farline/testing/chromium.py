"""Chromium without a window, driven over the DevTools protocol: a browser for tests, not ours."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
START_SECONDS: Final = 60

MOUTH: Final = """
  const context = new AudioContext();
  const tone = context.createOscillator();
  const mouth = context.createMediaStreamDestination();
  tone.connect(mouth);
  tone.start();
  const voice = mouth.stream.getAudioTracks()[0];
"""
"""For scripts: `voice`, a track with a tone of 440 Hz, of the stream `mouth.stream`."""
_DESCRIBED: Final = """new Promise((done) => {
  const look = () => peer.iceGatheringState === 'complete' && done(peer.localDescription.sdp);
  peer.onicegatheringstatechange = look;
  look();
})"""


class PageError(RuntimeError):
    """What a page's script threw."""


class Page:
    """A page to run scripts in."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)

    async def open(self, url: str) -> None:
        """Go there and wait until its script has run; raises PageError, TimeoutError."""
        await self.run(f"location.assign({json.dumps(url)})")
        async with asyncio.timeout(START_SECONDS):
            loaded = f"document.readyState === 'complete' && location.href === {json.dumps(url)}"
            while True:
                try:
                    if await self.run(loaded):
                        return
                except PageError:  # the page before it is being left
                    continue
                await asyncio.sleep(0.02)

    async def run(self, script: str) -> object:
        """The value of an expression, waited for where it is a promise; raises PageError."""
        number = next(self._numbers)
        params = {"expression": script, "awaitPromise": True, "returnByValue": True}
        await self._socket.send_json({"id": number, "method": "Runtime.evaluate", "params": params})
        while True:
            reply = await self._socket.receive_json()
            if reply.get("id") == number:
                break
        result = reply.get("result", {})
        if "exceptionDetails" in result or "error" in reply:
            raise PageError(json.dumps(result.get("exceptionDetails", reply)))
        value: object = result["result"].get("value")
        return value

    async def offer(self) -> bytes:
        """What the page's `peer`, an RTCPeerConnection, offers, with all its candidates."""
        await self.run("peer.setLocalDescription()")
        return await self._described()

    async def accept(self, answer: bytes) -> None:
        """Give `peer` the answer to its offer."""
        await self.run(f"peer.setRemoteDescription({_description('answer', answer)})")

    async def answer(self, offer: bytes) -> bytes:
        """What `peer` answers to an offer."""
        told = f"peer.setRemoteDescription({_description('offer', offer)})"
        await self.run(f"{told}.then(() => peer.setLocalDescription())")
        return await self._described()

    async def _described(self) -> bytes:
        return str(await self.run(_DESCRIBED)).encode()


def _description(kind: str, sdp: bytes) -> str:
    return json.dumps({"type": kind, "sdp": sdp.decode()})


@asynccontextmanager
async def chromium(directory: Path, *flags: str) -> AsyncIterator[Page]:
    """Start it with an empty page; `directory` keeps its profile. Raises OSError, TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        "chromium",
        *FLAGS,
        *flags,
        f"--user-data-dir={directory}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(START_SECONDS):
                address = await _address(process)
                pages = await (await session.get(f"http://{address}/json/list")).json()
                place = next(one for one in pages if one["type"] == "page")
                socket = await session.ws_connect(place["webSocketDebuggerUrl"])
            async with socket:
                yield Page(socket)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    """HOST:PORT of its DevTools, which it writes to its log."""
    if process.stderr is None:
        raise OSError("chromium was started without a pipe for its log")
    async for line in process.stderr:
        _, found, place = line.decode("utf-8", "replace").partition("DevTools listening on ws://")
        if found:
            return place.split("/")[0]
    raise OSError("chromium ended without a word about DevTools")
