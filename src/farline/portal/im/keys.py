"""Where the instant messaging server asks for SCRAM keys: HTTP on 127.0.0.1, a secret in the path.

GET /TOKEN/keys/NODE gives keys for any name, decoys for unknown and throttled ones, so that neither
the server nor its clients can tell them apart. POST /TOKEN/failed/NODE counts a failed login.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from aiohttp import web

from farline.portal.scram import ITERATIONS, ScramKeys, decoy
from farline.trace.events import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.portal.accounts import Accounts
    from farline.portal.throttle import Throttle
    from farline.sip.ids import Ids
    from farline.trace.events import Event

HOST = "127.0.0.1"
MAX_NODE = 1023
"""Bytes of the local part of a JID (RFC 7622)."""


class BuddyLogin:
    """mybuddy's account: a password that only this process knows, new at every start."""

    def __init__(self, node: str, ids: Ids) -> None:
        self.node = node
        self.password = ids.token(24)
        salt = bytes.fromhex(ids.token(16))
        self.sha1 = ScramKeys.derive("sha1", self.password, salt, ITERATIONS)
        self.sha256 = ScramKeys.derive("sha256", self.password, salt, ITERATIONS)


class KeyServer:
    """Serves keys to the instant messaging server of this portal and to nobody else."""

    def __init__(
        self,
        accounts: Callable[[], Accounts],
        buddy: BuddyLogin,
        throttle: Throttle,
        *,
        decoy_secret: bytes,
        ids: Ids,
        clock: Callable[[], float],
        trace: Callable[[Event], None],
    ) -> None:
        self._accounts = accounts
        self._buddy = buddy
        self._throttle = throttle
        self._decoy_secret = decoy_secret
        self._clock = clock
        self._trace = trace
        self._token = ids.token(24)
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.served = 0
        self.failed = 0

    @property
    def url(self) -> str:
        """What the instant messaging server is told; secret."""
        return f"http://{HOST}:{self.port}/{self._token}"

    async def start(self) -> None:
        """Listen on a free loopback port."""
        app = web.Application()
        app.router.add_get("/{token}/keys/{node}", self._keys)
        app.router.add_post("/{token}/failed/{node}", self._failure)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _keys(self, request: web.Request) -> web.Response:
        node = self._node(request)
        self.served += 1
        sha1, sha256 = self._keys_of(node)
        return web.json_response({"sha1": sha1.as_json(), "sha256": sha256.as_json()})

    async def _failure(self, request: web.Request) -> web.Response:
        node = self._node(request)
        self.failed += 1
        self._throttle.failed(node, self._clock())
        known = node == self._buddy.node or self._accounts().find_node(node) is not None
        reason = "wrong password" if known else "unknown user"
        self._trace(Refused("login", f"{reason}: {node!r}", "XMPP", ""))
        return web.Response(status=204)

    def _node(self, request: web.Request) -> str:
        given = request.match_info["token"].encode(errors="replace")
        node = request.match_info["node"]
        if not hmac.compare_digest(given, self._token.encode()) or len(node) > MAX_NODE:
            raise web.HTTPNotFound
        return node

    def _keys_of(self, node: str) -> tuple[ScramKeys, ScramKeys]:
        if node == self._buddy.node:
            return self._buddy.sha1, self._buddy.sha256
        account = self._accounts().find_node(node)
        if account is not None and account.messaging:
            if not self._throttle.blocked(node, self._clock()):
                return account.scram_sha1, account.scram_sha256
            self._trace(Refused("throttled", f"too many failed logins: {node!r}", "XMPP", ""))
        secret = self._decoy_secret
        return decoy("sha1", secret, node), decoy("sha256", secret, node)
