"""Instant messaging and presence: a foreign XMPP server behind `ImServer`, and mybuddy on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from farline.portal.accounts import Accounts


class ImServerError(RuntimeError):
    """The instant messaging server cannot be run; the text says what to do about it."""


class ImServer(Protocol):
    """What the portal needs of an XMPP server; Prosody now, ejabberd where it is clustered."""

    async def start(self, accounts: Accounts) -> None:
        """Run it until `stop`; returns when clients can connect. Raises ImServerError, OSError."""

    async def change_accounts(self, accounts: Accounts) -> None:
        """Users came, went or changed: rosters follow, and whoever is gone is put out."""

    def renew_tls(self) -> None:
        """The files of its certificate have changed: new connections get the new one."""

    async def stop(self) -> None:
        """End it and everything that belongs to it."""

    def show(self) -> dict[str, object]:
        """State, process and restarts, as data."""
