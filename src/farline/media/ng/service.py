"""ng requests served by an engine of ours: what Kamailio and OpenSIPS ask of rtpengine.

A Call-ID is one session with two sides, "a" (who offered first) and "b"; SIP tags say which side
speaks. When b's tag changes (forked or redirected), the newest answer counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from farline.media.engine import Answer, Delete, Offer, Query, Quiet, Side
from farline.media.ng.message import number, text, texts
from farline.media.ng.options import Refusal, read_options
from farline.media.ng.statistics import statistics
from farline.media.records import MediaRecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farline.media.engine import MediaReply, MediaRequest
    from farline.media.ng.bencode import Encodable
    from farline.media.ng.message import Document
    from farline.media.ng.options import Options

Reply = dict[str, "Encodable"]

MAX_CALLS = 50_000
MAX_NAME = 256
"""Longest Call-ID or tag, in bytes."""
LISTED = 32
"""Calls in a list, unless `limit` says another number."""
MAX_LISTED = 1_000
ABANDONED_SECONDS = 3_600.0
"""A call of which nobody has said or sent anything for so long is ended: its proxy forgot it."""
_OTHER = {"a": "b", "b": "a"}


@dataclass(slots=True)
class _Call:
    """What is known of one Call-ID."""

    interfaces: dict[str, str]
    created: float
    """Seconds since 1970."""
    signalled: float
    """Of the last request: monotonic seconds, and below since 1970."""
    last_signal: float
    tags: dict[str, str]
    """The side of each SIP tag."""
    sources: dict[str, str] = field(default_factory=lambda: {"a": "", "b": ""})
    """Where each side's signaling comes from."""
    doubted: set[str] = field(default_factory=set)
    """Sides whose SDP is not believed about where they are."""

    def side(self, letter: str) -> Side:
        """For the engine."""
        reach = () if letter in self.doubted else None
        return Side(letter, self.interfaces[letter], self.sources[letter], reach=reach)

    def speaks(self, tag: str, letter: str, now: float, wall: float) -> None:
        """A side was heard; its tag is this one, and no older one."""
        if self.tags.get(tag) != letter:
            self.tags = {one: side for one, side in self.tags.items() if side != letter}
            self.tags[tag] = letter
        self.signalled, self.last_signal = now, wall


