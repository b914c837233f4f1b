"""mybuddy: an ordinary account that is there for everybody and answers a few words.

The mobile client waits until this account is available before it registers for calls (the guide:
"My Buddy connected"). Commands are plain chat texts, as with sipXecs' personal assistant.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from slixmpp import ClientXMPP

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from slixmpp.stanza import Message

    from farline.portal.im.keys import BuddyLogin
    from farline.portal.status import ComponentStatus

log = logging.getLogger(__name__)

COMPONENT = "MyBuddy"
STATUS_TEXT = "Type help for a list of commands."
LOGIN_SECONDS = 15.0
FIRST_RETRY, LAST_RETRY = 0.5, 15.0
MAX_COMMAND = 200
MAX_LISTED = 50
COMMANDS = {
    "help": "this list",
    "who": "who is available now",
}


def answer(text: str, available: list[str]) -> str:
    """The reply to one chat text. `available`: display names of those online."""
    words = text[:MAX_COMMAND].split()
    command = words[0].lower() if words else ""
    if command == "help":
        return "\n".join(f"{name}: {what}" for name, what in COMMANDS.items())
    if command == "who":
        if not available:
            return "Nobody else is available."
        more = len(available) - MAX_LISTED
        names = ", ".join(available[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
        return f"Available: {names}"
    return f"I do not know {command!r}. {STATUS_TEXT}"


class MyBuddy:
    """Keeps the account logged in."""

    def __init__(
        self,
        login: BuddyLogin,
        domain: str,
        *,
        address: tuple[str, int],
        tls: Callable[[], ssl.SSLContext],
        status: ComponentStatus,
    ) -> None:
        """`tls`: asked at each login, for the server's certificate is renewed now and then."""
        self.jid = f"{login.node}@{domain}"
        self.answered = 0
        self.attempted = asyncio.Event()
        """Set after the first login, whatever came of it."""
        self._login = login
        self._address = address
        self._tls = tls
        self._status = status

    async def run(self) -> None:
        """Log in, stay, and come back after every loss, for ever."""
        delay = FIRST_RETRY
        while True:
            client: _Client | None = None
            try:
                client = _Client(self)
                await client.log_in(self._address)
                delay = FIRST_RETRY
                self._status.report(COMPONENT, "Available", self.jid)
                self.attempted.set()
                await client.disconnected
                self._status.report(COMPONENT, "Unavailable", "connection lost")
            except (OSError, TimeoutError) as error:
                text = str(error) or "no login in time"
                self._status.report(COMPONENT, "Unavailable", text)
            finally:
                if client is not None:
                    client.leave()
                self.attempted.set()
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RETRY)

    def new_client(self) -> tuple[str, str, ssl.SSLContext]:
        """Full JID, password and TLS context for a login."""
        return f"{self.jid}/portal", self._login.password, self._tls()


class _Client(ClientXMPP):  # type: ignore[misc,unused-ignore]  # untyped base in some releases
    """One connection of mybuddy."""

    def __init__(self, owner: MyBuddy) -> None:
        jid, password, tls = owner.new_client()
        super().__init__(jid, password, sasl_mech="SCRAM-SHA-256", ssl_context=tls)
        self._owner = owner
        self._outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.enable_direct_tls = False
        self.auto_authorize = True
        self.auto_subscribe = True
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199", {"keepalive": True, "interval": 60, "timeout": 30})
        self.add_event_handler("session_start", self._started)
        self.add_event_handler("failed_all_auth", lambda _: self._fail("login refused"))
        self.add_event_handler("connection_failed", lambda why: self._fail(f"no connection: {why}"))
        self.add_event_handler("disconnected", lambda _: self._fail("connection lost"))
        self.add_event_handler("message", self._message)

    async def log_in(self, address: tuple[str, int]) -> None:
        """Connect and log in. Raises OSError or TimeoutError."""
        self.connect(*address)
        async with asyncio.timeout(LOGIN_SECONDS):
            await self._outcome

    def leave(self) -> None:
        """Give up the connection, and whatever still tries to make one."""
        self.cancel_connection_attempt()
        self.abort()

    async def _started(self, _event: object) -> None:
        await self.get_roster()
        self.send_presence(pstatus=STATUS_TEXT)
        if not self._outcome.done():
            self._outcome.set_result(None)

    def _fail(self, reason: str) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(ConnectionError(reason))

    def _message(self, message: Message) -> None:
        if message["type"] not in ("chat", "normal") or not message["body"]:
            return
        if message["from"].bare == self.boundjid.bare:
            return
        self._owner.answered += 1
        text = answer(message["body"], self._available(message["from"].bare))
        self.send_message(mto=message["from"], mbody=text, mtype="chat")

    def _available(self, asker: str) -> list[str]:
        """Names of all who are online, without us and whoever asks."""
        names = []
        for jid in self.client_roster:
            item = self.client_roster[jid]
            if item.resources and jid not in (asker, self.boundjid.bare):
                names.append(item["name"] or jid.partition("@")[0])
        return sorted(names)
