"""ENUM (RFC 6116): from a telephone number to a SIP URI by NAPTR records.

A generator that yields each `Question` and is sent its `Found`. Regular expressions come from the
DNS, that is from strangers: they run in RE2, whose time grows with the input's length alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import re2

from farline.sip.dns import MAX_RECORDS, Found, Naptr, Question

if TYPE_CHECKING:
    from collections.abc import Generator

DEFAULT_SUFFIX = "e164.arpa"
MAX_DEPTH = 5
"""Non-terminal records that are followed (RFC 6116 section 3.4.2 asks for a limit)."""

MAX_EXPRESSION = 255
MAX_URI = 512
_NUMBER = re.compile(r"\+[0-9]{3,15}")


@dataclass(frozen=True, slots=True)
class Enumerated:
    """The URI that a number leads to, "" for none, and why."""

    uri: str
    because: str


def number_of(user: str | None) -> str:
    """The E.164 number that the user part of a URI is, "" for none: visual separators go."""
    plain = re.sub(r"[-.() ]", "", user or "")
    return plain if _NUMBER.fullmatch(plain) else ""


def domain_of(number: str, suffix: str) -> str:
    """+4689761234 under e164.arpa is 4.3.2.1.6.7.9.8.6.4.e164.arpa (RFC 6116 section 3.2)."""
    return ".".join(reversed(number.lstrip("+"))) + "." + (suffix.strip(".") or DEFAULT_SUFFIX)


def look_up(number: str, suffix: str) -> Generator[Question, Found, Enumerated]:
    """The SIP URI of a number."""
    name = domain_of(number, suffix)
    seen: set[str] = set()
    for _ in range(MAX_DEPTH):
        if name in seen:
            return Enumerated("", f"{name}: a circle of NAPTR records")
        seen.add(name)
        found = yield Question(name, "NAPTR")
        if found.error or not found.records:
            return Enumerated("", f"{name}: {found.error or 'no NAPTR records'}")
        records = [one for one in found.records[:MAX_RECORDS] if isinstance(one, Naptr)]
        records.sort(key=lambda one: (one.order, one.preference))
        onward = ""
        for record in records:
            if record.flags.lower() == "u" and _is_sip(record.service):
                uri = _apply(record.regexp, number)
                if uri:
                    return Enumerated(uri, f"{name}: {record.regexp}")
            elif not record.flags and record.replacement:
                onward = record.replacement
                break
        if not onward:
            return Enumerated("", f"{name}: no usable E2U+sip record")
        name = onward
    return Enumerated("", f"more than {MAX_DEPTH} NAPTR records in a row")


def _is_sip(service: str) -> bool:
    """E2U+sip, also among other services (RFC 6117), and the old order sip+E2U."""
    parts = service.lower().split("+")
    return "e2u" in parts and any(part.partition(":")[0] in ("sip", "sips") for part in parts)


def _apply(expression: str, number: str) -> str:
    """The substitution of RFC 3402 section 3.2; "" when it does not fit or cannot be read."""
    if not 3 < len(expression) <= MAX_EXPRESSION:
        return ""
    mark = expression[0]
    parts = re.split(rf"(?<!\\){re.escape(mark)}", expression[1:])
    if len(parts) != 3 or mark.isdigit() or mark in "\\i":
        return ""
    pattern, replacement, flags = parts
    options = re2.Options()
    options.max_mem = 1 << 20
    options.case_sensitive = flags.lower() != "i"
    options.log_errors = False
    try:
        match = re2.compile(pattern, options).search(number)
    except re2.error:
        return ""
    if match is None:
        return ""
    groups = match.groups()
    uri = re.sub(
        r"\\([1-9])",
        lambda one: (groups[int(one[1]) - 1] or "") if int(one[1]) <= len(groups) else "",
        replacement,
    )
    return uri if len(uri) <= MAX_URI and uri.lower().startswith(("sip:", "sips:")) else ""
