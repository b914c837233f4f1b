"""What a recording server is told of a call: RFC 7865 as XML. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
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
    sends: bool = True
    """False: its stream rests, since one of the two holds."""


@dataclass(slots=True)
class Person:
    """Who is at one end just now, as the documents name them."""

    uri: str
    ident: str
    since: float
    """Wall-clock seconds."""

    sends: bool = True
    turned_at: float = 0.0
    """Since when the streams of both are as they are."""


@dataclass(slots=True)
class Metadata:
    """The documents of one recording: whole each time, with the same identifiers.

    Held streams are neither sent nor received by anybody; somebody who takes another's place in
    the call (a transfer) has an identifier of their own. Recordings of one conversation, before and
    after a transfer, share the group.
    """

    started: float
    """Wall-clock seconds."""

    group: str
    session: str
    streams: tuple[str, str]
    people: list[Person] = field(default_factory=list)

    @classmethod
    def begin(cls, ids: Ids, started: float, group: str = "") -> Metadata:
        """Those of a new recording. `group`: that of the recording before it."""
        streams = _identifier(ids), _identifier(ids)
        return cls(started, group or _identifier(ids), _identifier(ids), streams)

    def note(self, ids: Ids, parties: tuple[Participant, ...], now: float) -> bool:
        """Take how it stands now; whether that is another than before. `now`: wall-clock."""
        if not self.people:
            self.people = [
                Person(party.uri, _identifier(ids), self.started, party.sends, self.started)
                for party in parties
            ]
            return True
        other = False
        for place, party in enumerate(parties):
            known = self.people[place]
            if known.uri != party.uri:
                self.people[place] = Person(party.uri, _identifier(ids), now, party.sends, now)
                other = True
            elif known.sends != party.sends:
                known.sends, known.turned_at = party.sends, now
                other = True
        return other

    def document(self, call: str, parties: tuple[Participant, ...]) -> bytes:
        """The whole of it. The first party's stream has label 1, the other's label 2."""
        session = quoteattr(self.session)
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<recording xmlns="{NAMESPACE}">',
            "<datamode>complete</datamode>",
            f"<group group_id={quoteattr(self.group)}>",
            f"<associate-time>{_time(self.started)}</associate-time>",
            "</group>",
            f"<session session_id={session}>",
            f"<sipSessionID>{_text(call)}</sipSessionID>",
            f"<group-ref>{self.group}</group-ref>",
            f"<start-time>{_time(self.started)}</start-time>",
            "</session>",
        ]
        for person, party in zip(self.people, parties, strict=True):
            lines += [
                f"<participant participant_id={quoteattr(person.ident)}>",
                f"<nameID aor={quoteattr(_cut(party.uri))}>",
                *([f"<name>{_text(party.name)}</name>"] if party.name else []),
                "</nameID>",
                "</participant>",
            ]
        for label, stream in enumerate(self.streams, 1):
            lines += [
                f"<stream stream_id={quoteattr(stream)} session_id={session}>",
                f"<label>{label}</label>",
                "</stream>",
            ]
        for person in self.people:
            lines += [
                f"<participantsessionassoc participant_id={quoteattr(person.ident)}"
                f" session_id={session}>",
                f"<associate-time>{_time(person.since)}</associate-time>",
                "</participantsessionassoc>",
            ]
        for place in range(2):
            lines += self._of_streams(place)
        return "\n".join([*lines, "</recording>"]).encode()

    def _of_streams(self, place: int) -> list[str]:
        """Which streams a party sends and receives, and since when."""
        mine, other = self.people[place], self.people[1 - place]
        return [
            f"<participantstreamassoc participant_id={quoteattr(mine.ident)}>",
            *([f"<send>{self.streams[place]}</send>"] if mine.sends else []),
            *([f"<recv>{self.streams[1 - place]}</recv>"] if other.sends else []),
            f"<associate-time>{_time(max(mine.turned_at, other.turned_at))}</associate-time>",
            "</participantstreamassoc>",
        ]


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
