"""The border's media engine on rtpengine: the surface of `MediaClient`, over the ng protocol.

A new session goes to one of the nodes that are up, by weight, and to the next where that one does
not answer or has no room; then it stays. Requests of one session are asked one after the other.
What the built-in relay reports by itself, silence, is found here by queries.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.media.engine import (
    Answer,
    Delete,
    Dial,
    MediaReply,
    Offer,
    Query,
    Quiet,
    Subscribe,
    SubscribeAnswer,
    patience,
)
from farline.media.ng.client import document_of, packets, reply_of
from farline.media.ng.message import section, text
from farline.media.reports import CallRecorded, MediaTimeout
from farline.runtime import clock
from farline.runtime.ids import RealIds
from farline.runtime.ng_node import NgNode, NodeError
from farline.runtime.ng_recording import RecordingWatch
from farline.sdp import SdpError, parse
from farline.trace.events import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farline.media.engine import MediaRequest
    from farline.media.ng.client import NgRequest
    from farline.runtime.ng_settings import NgSettings
    from farline.sip.ids import Ids
    from farline.trace.events import Event

log = logging.getLogger(__name__)

MAX_SESSIONS = 100_000


@dataclass(slots=True)
class _Session:
    """One session of the border."""

    party: str
    """The side that offered first."""
    node: NgNode | None = None
    """None until a node has taken the first offer."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    names: tuple[str, str] | None = None
    """Of both sides; None: it is from before our own start."""
    offer_held: bool = False
    timeout: float = 0.0
    """Seconds that it may be silent; 0: as the settings say."""
    idle: bool = True
    """Not answered yet, or on hold: silence is no fault."""
    packets: int = 0
    changed: float = 0.0
    """When `packets` last grew, or watching began: monotonic seconds."""
    reported: bool = False


