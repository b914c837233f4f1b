"""One spelling for what HTTP clients ask for: target, path and Host, as they are matched and sent.

RFC 9112 section 3.2 (forms of the request target), RFC 3986 sections 5.2.4 and 6.2 (normalising).
What two servers could read differently has no normal form here and is refused.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

_ABSOLUTE = re.compile(r"(?i)(https?)://([^/?#]*)(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_PLAIN = "/-._~!$&'()*+,=:@"
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f\\;%?#]|[\x80-\xff]")
"""In a decoded path: control characters, what some servers read as /, parameters, a second layer of
encoding, and bytes beyond ASCII, which overlong UTF-8 would hide in."""


class Malformed(ValueError):
    """There is no one way to read this."""


def split_host(text: str) -> tuple[str, int | None]:
    """Host in lower case without final dot, and port. Raises Malformed (userinfo, spaces, ...)."""
    found = _HOST.fullmatch(text)
    if found is None:
        raise Malformed(f"Host {text[:80]!r}")
    port = int(found[2]) if found[2] else None
    if port is not None and not 0 < port < 65_536:
        raise Malformed(f"port {port}")
    host = found[1].lower().strip("[]")
    host = host.removesuffix(".")
    if not host or host.endswith("."):
        raise Malformed(f"Host {text[:80]!r}")
    return host, port


def split_target(target: str) -> tuple[str | None, str, str]:
    """Authority (absolute form only), normal path, and query with its `?`. Raises Malformed."""
    authority: str | None = None
    if not target.startswith("/"):
        found = _ABSOLUTE.fullmatch(target)
        if found is None:
            raise Malformed(f"request target {target[:80]!r}")
        authority, target = found[2], found[3]
        if not target.startswith("/"):
            target = "/" + target
    if "#" in target:
        raise Malformed("a fragment in the request target")
    path, mark, query = target.partition("?")
    return authority, normal_path(path), mark + query


def normal_path(path: str) -> str:
    """Decoded, without // and dot segments, encoded again. Raises Malformed."""
    if _ESCAPE.sub("", path).count("%"):
        raise Malformed("a % that encodes nothing")
    if re.search(r"%2f", path, re.IGNORECASE):
        raise Malformed("an encoded / in the path")
    decoded = unquote_to_bytes(path).decode("latin-1")
    if _AMBIGUOUS.search(decoded):
        raise Malformed(f"path {path[:80]!r}")
    segments: list[str] = []
    parts = decoded.split("/")[1:]
    for part in parts:
        if part == "..":
            if segments:
                segments.pop()
        elif part not in ("", "."):
            segments.append(part)
    tail = "/" if segments and parts[-1] in ("", ".", "..") else ""
    return quote("/" + "/".join(segments) + tail, safe=_PLAIN)


def covered(path: str, paths: tuple[str, ...]) -> bool:
    """Whether a normal path is one of `paths`, or below one that ends in /."""
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in paths)
