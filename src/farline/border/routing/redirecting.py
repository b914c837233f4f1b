"""3xx Handling: the border calls the contacts of a redirection itself (RFC 3261 section 8.1.3.4).

Each is asked for at the server that redirected, in the order of its q, so that nobody is led past
the routing profile. The caller hears of it only when none of them takes the call: the last answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Side
from farline.config.interworking import InterworkingProfile
from farline.sip import NameAddr, Uri, WireError

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.passage import Passage
    from farline.sip import Message

MAX_TARGETS = 5
"""Contacts that one call is led to, over all its redirections."""


class Redirections:
    """The contacts that one call has been told of."""

    def __init__(self) -> None:
        self._met: list[str] = []
        self._next = 0

    def follow(self, context: Context, passage: Passage, response: Message) -> bool:
        """Lead the call to what a final answer means next; False: the caller gets the answer."""
        target = self._target(passage, response)
        if target:
            passage.lead_to(target)
            why = f"{response.status} {response.reason}"
            form = f"{InterworkingProfile.form}: {passage.works.profile.name}: 3xx Handling"
            context.decided("redirection", target, why, form)
        return bool(target)

    def _target(self, passage: Passage, response: Message) -> str:
        status = response.status
        if passage.sender is Side.INSIDE or passage.works.profile.handling_3xx == "pass":
            return ""
        if status < 300 or status >= 600 or status in (401, 407):
            return ""
        if status < 400:
            for target in _contacts(response):
                if target not in (*self._met, passage.request.uri):
                    self._met.append(target)
            del self._met[MAX_TARGETS:]
        if self._next >= len(self._met):
            return ""
        target = self._met[self._next]
        self._next += 1
        return target


def _contacts(response: Message) -> list[str]:
    """The SIP URIs of a redirection, best first, without the headers that they may ask for."""
    found: list[tuple[float, str]] = []
    try:
        values = response.values("Contact")
    except WireError:
        return []
    for value in values:
        try:
            contact = NameAddr.parse(value)
            uri = contact.uri
            if uri.scheme in ("sip", "sips") and uri.user:
                plain = Uri.build(
                    uri.host, user=uri.user, port=uri.port, params=uri.params, scheme=uri.scheme
                )
                found.append((-_q(contact), str(plain)))
        except WireError:
            continue
    return [text for _, text in sorted(found, key=lambda pair: pair[0])]


def _q(contact: NameAddr) -> float:
    """Contacts without q, or with one that cannot be read, are as good as any."""
    try:
        return min(max(float(contact.param("q") or "1"), 0.0), 1.0)
    except ValueError:
        return 1.0
