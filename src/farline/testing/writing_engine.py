"""A media engine that only writes: descriptions with ports, and no packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.media.engine import Answer, Delete, MediaReply, Offer
from farline.sdp import MediaPorts, SdpError, parse, rewrite

if TYPE_CHECKING:
    from farline.media.engine import MediaRequest


class WritingEngine:
    """Rewrites descriptions as a media engine does, with ports but without packets."""

    def __init__(self, ip: str, first_port: int = 40750) -> None:
        self.ip = ip
        self.requests: list[MediaRequest] = []
        self.sessions: dict[str, int] = {}
        """The first of four ports, by session that is not deleted yet."""

        self.error: MediaReply | None = None
        """Answer everything with this."""

        self._next = first_port

    def perform(self, request: MediaRequest) -> MediaReply:
        """Answer one request."""
        self.requests.append(request)
        if self.error is not None:
            return self.error
        if isinstance(request, Delete):
            self.sessions.pop(request.session, None)
            return MediaReply()
        if not isinstance(request, Offer | Answer):
            return MediaReply()
        if request.session not in self.sessions:
            self.sessions[request.session] = self._next
            self._next += 4
        try:
            description = parse(request.sdp)
        except SdpError as error:
            return MediaReply(error=str(error), status=488)
        base = self.sessions[request.session] + (2 if request.receiver.name == "a" else 0)
        ports = [MediaPorts(base, base + 1) for _ in description.media]
        return MediaReply(rewrite(description, self.ip, ports))
