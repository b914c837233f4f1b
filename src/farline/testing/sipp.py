"""SIPp around a border's core on loopback: the guide's border with the real driver, in process."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from farline.border import BorderCore
from farline.border.explain.scratch import StandInEngine
from farline.config import load_deployment
from farline.runtime.ids import RealIds
from farline.runtime.sip import Listener, SipDriver
from farline.sip.effects import Started

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from farline.config import Border
    from farline.media.engine import MediaReply, MediaRequest

GUIDE = Path(__file__).parents[3] / "examples" / "guide.yaml"
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
_HOP = "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}"
_ADDRESS = "        - {address: 10.10.10.13, port: 5060, transport: UDP}\n"


def guide_border(servers: Sequence[str], port: int, transport: str) -> Border:
    """The guide's border with next hops of a transport, in this order."""
    hops = "\n        ".join(
        f"- {{priority: {n}, server: IPO, address: {ip}, port: {port}, transport: {transport}}}"
        for n, ip in enumerate(servers, 1)
    )
    addresses = "".join(
        f"        - {{address: {ip}, port: {port}, transport: {transport}}}\n" for ip in servers
    )
    text = GUIDE.read_text(encoding="utf-8")
    for old, new in ((_HOP, hops), (_ADDRESS, addresses + _ADDRESS)):
        if old not in text:
            raise ValueError(f"{GUIDE} has no {old!r}")
        text = text.replace(old, new, 1)
    border = load_deployment(text, SECRETS).border
    if border is None:
        raise ValueError(f"{GUIDE} has no border")
    return border


class SippWorld:
    """A border on two loopback addresses, and the SIPp processes around it; use as a context."""

    core: BorderCore

    def __init__(self, directory: Path, outside: str, inside: str, port: int) -> None:
        """`outside`, `inside`: addresses of B1 and A1; TLS is on `port` + 1, WSS on + 2."""
        self.directory = directory
        self.port = port
        self._ips = {"IPORWB1Sig": outside, "IPORWA1Sig": inside}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> SippWorld:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def ends(self, stop: Callable[[], Awaitable[None]]) -> None:
        """Have something stopped with the world."""
        self._stack.push_async_callback(stop)

    async def border(
        self,
        servers: Sequence[str],
        transport: str,
        *,
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
    ) -> None:
        """Start the border; `server`: TLS and WSS listen with it, `client` judges the servers."""
        config = guide_border(servers, self.port + (transport == "TLS"), transport)
        secure = {"tls_port": self.port + 1, "wss_port": self.port + 2} if server else {
            "tls_port": None, "tls_profile": None
        }  # fmt: skip
        interfaces = tuple(
            one.model_copy(
                update={
                    "ip": self._ips[one.name], "tcp_port": self.port, "udp_port": self.port,
                    **secure,
                }
            )
            for one in config.signaling_interfaces
        )  # fmt: skip
        config = config.model_copy(update={"signaling_interfaces": interfaces})
        await self.run(config, server=server, client=client)

    async def run(
        self,
        config: Border,
        *,
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
    ) -> None:
        """Start a border of any configuration, on its own addresses."""
        self.core = BorderCore(config, RealIds())
        engine = StandInEngine({item.name: item.ip for item in config.media_interfaces})

        async def media(request: MediaRequest) -> MediaReply:
            return engine.perform(request)

        listeners = [
            Listener(
                one.name, one.ip, udp_port=one.udp_port, tcp_port=one.tcp_port,
                tls_port=one.tls_port, wss_port=one.wss_port, tls=server,
            )
            for one in config.signaling_interfaces
        ]  # fmt: skip
        driver = SipDriver(self.core, listeners, media=media, tls_client=client)
        await driver.start()
        self._stack.push_async_callback(driver.stop)
        driver.handle(Started())

    async def sipp(
        self, scenario: Path, ip: str, transport: str, *options: str
    ) -> asyncio.subprocess.Process:
        """Start SIPp; its errors go to NAME.err, what it prints to NAME.log."""
        argv = ["sipp", "-sf", str(scenario), "-i", ip, "-nostdin"]
        argv += ["-t", "u1" if transport == "UDP" else "t1"]
        argv += ["-trace_err", "-error_file", f"{scenario.stem}.err", *options]
        log = self._stack.enter_context((self.directory / f"{scenario.stem}.log").open("wb"))
        child = await asyncio.create_subprocess_exec(
            *argv, cwd=self.directory, stdout=log, stderr=log
        )
        self._stack.push_async_callback(_ended, child)
        return child

    def errors(self, name: str) -> str:
        """What SIPp complains of: the end of it."""
        path = self.directory / f"{name}.err"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""


async def _ended(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.kill()
    await child.wait()


async def listening(ip: str, port: int, transport: str) -> None:
    """Wait until somebody listens on an IPv4 address of this machine."""
    table = Path("/proc/net") / ("udp" if transport == "UDP" else "tcp")
    packed = "".join(f"{int(part):02X}" for part in reversed(ip.split(".")))
    while f"{packed}:{port:04X} 00000000:0000" not in table.read_text():  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.05)
