"""Typed readers of header fields: pure functions with limits.

A reader gives None (or an empty list) for an absent header and raises WireError(400, reason,
header) for one that does not follow its grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from farline._core import Message, NameAddr, Uri, Via, WireError
from farline.sip.transport import Address, Transport

MAX_SECONDS = 2**32 - 1
"""delta-seconds above this are cut to it (RFC 3261 section 20.19)."""

MAX_CONTACTS = 32

DEFAULT_EXPIRES = 3600
"""For an unreadable expires parameter (RFC 3261 section 20.10)."""

_PARAM = re.compile(r"""\s*;\s*([^\s;=",]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;",]*)\s*)?""")
_RACK = re.compile(r"(\d{1,10})\s+(\d{1,10})\s+([A-Za-z0-9.!%*_+`'~-]+)")


@dataclass(frozen=True, slots=True)
class Contact:
    """One Contact value. `expires` in seconds and `q` are None where the parameter is absent."""

    address: NameAddr
    expires: int | None
    q: float | None


@dataclass(frozen=True, slots=True)
class Reason:
    """One Reason value (RFC 3326): protocol ("Q.850", "SIP"), cause, text."""

    protocol: str
    cause: int | None
    text: str = ""

    def __str__(self) -> str:
        head = self.protocol if self.cause is None else f"{self.protocol};cause={self.cause}"
        return f'{head};text="{_escape(self.text)}"' if self.text else head


class Refresher(StrEnum):
    """Who refreshes a session (RFC 4028)."""

    UAC = "uac"
    UAS = "uas"


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """Session-Expires (RFC 4028): interval in seconds and who refreshes, if said."""

    interval: int
    refresher: Refresher | None = None

    def __str__(self) -> str:
        tail = f";refresher={self.refresher.value}" if self.refresher else ""
        return f"{self.interval}{tail}"


@dataclass(frozen=True, slots=True)
class RAck:
    """RAck (RFC 3262): RSeq, CSeq number and method of the response acknowledged."""

    rseq: int
    cseq: int
    method: str


def expires(message: Message) -> int | None:
    """Expires in seconds."""
    return _seconds(message, "Expires")


def min_expires(message: Message) -> int | None:
    """Min-Expires in seconds (of a 423)."""
    return _seconds(message, "Min-Expires")


def min_se(message: Message) -> int | None:
    """Min-SE in seconds (RFC 4028)."""
    return _seconds(message, "Min-SE")


def retry_after(message: Message) -> int | None:
    """Retry-After in seconds; its comment and parameters are ignored."""
    return _seconds(message, "Retry-After")


def max_forwards(message: Message) -> int | None:
    """Max-Forwards, 0 to 255."""
    value = _seconds(message, "Max-Forwards")
    if value is not None and value > 255:
        raise WireError(400, "Max-Forwards above 255", "Max-Forwards")
    return value


def is_star(message: Message) -> bool:
    """Whether Contact is `*`, all bindings (RFC 3261 section 10.2.2)."""
    return message.get("Contact") == "*"


def contacts(message: Message) -> list[Contact]:
    """Every Contact, at most `MAX_CONTACTS`; raises WireError for more, and for `*` among them."""
    values = message.values("Contact")
    if len(values) > MAX_CONTACTS:
        raise WireError(400, f"more than {MAX_CONTACTS} contacts", "Contact")
    return [_contact(value) for value in values]


def contact_expires(contact: Contact, message: Message, default: int = DEFAULT_EXPIRES) -> int:
    """The lease that a contact asks for: its own, else Expires, else `default` (section 10.3)."""
    if contact.expires is not None:
        return contact.expires
    whole = expires(message)
    return default if whole is None else whole


def reasons(message: Message) -> list[Reason]:
    """Every Reason value."""
    return [_reason(value) for value in message.values("Reason")]


def session_expires(message: Message) -> SessionExpires | None:
    """Session-Expires."""
    value = message.get("Session-Expires")
    if value is None:
        return None
    head, params = split_params(value, "Session-Expires")
    refresher = params.get("refresher", "").lower()
    if refresher not in ("", "uac", "uas"):
        raise WireError(400, "unknown refresher", "Session-Expires")
    return SessionExpires(
        _delta(head, "Session-Expires"), Refresher(refresher) if refresher else None
    )


def rseq(message: Message) -> int | None:
    """RSeq (RFC 3262), 1 to 2**32-1."""
    return _seconds(message, "RSeq")


def rack(message: Message) -> RAck | None:
    """RAck (RFC 3262)."""
    value = message.get("RAck")
    if value is None:
        return None
    match = _RACK.fullmatch(value)
    if match is None:
        raise WireError(400, "RAck not readable", "RAck")
    return RAck(int(match[1]), int(match[2]), match[3])


def tokens(message: Message, name: str) -> frozenset[str]:
    """The values of a list of tokens in lower case: Supported, Require, Allow, ..."""
    return frozenset(value.strip().lower() for value in message.values(name))


def drop_token(message: Message, name: str, token: str) -> None:
    """Take a token out of a list of tokens, and the header with its last one."""
    values = message.values(name)
    kept = [value.strip() for value in values if value.strip().lower() != token.lower()]
    if len(kept) < len(values):
        message.set_all(name, [", ".join(kept)] if kept else [])


def via_address(via: Via) -> Address:
    """Host and port of a Via's sent-by, the port being the transport's own where none stands."""
    known = Transport.__members__.get(via.transport.upper(), Transport.UDP)
    return Address(via.host, via.port or known.default_port)


def media_type(message: Message) -> str:
    """The type in Content-Type, in lower case and without parameters; "" without one."""
    return (message.get("Content-Type") or "").partition(";")[0].strip().lower()


def uri_of(value: str) -> Uri | None:
    """The URI of a Route, Record-Route or Contact, or a plain one; None for an unreadable one."""
    try:
        return NameAddr.parse(value).uri if "<" in value else Uri.parse(value)
    except WireError:
        return None


def split_params(text: str, where: str) -> tuple[str, dict[str, str]]:
    """What stands before the first semicolon, and the parameters by lower-case name, unquoted."""
    head, semicolon, rest = text.partition(";")
    params: dict[str, str] = {}
    tail = semicolon + rest
    at = 0
    while at < len(tail):
        match = _PARAM.match(tail, at)
        if match is None:
            raise WireError(400, "parameters not readable", where)
        params.setdefault(match[1].lower(), _unquote(match[2] or ""))
        at = match.end()
    return head.strip(), params


def _contact(value: str) -> Contact:
    address = NameAddr.parse(value)
    asked = address.param("expires")
    seconds = None
    if asked is not None:
        readable = asked.isascii() and asked.isdigit()
        seconds = min(int(asked[:12]), MAX_SECONDS) if readable else DEFAULT_EXPIRES
    weight = address.param("q")
    if weight is not None and not re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", weight):
        raise WireError(400, "q not between 0 and 1", "Contact")
    return Contact(address, seconds, None if weight is None else float(weight))


def _reason(value: str) -> Reason:
    head, params = split_params(value, "Reason")
    cause = params.get("cause")
    if cause is not None and not re.fullmatch(r"[0-9]{1,5}", cause):
        raise WireError(400, "cause is not a number", "Reason")
    return Reason(head, None if cause is None else int(cause), params.get("text", ""))


def _seconds(message: Message, name: str) -> int | None:
    value = message.get(name)
    return None if value is None else _delta(re.split(r"[\s;(]", value, maxsplit=1)[0], name)


def _delta(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise WireError(400, "not a number", where)
    return min(int(text[:12]), MAX_SECONDS)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
