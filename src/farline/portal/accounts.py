"""Who may use the portal: the users as the office's directory describes them.

An `Accounts` value never changes; each synchronisation makes a new one.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farline.portal.scram import ScramKeys

_ESCAPES = {c: f"\\{ord(c):02x}" for c in " \"&'/:<>@\\"}
"""XEP-0106: characters that the local part of a JID may not have."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the office."""

    name: str
    """As configured in the office: Ruel."""
    display_name: str
    extension: str
    enabled: bool
    one_x_portal: bool
    """Enable one-X Portal Services."""
    mobile_voip: bool
    """Enable Mobile VoIP Client."""
    scram_sha1: ScramKeys = field(repr=False)
    scram_sha256: ScramKeys = field(repr=False)
    ha1_md5: str = field(repr=False)
    ha1_sha256: str = field(repr=False)
    modified: str = ""
    """modifyTimestamp of the directory entry."""

    @property
    def node(self) -> str:
        """The local part of the JID: ruel."""
        return node_of(self.name)

    @property
    def messaging(self) -> bool:
        """Whether this user has an instant messaging account."""
        return self.enabled and self.one_x_portal


def node_of(name: str) -> str:
    """The local part of a JID for a user name: lower case as the guide's log shows, XEP-0106."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    return "".join(_ESCAPES.get(c, c) for c in folded)


class Accounts:
    """Accounts by name, upper and lower case being the same."""

    __slots__ = ("_by_node", "refused")

    def __init__(
        self, accounts: Iterable[Account] = (), *, reserved: Mapping[str, str] | None = None
    ) -> None:
        """`reserved`: nodes that no user may have, and why. `refused` lists who was left out."""
        self._by_node: dict[str, Account] = {}
        self.refused: list[str] = []
        for account in accounts:
            node = account.node
            reason = (reserved or {}).get(node)
            if reason is None and node in self._by_node:
                reason = f"differs from {self._by_node[node].name!r} only in spelling"
            if reason is not None:
                self.refused.append(f"{account.name!r}: {reason}")
                continue
            self._by_node[node] = account

    def find(self, name: str) -> Account | None:
        """The account of a user name, however its letters are cased."""
        return self._by_node.get(node_of(name))

    def find_node(self, node: str) -> Account | None:
        """The account of the local part of a JID."""
        return self._by_node.get(node)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_node.values())

    def __len__(self) -> int:
        return len(self._by_node)
