"""The files that Prosody is given: its configuration, the accounts and the contacts. Pure text.

Each user sees every other and mybuddy in one shared roster group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from farline.portal.accounts import Accounts

GROUP = "Colleagues"
MODULES = (
    "roster", "saslauth", "tls", "disco", "ping", "blocklist", "carbons", "smacks", "csi_simple",
    "limits", "groups", "portal_accounts",
)  # fmt: skip
WITHOUT = ("s2s", "s2s_auth_certs")
"""Loaded by default otherwise: federation, with a port of its own."""
STANZA_BYTES = 64 * 1024
UNAUTHENTICATED_STANZA_BYTES = 8 * 1024
UNAUTHENTICATED_SECONDS = 30
CLIENT_RATE = "32kb/s"
"""Of what a client sends; a text message is about half a kilobyte."""


@dataclass(frozen=True, slots=True)
class ProsodyFiles:
    """Where everything of one Prosody lies: below `directory`, the log apart."""

    directory: Path
    log: Path

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.directory / "prosody.cfg.lua"

    @property
    def accounts(self) -> Path:
        """The local parts of all accounts."""
        return self.directory / "accounts.txt"

    @property
    def groups(self) -> Path:
        """The shared roster group."""
        return self.directory / "groups.txt"

    @property
    def certificates(self) -> Path:
        """Empty; Prosody looks through it."""
        return self.directory / "certs"

    @property
    def chain(self) -> Path:
        """Certificate and issuers in one file, for profiles that have them in two."""
        return self.directory / "chain.pem"

    @property
    def data(self) -> Path:
        """Rosters and offline messages."""
        return self.directory / "data"


@dataclass(frozen=True, slots=True)
class ProsodyTls:
    """How clients see the server: files, and what LuaSec is told."""

    certificate: Path
    key: Path
    chain: Path | None = None
    """The issuers, where they stand in a file of their own."""

    protocol: str = "tlsv1_2+"
    ciphers: str = ""
    """Of TLS 1.2; empty: Prosody's own."""


@dataclass(frozen=True, slots=True)
class ProsodySettings:
    """What differs between two portals."""

    ip: str
    port: int
    domain: str
    mybuddy: str
    tls: ProsodyTls
    portal_url: str
    modules: Path
    """Directory of our own Lua modules."""


def config_text(settings: ProsodySettings, files: ProsodyFiles) -> str:
    """The whole configuration: clients on one address and port, STARTTLS, nothing else."""
    mybuddy = f"{settings.mybuddy}@{settings.domain}"
    tls = settings.tls
    certificate = tls.certificate if tls.chain is None else files.chain
    ciphers = f"\n\t\tciphers = {_lua(tls.ciphers)};" if tls.ciphers else ""
    return f"""\
-- Written by the Farline portal at every start; changes are lost.
daemonize = false
run_as_root = true
pidfile = {_lua(files.directory / "prosody.pid")}
data_path = {_lua(files.data)}
plugin_paths = {{ {_lua(settings.modules)} }}
installer_plugin_path = {_lua(files.directory / "plugins")}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = {_lua(files.log)} }} }}

modules_enabled = {{ {_list(MODULES)} }}
modules_disabled = {{ {_list(WITHOUT)} }}
certificates = {_lua(files.certificates)}
storage = "internal"
admins = {{ }}

interfaces = {{ {_lua(settings.ip)} }}
c2s_ports = {{ {settings.port} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
c2s_require_encryption = true
allow_unencrypted_plain_auth = false
c2s_timeout = {UNAUTHENTICATED_SECONDS}
c2s_stanza_size_limit = {STANZA_BYTES}
c2s_unauthed_stanza_size_limit = {UNAUTHENTICATED_STANZA_BYTES}
limits = {{ c2s = {{ rate = {_lua(CLIENT_RATE)}, burst = "4s" }} }}
unlimited_jids = {{ {_lua(mybuddy)} }}
c2s_close_timeout = 1
smacks_hibernation_time = 300

VirtualHost {_lua(settings.domain)}
	authentication = "portal"
	portal_url = {_lua(settings.portal_url)}
	portal_accounts_file = {_lua(files.accounts)}
	groups_file = {_lua(files.groups)}
	ssl = {{
		certificate = {_lua(certificate)};
		key = {_lua(tls.key)};
		protocol = {_lua(tls.protocol)};{ciphers}
	}}
"""


def accounts_text(accounts: Accounts, mybuddy: str) -> str:
    """One local part a line."""
    nodes = sorted(account.node for account in accounts if account.messaging)
    return "\n".join([mybuddy, *nodes, ""])


def groups_text(accounts: Accounts, mybuddy: str, domain: str) -> str:
    """The form of mod_groups: `[group]`, then `jid=name`."""
    lines = [f"[{GROUP}]", f"{mybuddy}@{domain}={mybuddy}"]
    lines += sorted(
        f"{account.node}@{domain}={account.display_name}"
        for account in accounts
        if account.messaging
    )
    return "\n".join([*lines, ""])


def _list(names: tuple[str, ...]) -> str:
    return "; ".join(_lua(name) for name in names)


def _lua(value: object) -> str:
    """A Lua string literal."""
    text = str(value).encode()
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /.:_-@+"
    return '"' + "".join(chr(c) if c in plain else f"\\{c:03d}" for c in text) + '"'
