"""The servers of a deployment, running: name servers, border, office, portal and their media.

With namespaces each runs in its node; on loopback all run here, each on its own addresses.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from farline.lab.children import Child, Children
from farline.lab.errors import LabError
from farline.lab.loopback import loopback_port
from farline.lab.namespaces import Namespaces
from farline.lab.revival import Revival
from farline.lab.state import clear_state, write_state
from farline.lab.topology import guide_topology
from farline.runtime.control import ControlError
from farline.runtime.role import roles_of
from farline.runtime.supervisor import role_command, wait_ready
from farline.sip.transport import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from farline.config import Deployment
    from farline.config import Lab as LabForm
    from farline.lab.prepare import Prepared

NODE_OF_ROLE = {
    "media": "border",
    "office-media": "office",
    "office": "office",
    "portal": "office",
    "border": "border",
    "ems": "border",
}
STAGES = (("media", "office-media"), ("office", "border"), ("portal", "ems"))
"""In the order of starting: who is needed first."""
READY_SECONDS = 60.0
DNS_PORT = 53


class Lab:
    """`async with Lab(prepared, notice):` the servers answer inside the block."""

    def __init__(self, prepared: Prepared, notice: Callable[[str], None]) -> None:
        self.prepared = prepared
        self.notice = notice
        self.namespaces: Namespaces | None = None
        # On loopback the kernel ends a child of ours with us; in a node its process 1 sees to it.
        parent = {"FARLINE_PARENT": str(os.getpid())} if prepared.loopback else {}
        self.children = Children(parent, inside=not prepared.loopback)
        self._revival = Revival(self.children, notice)

    @property
    def deployment(self) -> Deployment:
        """What runs."""
        return self.prepared.deployment

    @property
    def form(self) -> LabForm:
        """The deployment's lab section."""
        if self.deployment.lab is None:
            raise LabError("the deployment has no section lab")
        return self.deployment.lab

    @property
    def outside_ip(self) -> str:
        """The border's outside address: where its first subscriber flow listens."""
        border = self.deployment.border
        if border is None or not border.subscriber_flows:
            raise LabError("the border has no subscriber flow, so nobody outside can reach it")
        wanted = border.subscriber_flows[0].signaling_interface
        return next(entry.ip for entry in border.signaling_interfaces if entry.name == wanted)

    def dns(self, *, outside: bool) -> Address:
        """The name server of a side."""
        ip = self.form.outside_dns if outside else self.form.inside_dns
        return Address(ip, loopback_port(DNS_PORT) if self.prepared.loopback else DNS_PORT)

    def command(self, node: str, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in a node."""
        return list(argv) if self.namespaces is None else self.namespaces[node].command(argv)

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.prepared.run_dir / "log" / f"{name}.log"

    async def __aenter__(self) -> Lab:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        run_dir = self.prepared.run_dir
        if not self.prepared.loopback:
            topology = guide_topology(self.deployment)
            # Built in a thread it would die with that thread: the kernel's parent is a thread.
            self.namespaces = Namespaces(topology, run_dir).__enter__()
            self.notice("the networks are up")
        self._write_state(ready=False)
        await self._start_dns()
        for stage in STAGES:
            started = [await self._start_role(role) for role in stage if role in self._roles()]
            for child in started:
                await self._await_role(child)
                self.notice(f"{child.name} is ready")
                again = partial(self._start_role, child.name)
                self._revival.watch(child, again, self._await_role)
        self._write_state(ready=True)

    async def _stop(self) -> None:
        try:
            try:
                await self._revival.stop()
            finally:
                await self.children.end()
        finally:
            if self.namespaces is not None:
                self.namespaces.close()
            clear_state(self.prepared.run_dir)

    def _roles(self) -> tuple[str, ...]:
        return roles_of(self.deployment)

    def _write_state(self, *, ready: bool) -> None:
        places = self.namespaces.places if self.namespaces is not None else {}
        pids = {name: place.pid for name, place in places.items()}
        mode = "loopback" if self.prepared.loopback else "namespaces"
        write_state(self.prepared.run_dir, mode, pids, ready=ready)

    async def _start_dns(self) -> None:
        """Two views of the server's name: the border outside, the office inside."""
        office, portal = self.deployment.office, self.deployment.portal
        if office is None:
            raise LabError("the deployment has no section office")
        name = self.form.mobile.server
        inside = portal.ip if portal is not None else office.ip
        views = (("outside", True, self.outside_ip), ("office", False, inside))
        for node, outside, address in views:
            at = self.dns(outside=outside)
            module = [sys.executable, "-m", "farline.runtime.dns.server"]
            argv = [*module, "--ip", at.host, "--port", str(at.port), f"{name}={address}"]
            label = "dns-outside" if outside else "dns-inside"
            command = self.command(node, argv)
            start = partial(self.children.start, label, command, self.log(label), read=True)
            child = await start()
            await _await_line(child)
            self.notice(f"{label}: {name} is {address} ({at})")
            self._revival.watch(child, start, _await_line)

    async def _start_role(self, role: str) -> Child:
        prepared = self.prepared
        command = role_command(role, prepared.config.resolve(), prepared.run_dir.resolve())
        node = NODE_OF_ROLE[role]
        return await self.children.start(role, self.command(node, command), self.log(role))

    async def _await_role(self, child: Child) -> None:
        ready = asyncio.ensure_future(wait_ready(child.name, self.prepared.run_dir, READY_SECONDS))
        ended = asyncio.ensure_future(child.process.wait())
        try:
            await asyncio.wait((ready, ended), return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise LabError(f"{child.name} ended at its start:\n{child.tail()}")
            ready.result()
        except ControlError as error:
            raise LabError(f"{error}; its log:\n{child.tail()}") from error
        finally:
            for task in (ready, ended):
                task.cancel()
                with suppress(asyncio.CancelledError, ControlError):
                    await task


async def _await_line(child: Child) -> None:
    """Wait for a name server's word. Raises LabError."""
    try:
        line = await asyncio.wait_for(child.line(), READY_SECONDS)
    except TimeoutError:
        line = b""
    if line != b"ready\n":
        raise LabError(f"{child.name} did not start: {' '.join(child.tail().split())}")
