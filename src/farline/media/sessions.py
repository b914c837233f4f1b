"""The built-in engine's sessions: a `MediaRequest` in, a `MediaReply` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import RelayError
from farline.media import recorders, records
from farline.media.diagnosis import summary
from farline.media.engine import (
    Answer,
    Delete,
    Dial,
    MediaReply,
    Offer,
    Quality,
    Query,
    Quiet,
    StreamStats,
    Subscribe,
    SubscribeAnswer,
)
from farline.media.errors import SessionError
from farline.media.session import MediaSession
from farline.sdp import SdpError, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farline._core import PortStats
    from farline.media.engine import MediaRequest
    from farline.media.music import Studio
    from farline.media.relay_control import RelayControl
    from farline.media.security import Draw
    from farline.sdp import Fingerprint
    from farline.sip.ids import Ids


class MediaSessions:
    """Every session of one relay."""

    def __init__(
        self,
        relay: RelayControl,
        addresses: Mapping[str, str],
        ids: Ids,
        fingerprint: Fingerprint | None = None,
        studio: Studio | None = None,
    ) -> None:
        """`addresses`: what SDP shows for each media interface, by name; `ids` draws keys.

        `fingerprint`: of the relay's certificate for DTLS. `studio`: for recordings and music.
        """
        self._studio = studio
        self._fingerprint = fingerprint
        self._relay = relay
        # Made from `ids` alone: a method of ours would tie sessions and relay into a cycle, and the
        # relay's ports would stay open until the collector came by.
        self._draw = _drawing(ids)
        self._addresses = addresses
        self._sessions: dict[str, MediaSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, name: object) -> bool:
        return name in self._sessions

    def names(self) -> list[str]:
        """The names of all sessions, oldest first."""
        return list(self._sessions)

    def side_name(self, session: str, side: int) -> str:
        """What a side is called; "" in a session that has ended meanwhile."""
        known = self._sessions.get(session)
        return known.sides[side].name if known is not None else ""

    def summary(self, session: str) -> str:
        """What the counters of a session show; raises RelayError."""
        known = self._sessions.get(session)
        return summary(_stats(known, self._relay.query(session) or ())) if known else "ended"

    def record(self, name: str) -> bytes | None:
        """What is to be kept of a session; None: there is none."""
        session = self._sessions.get(name)
        return None if session is None else records.encode(session)

    def restore(self, name: str, value: bytes) -> None:
        """Go on with a session of the process before this one.

        Raises MediaRecordError, and RelayError where the relay has not its ports any more.
        """
        session = records.decode(
            value, self._relay, self._addresses, self._draw, self._fingerprint, self._studio
        )
        if session.name != name:
            raise records.MediaRecordError("of another name")
        try:
            session.resume()
        except RelayError:
            self._relay.delete(name)
            raise
        self._sessions[name] = session

    def perform(self, request: MediaRequest) -> MediaReply:
        """Serve one request; what goes wrong is in the reply."""
        self._relay.gather(True)
        try:
            match request:
                case Offer():
                    return self._offer(request)
                case Answer():
                    return self._answer(request)
                case Delete():
                    return self._delete(request)
                case Quiet():
                    self._known(request.session)
                    self._relay.quiet(request.session, request.quiet)
                    return MediaReply()
                case Query():
                    return self._query(request)
                case Subscribe():
                    session = self._known(request.session)
                    shown = recorders.subscribe(session, request.side, request.first)
                    return MediaReply(shown)
                case SubscribeAnswer():
                    session = self._known(request.session)
                    recorders.subscribe_answer(session, parse(request.sdp))
                    return MediaReply()
                case Dial():
                    self._known(request.session).dial(
                        request.side, request.digit, request.duration_ms
                    )
                    return MediaReply()
        except SdpError as error:
            return MediaReply(error=str(error), status=488)
        except SessionError as error:
            return MediaReply(error=str(error), status=500)
        except RelayError as error:
            return MediaReply(error=error.reason, status=error.status)
        finally:
            self._relay.gather(False)

    def _offer(self, request: Offer) -> MediaReply:
        description = parse(request.sdp)
        session = self._sessions.get(request.session)
        if session is not None:
            return MediaReply(session.offer(description, request.sender, request.receiver))
        for side in (request.sender, request.receiver):
            if side.interface not in self._addresses:
                raise SessionError(f"no media interface is called {side.interface!r}")
        sides = [request.sender, request.receiver]
        session = MediaSession(
            request.session,
            self._relay,
            self._addresses,
            self._draw,
            sides,
            self._fingerprint,
            studio=self._studio,
        )
        try:
            sdp = session.offer(description, request.sender, request.receiver)
        except (SdpError, SessionError, RelayError):
            self._relay.delete(request.session)
            raise
        self._sessions[request.session] = session
        return MediaReply(sdp)

    def _answer(self, request: Answer) -> MediaReply:
        session = self._known(request.session)
        return MediaReply(session.answer(parse(request.sdp), request.sender, request.receiver))

    def _delete(self, request: Delete) -> MediaReply:
        session = self._known(request.session)
        del self._sessions[request.session]
        return MediaReply(stats=_stats(session, self._relay.delete(request.session) or ()))

    def _query(self, request: Query) -> MediaReply:
        session = self._known(request.session)
        return MediaReply(stats=_stats(session, self._relay.query(request.session) or ()))

    def _known(self, name: str) -> MediaSession:
        try:
            return self._sessions[name]
        except KeyError:
            raise SessionError(f"no media session {name!r}") from None


def _drawing(ids: Ids) -> Draw:
    """Random bytes for keys."""
    return lambda size: bytes.fromhex(ids.token(size))


def _stats(session: MediaSession, ports: Iterable[PortStats]) -> tuple[StreamStats, ...]:
    indices = session.stream_indices()
    known = ((indices.get(port["stream"]), port) for port in ports)
    return tuple(
        StreamStats(
            side=session.sides[port["side"]].name,
            index=index,
            kind=port["kind"],
            local=port["local"],
            latched=port["latched"],
            received_packets=port["received_packets"],
            received_bytes=port["received_bytes"],
            sent_packets=port["sent_packets"],
            sent_bytes=port["sent_bytes"],
            refused_packets=port["refused_packets"],
            last_seen_ms=port["last_seen_ms"],
            malformed_packets=port["malformed_packets"],
            unsent_packets=port["unsent_packets"],
            unauthentic_packets=port["unauthentic_packets"],
            replayed_packets=port["replayed_packets"],
            suite=port["suite"],
            handshake=port["handshake"],
            path="kernel" if port["why_user"] is None else "user",
            why=port["why_user"],
            transcoding=port["transcoding"],
            untargeted_packets=port["untargeted_packets"],
            target=port["target"],
            stranger=port["stranger"],
            muted=port["muted"],
            bundled=port["bundled"],
            quality=None if port["quality"] is None else Quality(**port["quality"]),
        )
        for index, port in known
        if index is not None
    )
