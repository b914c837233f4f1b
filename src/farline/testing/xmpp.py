"""An instant messaging client for tests: slixmpp, with what it hears in queues."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from slixmpp import JID, ClientXMPP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from slixmpp.stanza import Message, Presence

SECONDS = 40.0


class LoginRefusedError(RuntimeError):
    """The server does not accept the credentials; the text is its condition."""


class XmppClient(ClientXMPP):  # type: ignore[misc,unused-ignore]  # untyped base in some releases
    """Logs in, sends presence, and remembers what others show of themselves."""

    def __init__(self, jid: str, password: str, ca: Path, mechanism: str | None = None) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        super().__init__(jid, password, sasl_mech=mechanism, ssl_context=context)
        self.enable_direct_tls = False
        self.bodies: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        """Sender and text of each message."""
        self.refusals: list[str] = []
        self._changed = asyncio.Condition()
        self._shown: dict[str, dict[str, str]] = {}
        """Status text by resource, by bare JID, of those available."""
        self._outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", self._started)
        self.add_event_handler(
            "failed_auth", lambda failure: self.refusals.append(failure["condition"])
        )
        self.add_event_handler("failed_all_auth", self._refused)
        self.add_event_handler("message", self._message)
        self.add_event_handler("presence", self._presence)
        self.add_event_handler("roster_update", self._roster_changed)

    async def log_in(self, host: str, port: int) -> None:
        """Connect, log in, be available. Raises LoginRefusedError, TimeoutError."""
        self.connect(host, port)
        async with asyncio.timeout(SECONDS):
            await self._outcome

    async def leave(self) -> None:
        """Log out in order."""
        await self.disconnect(wait=1.0)

    async def until_available(self, jid: str) -> str:
        """Wait for somebody to be available; gives the status text."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: self._shown.get(jid))
        return next(iter(self._shown[jid].values()))

    async def until_unavailable(self, jid: str) -> None:
        """Wait for somebody to be gone."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: not self._shown.get(jid))

    async def until_contact(self, jid: str, *, there: bool = True) -> None:
        """Wait for somebody to be in the roster, or out of it."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: (jid in self.contacts()) is there)

    def contacts(self) -> set[str]:
        """Bare JIDs of the roster that have a subscription both ways."""
        roster = self.client_roster
        return {str(jid) for jid in roster if roster[jid]["subscription"] == "both"}

    async def ask(self, jid: str, text: str) -> str:
        """Send a text and wait for the next one from there."""
        self.send_message(mto=JID(jid), mbody=text, mtype="chat")
        async with asyncio.timeout(SECONDS):
            while True:
                sender, body = await self.bodies.get()
                if sender == jid:
                    return body

    async def _started(self, _event: object) -> None:
        await self.get_roster()
        self.send_presence()
        if not self._outcome.done():
            self._outcome.set_result(None)

    def _mechanism_refused(self, failure: Any) -> None:  # noqa: ANN401 - slixmpp's stanza
        self.refusals.append(failure["condition"])

    def _refused(self, _event: object) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(LoginRefusedError(", ".join(self.refusals)))

    def _message(self, message: Message) -> None:
        self.bodies.put_nowait((message["from"].bare, message["body"]))

    async def _presence(self, presence: Presence) -> None:
        sender = presence["from"]
        async with self._changed:
            resources = self._shown.setdefault(sender.bare, {})
            if presence["type"] == "unavailable":
                resources.pop(sender.resource, None)
            elif presence["type"] not in ("error", "subscribe", "subscribed", "probe"):
                resources[sender.resource] = presence["status"]
            self._changed.notify_all()

    async def _roster_changed(self, _event: Any) -> None:  # noqa: ANN401 - slixmpp's stanza
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def logged_in(client: XmppClient, host: str, port: int) -> AsyncIterator[XmppClient]:
    """A client for the time of the block."""
    try:
        await client.log_in(host, port)
        yield client
        await client.leave()
    finally:
        client.cancel_connection_attempt()
        client.abort()
