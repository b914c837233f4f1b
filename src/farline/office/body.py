"""The session descriptions of the office's own legs, in the guide's form.

    o=UserA 1281316076 538797939 IN IP4 10.10.10.13
    s=Session SDP

All other lines are the other leg's, as the media engine rewrote them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import WireError, headers

if TYPE_CHECKING:
    from farline.sip import Message
    from farline.sip.ids import Ids


class OwnDescription:
    """One leg's descriptions; the version grows when the content changes (RFC 3264 section 8)."""

    def __init__(self, ids: Ids, ip: str) -> None:
        self._session = ids.number()
        self._version = ids.number(30)
        family = "IP6" if ":" in ip else "IP4"
        self._tail = f"IN {family} {ip}"
        self._content = b""
        self.last = b""
        """The last description given, b"" before the first."""

    def give(self, sdp: bytes) -> bytes:
        """The description with our o= and s=."""
        lines = [line.rstrip(b"\r") for line in sdp.split(b"\n") if line.strip()]
        rest = [line for line in lines if not line.startswith((b"o=", b"s="))]
        content = b"\r\n".join(rest[1:])
        if content != self._content:
            self._version += 1
            self._content = content
        origin = f"o=UserA {self._session} {self._version} {self._tail}".encode()
        self.last = b"\r\n".join([b"v=0", origin, b"s=Session SDP", content, b""])
        return self.last


def description(message: Message) -> bytes | None:
    """The SDP that a message carries, None for none. Raises WireError(415) for another body."""
    if not message.body:
        return None
    kind = headers.media_type(message)
    if kind != "application/sdp":
        raise WireError(415, "only application/sdp", "Content-Type")
    if message.get("Content-Encoding") is not None:
        raise WireError(415, "no encoding", "Content-Encoding")
    return message.body
