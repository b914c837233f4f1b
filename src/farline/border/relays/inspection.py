"""What an application relay that looks at what it passes on says about each piece of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class Passage:
    """What becomes of bytes that came from one side."""

    to_server: bytes = b""
    to_client: bytes = b""
    refused: str = ""
    """A short fixed word, counted; "" when nothing was refused."""
    detail: str = ""
    """What was wrong, for people."""
    close: bool = False
    """The connection ends, after `to_client` has been sent."""


class Inspector(Protocol):
    """Looks at one client's connection. Nothing that a peer sends makes it raise."""

    @property
    def opaque(self) -> bool:
        """From here on nothing can be looked at: bytes pass as they are."""

    @property
    def waiting(self) -> bool:
        """The client has begun something, or has never begun, and must end it in time."""

    @property
    def whole(self) -> int:
        """How much of what the client has begun was there whole so far: headers, stanzas, ..."""

    def up(self, data: bytes) -> Passage:
        """Bytes from the client."""

    def down(self, data: bytes) -> Passage:
        """Bytes from the server."""

    def up_end(self) -> Passage | None:
        """The client says no more. None: pass that on as it is."""

    def down_end(self) -> Passage | None:
        """The server says no more. None: pass that on as it is."""


def refusal(word: str, detail: str, to_client: bytes = b"") -> Passage:
    """A passage that ends the connection."""
    return Passage(to_client=to_client, refused=word, detail=detail, close=True)
