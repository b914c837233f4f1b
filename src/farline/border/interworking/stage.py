"""What a server's interworking profile changes in messages to it and from it.

`Interworking` is made once a profile; one whose fields all pass things through costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.interworking import (
    DEFAULT_INTERWORKING,
    GROUP,
    InterworkingProfile,
    compiled,
)
from farline.sip import NameAddr, Uri, WireError, headers
from farline.sip.transaction import Manner

if TYPE_CHECKING:
    import re2

    from farline.config.interworking import HeaderRule, UriRule
    from farline.sip import Message

AVAYA_HEADERS = (
    "P-AV-Message-Id", "P-AV-Transport", "AV-Global-Session-ID", "AV-Correlation-ID",
    "AV-Secure-Indication", "Endpoint-View", "P-Location", "P-Intrinsics",
)  # fmt: skip
"""Headers that only Avaya's own servers and phones understand."""

RELIABLE = "100rel"
"""The option of reliable provisional answers (RFC 3262)."""

MAX_VALUE = 2048
"""Characters that a rule may make a value of."""


class Interworking:
    """One profile, with its expressions compiled."""

    def __init__(self, profile: InterworkingProfile) -> None:
        self.profile = profile
        self.plain = profile.model_copy(update={"name": "avaya-ru"}) == DEFAULT_INTERWORKING[0]
        """Nothing is to be done."""

        self.manner = _manner(profile)
        """How requests go to the server; None: as to all."""

        self._uri = [_UriRule(rule) for rule in profile.uri_manipulation]
        self._headers = [_HeaderRule(rule) for rule in profile.header_manipulation]

    def to_server(self, message: Message) -> None:
        """Change a message that goes to the server."""
        profile = self.profile
        if message.is_request:
            if profile.uri_scheme == "tel" and not message.to_tag:
                message.uri = _as_tel(message.uri)
            elif profile.uri_scheme == "sip":
                message.uri = _as_sip(message.uri, message.get("To") or "")
            if self._uri:
                self._rewrite(message)
        if profile.advanced.record_routes == "none":
            message.pop("Record-Route")
        if not profile.diversion_header_support:
            message.remove("Diversion")
            message.remove("History-Info")
        self._both_ways(message, "to_server")

    def from_server(self, message: Message) -> None:
        """Change a message of the server before the phone reads it."""
        if self.profile.advanced.record_routes in ("none", "single"):
            message.pop("Record-Route")
        self._both_ways(message, "from_server")

    def _both_ways(self, message: Message, direction: str) -> None:
        if not self.profile.prack_support:
            headers.drop_token(message, "Supported", RELIABLE)
            headers.drop_token(message, "Require", RELIABLE)
        if self.profile.refer_handling == "refuse":
            headers.drop_token(message, "Allow", "REFER")
        elif self.profile.refer_handling == "handle":
            _with(message, "Allow", "REFER")
        if self.profile.advanced.extensions == "none":
            for name in AVAYA_HEADERS:
                message.remove(name)
        for rule in self._headers:
            if rule.direction in (direction, "both"):
                rule.apply(message)

    def _rewrite(self, message: Message) -> None:
        """URI manipulation of what begins something: a dialog keeps the names that it has."""
        if message.to_tag:
            return
        message.uri = self._rewritten(message.uri)
        for name in ("From", "To"):
            value = NameAddr.parse(message.get(name) or "")
            message.set(name, str(value.with_uri(Uri.parse(self._rewritten(str(value.uri))))))

    def _rewritten(self, text: str) -> str:
        uri = Uri.parse(text)
        for rule in self._uri:
            if rule.fits(uri):
                uri = rule.apply(uri)
        return str(uri)


class _UriRule:
    def __init__(self, rule: UriRule) -> None:
        self._rule = rule
        self._user = compiled(rule.user_regex) if rule.user_regex else None
        self._domain = compiled(rule.domain_regex) if rule.domain_regex else None

    def fits(self, uri: Uri) -> bool:
        if uri.scheme not in ("sip", "sips"):
            return False
        if self._user is not None and self._user.search(uri.user or "") is None:
            return False
        return self._domain is None or self._domain.search(uri.host) is not None

    def apply(self, uri: Uri) -> Uri:
        rule, user = self._rule, uri.user or ""
        if rule.user_action == "add_prefix":
            user = rule.user_value + user
        elif rule.user_action == "add_suffix":
            user += rule.user_value
        elif self._user is not None and rule.user_action in ("remove", "replace"):
            into = rule.user_value if rule.user_action == "replace" else ""
            user = _replaced(self._user, into, user, 1)
        if rule.user_action != "none":
            uri = Uri.build(
                uri.host, user=user or None, port=uri.port, params=uri.params, scheme=uri.scheme
            )
        if rule.domain_action == "replace":
            uri = uri.with_host(rule.domain_value, None)
        return uri


class _HeaderRule:
    def __init__(self, rule: HeaderRule) -> None:
        self._rule = rule
        self.direction = rule.direction
        self._match = compiled(rule.match) if rule.match else None

    def apply(self, message: Message) -> None:
        rule = self._rule
        if rule.method not in ("*", message.method):
            return
        if rule.action == "add":
            message.add(rule.header, rule.value)
            return
        values = message.all(rule.header)
        if not values:
            return
        kept: list[str] = []
        for value in values:
            if self._match is None:
                kept += [rule.value] if rule.action == "replace" else []
            elif self._match.search(value) is None:
                kept.append(value)
            elif rule.action == "replace":
                kept.append(_replaced(self._match, rule.value, value))
        message.set_all(rule.header, [value for value in kept if value])


def _replaced(pattern: re2._Regexp, template: str, text: str, most: int = 0) -> str:
    r"""A text with what is found in it replaced; `\1` is a group's text. `most`: 0 is all."""

    def expanded(found: re2._Match) -> str:
        return GROUP.sub(lambda one: found.group(int(one[1])) or "", template)

    return str(pattern.sub(expanded, text, most))[:MAX_VALUE]


def _manner(profile: InterworkingProfile) -> Manner | None:
    timers = profile.timers
    first, longest = timers.init_timer, timers.max_timer
    found = Manner(
        None if first is None else first / 1000,
        None if longest is None else longest / 1000,
        profile.via_header_format == "rfc2543",
    )
    return None if found == Manner() else found


def _with(message: Message, name: str, word: str) -> None:
    """Put a word into a header that lists words, where there is one."""
    values = message.values(name)
    if values and word not in (value.strip().upper() for value in values):
        message.set_all(name, [", ".join([*(value.strip() for value in values), word])])


def _as_tel(uri: str) -> str:
    """The sip URI of a telephone number as a tel URI (RFC 3966)."""
    try:
        user = Uri.parse(uri).user or ""
    except WireError:
        return uri
    is_number = user[:1] == "+" and user[1:].isascii() and user[1:].isdigit()
    return f"tel:{user}" if is_number else uri


def _as_sip(uri: str, to: str) -> str:
    """A tel URI as a sip URI (RFC 3261 section 19.1.6), with the domain of To where it has one."""
    if not uri.lower().startswith("tel:"):
        return uri
    number = uri[4:].partition(";")[0]
    try:
        host = NameAddr.parse(to).uri.host
    except WireError:
        host = ""
    return f"sip:{number}@{host};user=phone" if host else uri
