"""What a written trace may not tell: digest responses, credentials, keys in SDP, dialled digits.

Each secret is replaced by as many asterisks, so Content-Length and TCP sequence numbers stay true.
"""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(
    rb"(\n(?:proxy-)?authorization|\n(?:proxy-)?authentication-info)([ \t]*:[ \t]*)"
    rb"([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)",
    re.IGNORECASE,
)
"""A header with credentials and its folded lines (RFC 3261 section 7.3.1), wherever it stands:
a body may carry a whole message (message/sipfrag). With the line's end before it, which lets the
search leap from line to line."""

_DIGEST_PROOF = re.compile(rb'\b((?:response|rspauth)\s*=\s*"?)([^",\s]*)', re.IGNORECASE)
"""What an attacker could try passwords against (RFC 2617 sections 3.2.2 and 3.2.3)."""

_SDP_KEY = re.compile(
    rb"^(a=crypto:[^\s:]+[ \t]+\S+[ \t]+|a=key[^:\r\n]*:|k=[^:\r\n]*:)([^\r\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
"""RFC 4568 (all after tag and suite), RFC 4567 (a=key-mgmt), RFC 8866 section 5.12 (k=)."""


_DIGIT = re.compile(rb"^([ \t]*signal[ \t]*=[ \t]*)([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_LONE = re.compile(rb"^()([^\r\n=]{1,32})(?=\r?$)", re.MULTILINE)
"""Digits pressed in a call, PINs among them, as INFO bears them (application/dtmf-relay; in
application/dtmf also alone)."""


def mask(data: bytes) -> bytes:
    """The message with its secrets replaced by asterisks; the length stays the same."""
    # Most messages hold none: a plain search finds that out for a tenth of what the patterns cost.
    lower = data.lower()
    if b"authorization" in lower or b"authentication-info" in lower:
        data = _CREDENTIALS.sub(_mask_credentials, b"\n" + data)[1:]
    if b"a=crypto:" in lower or b"a=key" in lower or b"\nk=" in lower:
        data = _SDP_KEY.sub(_hide_second, data)
    if b"application/dtmf" in lower:
        head, end, body = data.partition(b"\r\n\r\n")
        body = _DIGIT.sub(_hide_second, body)
        if b"application/dtmf-relay" not in lower:
            body = _LONE.sub(_hide_second, body)
        data = head + end + body
    return data


def _hide_second(match: re.Match[bytes]) -> bytes:
    return match[1] + b"*" * len(match[2])


def _mask_credentials(match: re.Match[bytes]) -> bytes:
    name, colon, value = match.groups()
    scheme, space, rest = value.partition(b" ")
    if name.lower().endswith(b"info"):
        value = _DIGEST_PROOF.sub(_hide_second, value)
    elif scheme.lower() == b"digest":
        value = scheme + space + _DIGEST_PROOF.sub(_hide_second, rest)
    else:  # Basic, Bearer or unknown: all of it may be the secret
        value = scheme + space + re.sub(rb"[^\r\n]", b"*", rest)
    return bytes(name + colon + value)