class NgService:
    """Serves ng documents."""

    def __init__(
        self, perform: Callable[[MediaRequest], MediaReply], interfaces: Sequence[str]
    ) -> None:
        """`interfaces`: names; the first serves calls that name none."""
        self._perform = perform
        self._interfaces = tuple(interfaces)
        self._calls: dict[str, _Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, name: object) -> bool:
        return name in self._calls

    def record(self, name: str) -> bytes | None:
        """What is to be kept of a call, for the process after this one; None: there is none."""
        call = self._calls.get(name)
        return None if call is None else msgspec.json.encode(call)

    def restore(self, name: str, value: bytes, now: float) -> None:
        """Go on with a call of the process before this one. Raises MediaRecordError."""
        try:
            call = msgspec.json.decode(value, type=_Call)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise MediaRecordError(str(error)) from None
        letters = set(_OTHER)
        both = set(call.interfaces) == set(call.sources) == letters
        if not both or not letters.issuperset(call.tags.values()):
            raise MediaRecordError("its sides are not a and b")
        if not set(call.interfaces.values()) <= set(self._interfaces):
            raise MediaRecordError("of an interface that is not there any more")
        call.signalled = now
        self._calls[name] = call

    def serve(self, document: Document, now: float, wall: float) -> Reply:
        """The answer to one request. `now`: monotonic seconds, `wall`: seconds since 1970."""
        try:
            match text(document.get("command")):
                case "ping":
                    return {"result": "pong"}
                case "offer":
                    return self._offer(document, now, wall)
                case "answer":
                    return self._answer(document, now, wall)
                case "delete":
                    return self._delete(document, wall)
                case "query":
                    return self._query(document, wall)
                case "block media" | "unblock media" as command:
                    return self._block(document, blocked=command == "block media")
                case "list":
                    limit = number(document.get("limit")) or LISTED
                    names = list(self._calls)[: max(0, min(limit, MAX_LISTED))]
                    return {"result": "ok", "calls": [name.encode("latin-1") for name in names]}
                case other:
                    raise Refusal(f"command {other[:40]!r} is not done by this engine")
        except Refusal as refusal:
            return {"result": "error", "error-reason": str(refusal)}

    def end(self, name: str) -> None:
        """End a call by ourselves: it was silent too long."""
        if self._calls.pop(name, None) is not None:
            self._perform(Delete(name, "silent"))

    def expire(self, now: float) -> list[str]:
        """End the calls that nobody has signalled or sent for in ABANDONED_SECONDS."""
        ended = []
        for name, call in list(self._calls.items()):
            if now - call.signalled < ABANDONED_SECONDS:
                continue
            seen = [one.last_seen_ms for one in self._perform(Query(name)).stats]
            if all(ms is None or ms >= ABANDONED_SECONDS * 1000 for ms in seen):
                self.end(name)
                ended.append(name)
        return ended

    def _offer(self, document: Document, now: float, wall: float) -> Reply:
        name, tag = _named(document, "call-id"), _named(document, "from-tag")
        options = read_options(document)
        call = self._calls.get(name)
        if call is None:
            if len(self._calls) >= MAX_CALLS:
                raise Refusal("too many calls")
            call = _Call(self._places(options), wall, now, wall, {tag: "a"})
        letter = self._letter(call, tag, text(document.get("to-tag")))
        reply = self._describe(Offer, document, name, call, letter, options)
        self._calls[name] = call
        call.speaks(tag, letter, now, wall)
        return reply

    def _answer(self, document: Document, now: float, wall: float) -> Reply:
        name, tag = _named(document, "call-id"), _named(document, "to-tag")
        offerer = _named(document, "from-tag")
        options = read_options(document)
        call = self._known(name)
        if offerer not in call.tags:
            raise Refusal("no offer with this from-tag")
        letter = _OTHER[call.tags[offerer]]
        if call.tags.get(tag, letter) != letter:
            raise Refusal("this to-tag is the side that offered")
        reply = self._describe(Answer, document, name, call, letter, options)
        call.speaks(tag, letter, now, wall)
        return reply

    def _describe(
        self,
        kind: type[Offer] | type[Answer],
        document: Document,
        name: str,
        call: _Call,
        letter: str,
        options: Options,
    ) -> Reply:
        """Have the engine take a description."""
        given = document.get("sdp")
        if not isinstance(given, bytes):
            raise Refusal("no sdp")
        if options.source:
            call.sources[letter] = options.source
        (call.doubted.add if options.doubted else call.doubted.discard)(letter)
        sender, receiver = call.side(letter), call.side(_OTHER[letter])
        if options.transcoding:
            receiver = msgspec.structs.replace(receiver, transcoding=options.transcoding)
        reply = self._perform(kind(name, options.taken(given), sender, receiver))
        if reply.error is not None or reply.sdp is None:
            raise Refusal(f"{reply.error} ({reply.status})")
        shown: Reply = {"result": "ok", "sdp": options.shown(reply.sdp, given)}
        return shown | ({"warning": options.warning} if options.warning else {})

    def _places(self, options: Options) -> dict[str, str]:
        first = self._interfaces[0]
        one, other = options.direction or (first, first)
        for name in (one, other):
            if name not in self._interfaces:
                raise Refusal(f"no interface is called {name[:40]!r}")
        return {"a": one, "b": other}

    def _letter(self, call: _Call, tag: str, to_tag: str) -> str:
        """Which side offers."""
        known = call.tags.get(tag)
        if known is not None:
            return known
        if to_tag not in call.tags:
            raise Refusal("another dialogue of this Call-ID: this engine has one for each")
        return _OTHER[call.tags[to_tag]]

    def _delete(self, document: Document, wall: float) -> Reply:
        name = _named(document, "call-id")
        flags = texts(document.get("flags"))
        call = self._calls.get(name)
        tag = text(document.get("from-tag"))
        if call is None or (tag and tag not in call.tags):
            reason = "Call-ID not found or tags didn't match"
            if "fatal" in flags:
                raise Refusal(reason)
            return {"result": "ok", "warning": reason}
        del self._calls[name]
        stats = self._perform(Delete(name, "deleted")).stats
        if "fast" in flags:
            return {"result": "ok"}
        return {"result": "ok", **statistics(call.tags, stats, wall), **_times(call)}

    def _block(self, document: Document, *, blocked: bool) -> Reply:
        name = _named(document, "call-id")
        self._known(name)
        if "all" not in texts(document.get("flags")) and "from-tag" in document:
            raise Refusal("this engine blocks a whole call only")
        reply = self._perform(Quiet(name, blocked))
        if reply.error is not None:
            raise Refusal(reply.error)
        return {"result": "ok"}

    def _query(self, document: Document, wall: float) -> Reply:
        name = _named(document, "call-id")
        call = self._known(name)
        reply = self._perform(Query(name))
        if reply.error is not None:
            raise Refusal(reply.error)
        return {"result": "ok", **statistics(call.tags, reply.stats, wall), **_times(call)}

    def _known(self, name: str) -> _Call:
        call = self._calls.get(name)
        if call is None:
            raise Refusal("Unknown call-id")
        return call


def _named(document: Document, key: str) -> str:
    value = text(document.get(key))
    if not 1 <= len(value) <= MAX_NAME:
        raise Refusal(f"no {key} of 1 to {MAX_NAME} bytes")
    return value


def _times(call: _Call) -> Reply:
    return {"created": int(call.created), "last signal": int(call.last_signal)}
