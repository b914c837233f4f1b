"""When two messages are alike: the same but for what every message has anew.

Branches, tags, Call-IDs, sequence numbers, nonces and their answers differ from one message of a
sender to the next; everything else of a message that is sent again is the same.
"""

from __future__ import annotations

import re
from hashlib import sha256

_FRESH = re.compile(
    rb"(?P<param>;(?:branch|tag|received|rport)=)[^\s;,>]*"
    rb'|(?P<proof>\b(?:nonce|cnonce|response|nc)=)"?[^",\s]*"?'
    rb"|(?P<header>\n(?:Call-ID|i|CSeq|Date|Timestamp|RSeq|RAck)[ \t]*:)[^\r\n]*",
    re.IGNORECASE,
)


def likeness(data: bytes) -> str:
    """What a message shares with all that are alike, as 32 hex digits."""
    return sha256(_FRESH.sub(_kept, data)).hexdigest()[:32]


def _kept(match: re.Match[bytes]) -> bytes:
    return match["param"] or match["proof"] or match["header"]
