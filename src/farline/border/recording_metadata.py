"""What a recording server is told of a call: RFC 7865 as XML. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from farline.sip.ids import Ids

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
MAX_TEXT = 1024
"""Characters of a name or URI that go into the document."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One party of the call."""

    uri: str
    name: str


class Metadata:
    """The documents of one recording: whole each time, with the same identifiers."""

    def __init__(self, ids: Ids, started: float) -> None:
        """`started`: wall-clock seconds."""
        self._started = _time(started)
        names = ("session", "group", "one", "two", "stream1", "stream2")
        self._ids = {name: _identifier(ids) for name in names}

    def document(self, call: str, parties: tuple[Participant, ...], now: float) -> bytes:
        """The whole of it. The first party's stream has label 1, the other's label 2."""
        ids = self._ids
        people = list(zip(("one", "two"), ("stream1", "stream2"), parties, strict=True))
        session = quoteattr(ids["session"])
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<recording xmlns="{NAMESPACE}">',
            "<datamode>complete</datamode>",
            f"<session session_id={session}>",
            f"<sipSessionID>{_text(call)}</sipSessionID>",
            f"<start-time>{self._started}</start-time>",
            "</session>",
        ]
        for key, _, party in people:
            lines += [
                f"<participant participant_id={quoteattr(ids[key])}>",
                f"<nameID aor={quoteattr(_cut(party.uri))}>",
                *([f"<name>{_text(party.name)}</name>"] if party.name else []),
                "</nameID>",
                "</participant>",
            ]
        for label, (_, stream, _) in enumerate(people, 1):
            lines += [
                f"<stream stream_id={quoteattr(ids[stream])} session_id={session}>",
                f"<label>{label}</label>",
                "</stream>",
            ]
        for key, _, _ in people:
            lines += [
                f"<participantsessionassoc participant_id={quoteattr(ids[key])}"
                f" session_id={session}>",
                f"<associate-time>{self._started}</associate-time>",
                "</participantsessionassoc>",
            ]
        for key, stream, _ in people:
            other = next(one for _, one, _ in people if one != stream)
            lines += [
                f"<participantstreamassoc participant_id={quoteattr(ids[key])}>",
                f"<send>{ids[stream]}</send>",
                f"<recv>{ids[other]}</recv>",
                f"<associate-time>{_time(now)}</associate-time>",
                "</participantstreamassoc>",
            ]
        return "\n".join([*lines, "</recording>"]).encode()


def _identifier(ids: Ids) -> str:
    """RFC 7865 section 6.10: a UUID in base64."""
    return base64.b64encode(bytes.fromhex(ids.token(16))).decode()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cut(text: str) -> str:
    """What may stand in XML 1.0, and no more of it than is of use."""
    kept = "".join(char for char in text[:MAX_TEXT] if char.isprintable())
    return kept.encode("utf-8", "replace").decode()


def _text(text: str) -> str:
    return escape(_cut(text))