class NgClient:
    """Serves media requests with rtpengine daemons."""

    def __init__(
        self,
        settings: NgSettings,
        on_report: Callable[[MediaTimeout | CallRecorded], None],
        ids: Ids | None = None,
        trace: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        """`on_report` is called on the event loop for silent sessions, and for recordings.

        `trace` is told of nodes that go up or down.
        """
        self._trace = trace
        self._settings = settings
        self._on_report = on_report
        self._ids = ids or RealIds()
        self._up = asyncio.Event()
        self._nodes = [
            NgNode(node.address, node.port, node.weight, self._ids, self._noticed)
            for node in settings.nodes
        ]
        self._recording = RecordingWatch(
            settings.places, self._ids, on_report, wanted=settings.records
        )
        self._sessions: dict[str, _Session] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether a node is up."""
        return self._up.is_set()

    def start(self) -> None:
        """Begin to ask the nodes how they are, and to look for silent sessions."""
        for node in self._nodes:
            node.start(self._settings.ping_seconds)
        self._task = asyncio.get_running_loop().create_task(self._listen_for_silence())

    async def wait_connected(self) -> None:
        """Return once a node is up."""
        await self._up.wait()

    async def stop(self) -> None:
        """Close; requests in flight fail."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._recording.stop()
        for node in self._nodes:
            await node.stop()

    async def sessions(self) -> list[str]:
        """The names of all sessions."""
        return list(self._sessions)

    def show(self) -> list[dict[str, object]]:
        """A row a node, as next hops have it."""
        count = Counter(one.node for one in self._sessions.values())
        now = clock.monotonic()
        return [
            {
                "node": str(node),
                "state": node.state,
                "reason": "" if node.up else node.reason,
                "seconds": round(now - node.since, 1) if node.since is not None else 0.0,
                "outages": node.outages,
                "weight": node.weight,
                "sessions": count[node],
                "requests lost": node.lost,
                "stray answers": node.strays,
                "recording": self._recording.shown(node),
            }
            for node in self._nodes
        ]

    async def perform(self, request: MediaRequest) -> MediaReply:
        """Have a request served; whatever goes wrong is in the reply, nothing is raised."""
        if isinstance(request, Subscribe | SubscribeAnswer):
            return MediaReply(error="only our own engine serves recording servers", status=501)
        known = self._sessions.get(request.session)
        if known is None:
            if isinstance(request, Offer):
                if len(self._sessions) >= MAX_SESSIONS:
                    return MediaReply(error="too many media sessions", status=503)
                known = self._sessions[request.session] = _Session(request.sender.name)
            else:
                known = await self._adopt(request)
        async with known.lock:
            if known.node is None and isinstance(request, Offer):
                reply = await self._place(request, known)
            elif known.node is None:
                return MediaReply(error=f"no media session {request.session!r}", status=500)
            else:
                reply = await self._ask(known.node, request, known)
        if isinstance(request, Delete) or known.node is None:
            self._sessions.pop(request.session, None)
        return reply

    async def _place(self, request: Offer, session: _Session) -> MediaReply:
        """Give a new session to a node."""
        reply = MediaReply(error="no rtpengine is up", status=503)
        waiting = [node for node in self._nodes if node.up]
        while waiting:
            node = self._draw(waiting)
            waiting.remove(node)
            reply = await self._ask(node, request, session)
            if reply.error is None:
                session.node = node
                return reply
            await self._forget(node, request.session, session)
            if reply.status != 503:
                return reply
            log.warning("%s: the session goes to another node", reply.error)
        return reply

    async def _forget(self, node: NgNode, name: str, session: _Session) -> None:
        """A node may hold a call though its answer did not come, or was not to be used."""
        document = document_of(Delete(name, "not used"), self._settings.places, session.party)
        if not node.up:
            node.tell(document)
            return
        with suppress(NodeError):
            await node.ask(document)

    def _draw(self, nodes: Sequence[NgNode]) -> NgNode:
        number = self._ids.number(30) % sum(node.weight for node in nodes)
        for node in nodes:
            number -= node.weight
            if number < 0:
                return node
        return nodes[-1]

    async def _ask(self, node: NgNode, request: NgRequest, session: _Session) -> MediaReply:
        places = self._settings.places
        try:
            if isinstance(request, Offer | Answer):
                held = parse(request.sdp).on_hold
                session.names = (request.sender.name, request.receiver.name)
                session.timeout = float(patience(request.sender, request.receiver))
            party = session.party
            if isinstance(request, Dial):
                party = await self._other(node, request, session)
            document = await node.ask(document_of(request, places, party))
        except SdpError as error:
            return MediaReply(error=str(error), status=488)
        except ValueError:
            return MediaReply(error="a signaling source that is no IP address", status=500)
        except NodeError as error:
            return MediaReply(error=str(error), status=503)
        reply = reply_of(request, document, places, clock.wall())
        if reply.error is None:
            self._recording.answered(node, request, document)
        if reply.error is None and isinstance(request, Offer):
            session.offer_held = held
        elif reply.error is None and isinstance(request, Answer):
            session.idle = session.offer_held or held
            session.changed, session.reported = clock.monotonic(), False
        return reply

    async def _other(self, node: NgNode, dial: Dial, session: _Session) -> str:
        """The side that is to seem to have dialled. Raises NodeError."""
        if session.names is None:
            known = await node.ask({"command": "query", "call-id": dial.session})
            names = tuple(section(known.get("tags")))
            session.names = (names[0], names[-1]) if names else ("", "")
        return next((name for name in session.names if name != dial.side), "")

    async def _adopt(self, request: Answer | Delete | Quiet | Query | Dial) -> _Session:
        """A session from before our own start, wherever a node has it."""
        session = _Session("")
        for node in [node for node in self._nodes if node.up]:
            try:
                document = await node.ask({"command": "query", "call-id": request.session})
            except NodeError:
                continue
            if text(document.get("result")) == "ok":
                session.node = node
                return self._sessions.setdefault(request.session, session)
        return session

    def _noticed(self, node: NgNode) -> None:
        self._trace(Note(f"media node {node.state}", f"rtpengine {node}: {node.reason}"))
        self._recording.noticed(self._nodes)
        if any(node.up for node in self._nodes):
            self._up.set()
        else:
            self._up.clear()

    async def _listen_for_silence(self) -> None:
        """Look at every session in use twice in the time that it may be silent."""
        while True:
            await asyncio.sleep(self._settings.timeout_seconds / 2)
            for name, session in list(self._sessions.items()):
                if session.node is not None and session.node.up and not session.idle:
                    await self._look(name, session, session.node)

    async def _look(self, name: str, session: _Session, node: NgNode) -> None:
        try:
            document = await node.ask({"command": "query", "call-id": name})
        except NodeError:
            return
        now = clock.monotonic()
        # A node that does not know the call has been started again, or has given the call up.
        lost = text(document.get("result")) != "ok"
        if not lost and packets(document) != session.packets:
            session.packets, session.changed = packets(document), now
            session.reported = False
        silent = now - session.changed
        if self._sessions.get(name) is not session or session.idle or session.reported:
            return
        if lost or silent >= (session.timeout or self._settings.timeout_seconds):
            session.reported = True
            self._on_report(MediaTimeout(name, silent))
