"""A running portal on loopback, with a directory of its own, for tests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.config import Deployment, load_deployment
from farline.runtime.control import ControlError, call
from farline.runtime.portal import run_portal
from farline.runtime.role import RoleContext
from farline.runtime.tls.lab_authority import make_certificates
from farline.runtime.tls.profiles import server_context
from farline.testing.directory import SERVICE_PASSWORD, SERVICE_USER, FakeDirectory
from farline.testing.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from farline.portal.accounts import Account

DOMAIN = "ipo1xp.ipolab.com"
IP = "127.0.0.1"


def portal_text(*, rest: int, communicator: int, xmpp: int, dsml: int, max_failed: int = 10) -> str:
    """A deployment that has only a portal; certificates in tls/."""
    return f"""
version: 1
tls_server_profiles:
  - {{name: PortalProf, certificate: tls/portal.pem, key: tls/portal.key}}
  - {{name: OfficeProf, certificate: tls/office.pem, key: tls/office.key}}
tls_client_profiles:
  - {{name: ClientProf, peer_certificate_authorities: tls/ca.pem}}
portal:
  ip: {IP}
  server_name: {DOMAIN}
  rest_port: {rest}
  communicator_port: {communicator}
  tls_profile: PortalProf
  max_failed_logins: {max_failed}
  im_presence: {{domain: {DOMAIN}, port: {xmpp}, tls_profile: PortalProf}}
  dsml_provider:
    address: {IP}
    port: {dsml}
    user: {SERVICE_USER}
    password: {{secret: service}}
    tls_client_profile: ClientProf
  sip_info: {{domain: {DOMAIN}, private_address: 10.10.10.13}}
"""


@dataclass
class RunningPortal:
    """What a test needs to know of it."""

    context: RoleContext
    directory: FakeDirectory
    rest_port: int
    communicator_port: int
    xmpp_port: int

    @property
    def ca(self) -> Path:
        """Certificate authority of everything."""
        return self.context.base / "tls" / "ca.pem"


def prepare_portal(
    base: Path, accounts: Sequence[Account], *, max_failed: int = 10
) -> tuple[Deployment, RunningPortal]:
    """Certificates, configuration and directory in `base`; nothing runs yet."""
    rest, communicator, xmpp, dsml = free_ports(4)
    make_certificates(base / "tls", {"portal": [DOMAIN, IP], "office": [IP]})
    text = portal_text(
        rest=rest, communicator=communicator, xmpp=xmpp, dsml=dsml, max_failed=max_failed
    )
    deployment = load_deployment(text, {"service": SERVICE_PASSWORD})
    context = RoleContext("portal", deployment, base, base / "run")
    tls = server_context(deployment, "OfficeProf", base)
    directory = FakeDirectory(IP, dsml, tls, list(accounts))
    return deployment, RunningPortal(context, directory, rest, communicator, xmpp)


@asynccontextmanager
async def running_portal(
    base: Path, accounts: Sequence[Account], *, max_failed: int = 10
) -> AsyncIterator[RunningPortal]:
    """The whole role as `farline run` has it, Prosody included; ready when given."""
    _, portal = prepare_portal(base, accounts, max_failed=max_failed)
    await portal.directory.start()
    task = asyncio.create_task(run_portal(portal.context))
    try:
        await _until_ready(task, portal.context)
        yield portal
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await portal.directory.stop()


async def _until_ready(task: asyncio.Task[None], context: RoleContext) -> None:
    """Until directory, messaging and mybuddy are available; the task's own error otherwise."""
    async with asyncio.timeout(60):
        while not task.done():
            await asyncio.sleep(0.05)
            try:
                components = await call(context.control_path, "components")
            except (ControlError, OSError):
                continue
            if len(components) == 3 and all(c["status"] == "Available" for c in components):
                return
    await task
