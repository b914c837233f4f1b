"""Instant messaging: an XMPP session by slixmpp, as the guide's client holds one.

STARTTLS and SCRAM are required: no password and no stanza goes in the clear. The connection goes to
the address that was resolved before, from the address that is given.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Any

from slixmpp import ClientXMPP

from farline.mobile.steps import Door, StepError
from farline.mobile.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from slixmpp.stanza import Presence

    from farline.mobile.asks import AwaitBuddy, ConnectIm

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)  # failures are told as StepError

LOGIN_TIMEOUT = 15.0
"""Seconds for connection, TLS, SASL and binding."""

BUDDY_TIMEOUT = 15.0
"""Seconds to wait for My Buddy's presence."""

MECHANISMS = {"SCRAM-SHA-256", "SCRAM-SHA-1"}


class _Xmpp(ClientXMPP):
    """slixmpp's client with a source address and a single attempt."""

    def __init__(self, ask: ConnectIm, tls: ssl.SSLContext, local_ip: str | None) -> None:
        super().__init__(
            f"{ask.jid}/{ask.resource}",
            ask.password.reveal(),
            plugin_config={"feature_mechanisms": {"use_mechs": MECHANISMS}},
            ssl_context=tls,
        )
        self.enable_direct_tls = False
        self.auto_authorize = None
        self.auto_subscribe = False
        self._local_ip = local_ip

    async def _attempt_connection(
        self, host: str, port: int, tls: bool, server_hostname: str | None
    ) -> bool:
        """The library's own has no source address and tries for ever."""
        del tls, server_hostname
        try:
            await self.loop.create_connection(
                lambda: self,
                host,
                port,
                local_addr=(self._local_ip, 0) if self._local_ip else None,
            )
        except OSError as error:
            self.cancel_connection_attempt()
            self.event("connection_failed", error)
            return False
        return True


class ImClient:
    """One session. `connect`, `await_buddy`, `close`."""

    def __init__(
        self, tls: ssl.SSLContext, local_ip: str | None, on_lost: Callable[[str], None]
    ) -> None:
        """`on_lost` hears why a session that stood has ended by itself."""
        self._tls = tls
        self._local_ip = local_ip
        self._on_lost = on_lost
        self._xmpp: _Xmpp | None = None
        self._ready: asyncio.Future[str] | None = None
        self._present: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._closing = False

    async def connect(self, ask: ConnectIm) -> str:
        """Log in; the JID that was bound. Raises StepError."""
        xmpp = self._xmpp = _Xmpp(ask, self._tls, self._local_ip)
        self._ready = asyncio.get_running_loop().create_future()
        xmpp.add_event_handler("session_start", self._started)
        xmpp.add_event_handler("failed_auth", self._refused)
        xmpp.add_event_handler("no_auth", self._no_mechanism)
        xmpp.add_event_handler("ssl_invalid_chain", self._bad_chain)
        xmpp.add_event_handler("connection_failed", self._unreachable)
        xmpp.add_event_handler("disconnected", self._disconnected)
        xmpp.add_event_handler("changed_status", self._presence)
        xmpp.connect(ask.address, ask.port)
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT):
                return await self._ready
        except TimeoutError:
            await self.close()
            why = f"{ask.address}:{ask.port}: no login in {LOGIN_TIMEOUT:.0f} s"
            raise StepError(Door.XMPP, why) from None
        except StepError:
            await self.close()
            raise

    async def await_buddy(self, ask: AwaitBuddy) -> str:
        """Wait until that contact is available; its status text. Raises StepError."""
        bare = ask.jid.lower()
        xmpp = self._xmpp
        if xmpp is None:
            raise StepError(Door.XMPP, "there is no session")
        try:
            async with asyncio.timeout(BUDDY_TIMEOUT):
                while bare not in self._present:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            why = f"{ask.jid} did not become available in {BUDDY_TIMEOUT:.0f} s"
            raise StepError(Door.XMPP, why) from None
        return self._present[bare]

    async def close(self) -> None:
        """End the session; harmless without one."""
        xmpp, self._xmpp = self._xmpp, None
        self._closing = True
        if xmpp is None:
            return
        xmpp.cancel_connection_attempt()
        if xmpp.transport is not None:
            await xmpp.disconnect(wait=1.0)
        out = xmpp._run_out_filters
        if out is not None:
            out.cancel()
            await asyncio.gather(out, return_exceptions=True)

    # ---- what slixmpp says ----

    async def _started(self, event: Any) -> None:  # noqa: ANN401 - slixmpp's handlers take anything
        del event
        xmpp = self._xmpp
        if xmpp is None:
            return
        await xmpp.get_roster()
        xmpp.send_presence()
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(str(xmpp.boundjid))

    def _presence(self, presence: Presence) -> None:
        bare = str(presence["from"].bare).lower()
        if presence["type"] in ("available", "chat", "away", "xa", "dnd"):
            if len(self._present) < 1000 or bare in self._present:
                self._present[bare] = printable(str(presence["status"]))
        elif presence["type"] == "unavailable":
            self._present.pop(bare, None)
        self._changed.set()

    def _refused(self, failure: Any) -> None:  # noqa: ANN401 - a slixmpp stanza
        condition = printable(str(failure["condition"]))
        wrong = condition == "not-authorized"
        why = (
            "the server refuses user name and password (not-authorized)"
            if wrong
            else f"the server refuses the login ({condition})"
        )
        self._fail(why, wrong_password=wrong)

    def _no_mechanism(self, event: Any) -> None:  # noqa: ANN401
        del event
        self._fail("the server offers neither SCRAM-SHA-256 nor SCRAM-SHA-1 over TLS")

    def _bad_chain(self, error: ssl.SSLError) -> None:
        why = getattr(error, "verify_message", "") or error.reason or str(error)
        self._fail(f"the server's certificate is refused: {why}")

    def _unreachable(self, error: Any) -> None:  # noqa: ANN401
        self._fail(f"cannot connect: {printable(str(error))}")

    def _disconnected(self, reason: Any) -> None:  # noqa: ANN401
        if isinstance(reason, ssl.SSLError):
            self._bad_chain(reason)
        text = printable(str(reason)) if reason else "the server closed the connection"
        if self._ready is not None and not self._ready.done():
            self._fail(text)
        elif not self._closing:
            self._closing = True
            self._on_lost(text)

    def _fail(self, why: str, *, wrong_password: bool = False) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(StepError(Door.XMPP, why, wrong_password=wrong_password))
