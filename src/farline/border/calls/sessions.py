"""The table of all sessions: found by dialog, by Call-ID, by binding and by media session."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farline.border.calls.session import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farline.border.calls.session import Session, SessionKey
    from farline.border.exchange import Side
    from farline.border.registrations.binding import Binding
    from farline.sip import Message


class SessionTable:
    """All sessions, by (subid, Call-ID, the initiator's tag)."""

    def __init__(self, limit: int, canonical: Callable[[str], str] = str) -> None:
        """`canonical`: gives the Call-ID that a dialog began with for a hidden one."""
        self._limit = limit
        self._canonical = canonical
        self._by_key: dict[SessionKey, Session] = {}
        self._of_media: dict[str, Session] = {}
        self._of_call: dict[str, list[Session]] = {}
        self._of_binding: dict[str, dict[SessionKey, Session]] = {}
        self._in_group: Counter[str] = Counter()
        self._videos: Counter[str] = Counter()
        self.begun = 0
        """Calls so far."""

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_key.values()))

    @property
    def full(self) -> bool:
        """Whether no further session fits."""
        return len(self._by_key) >= self._limit

    def holds(self, binding: Binding, request: Message) -> bool:
        """Whether a first request belongs to a session that there is already (it came twice)."""
        call_id = self._canonical(request.call_id)
        return (binding.subid, call_id, request.from_tag) in self._by_key

    def calls_in(self, group: str) -> int:
        """Calls now held to a policy group."""
        return self._in_group[group]

    def videos_in(self, group: str) -> int:
        """Those of them that have video."""
        return self._videos[group]

    def note_video(self, session: Session) -> None:
        """A call has video from now on."""
        if not session.has_video:
            session.has_video = True
            self._videos.update(session.groups)

    def of_binding(self, binding: Binding) -> list[Session]:
        """Every session of a binding."""
        return list(self._of_binding.get(binding.subid, {}).values())

    def by_key(self, key: SessionKey) -> Session | None:
        """The session of a key."""
        return self._by_key.get(key)

    def of_call(self, call_id: str) -> tuple[Session, ...]:
        """The sessions that share a Call-ID (two, when a proxy inside calls phone from phone)."""
        return tuple(self._of_call.get(self._canonical(call_id), ()))

    def by_media(self, media: str) -> Session | None:
        """The session of a media session's name."""
        return self._of_media.get(media)

    def find(self, binding: Binding, request: Message, sender: Side) -> Found | None:
        """The dialog of a request; None when there is none such of that binding."""
        call_id, from_tag = self._canonical(request.call_id), request.from_tag
        to_tag = request.to_tag
        session = self._by_key.get((binding.subid, call_id, from_tag))
        if session is not None and session.initiator is sender:
            return Found(session, session.caller, session.callees.get(to_tag))
        session = self._by_key.get((binding.subid, call_id, to_tag))
        if session is not None and session.initiator is not sender:
            return Found(session, session.callees.get(from_tag), session.caller)
        return None

    def add(self, session: Session) -> None:
        """Take a session in."""
        self._by_key[session.key] = session
        self._of_call.setdefault(session.call_id, []).append(session)
        self._of_binding.setdefault(session.binding.subid, {})[session.key] = session
        session.binding.sessions += 1
        if session.is_call:
            self.begun += 1
            session.binding.calls += 1
            self._in_group.update(session.groups)

    def forget_media(self, media: str) -> None:
        """A media session is over, and its call goes on."""
        self._of_media.pop(media, None)

    def note_media(self, media: str, session: Session) -> None:
        """Let `by_media` find a session."""
        self._of_media[media] = session

    def remove(self, session: Session) -> bool:
        """Forget a session; False when it was forgotten before."""
        if self._by_key.get(session.key) is not session:
            return False
        del self._by_key[session.key]
        alike = self._of_call[session.call_id]
        alike.remove(session)
        if not alike:
            del self._of_call[session.call_id]
        mine = self._of_binding[session.binding.subid]
        del mine[session.key]
        if not mine:
            del self._of_binding[session.binding.subid]
        session.binding.sessions -= 1
        if session.is_call:
            session.binding.calls -= 1
            self._in_group.subtract(session.groups)
            if session.has_video:
                self._videos.subtract(session.groups)
        if session.anchored is not None:
            self._of_media.pop(session.anchored.media, None)
        return True
