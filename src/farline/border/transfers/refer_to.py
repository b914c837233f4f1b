"""Whom a REFER names: a URI to call, and the call that is to be replaced (RFC 3515, 3891)."""

from __future__ import annotations

from urllib.parse import unquote

from farline.sip import NameAddr, Uri, WireError


class Target:
    """What Refer-To says: a URI to call, and the call that is to be replaced there."""

    def __init__(self, uri: Uri, replaces: str = "") -> None:
        self.uri = uri
        self.replaces = replaces


def read_target(value: str) -> Target:
    """Refer-To as a target. Raises WireError for what cannot be called."""
    uri = NameAddr.parse(value).uri
    if uri.scheme not in ("sip", "sips") or not uri.host:
        raise WireError(416, "only SIP URIs are called", "Refer-To")
    text = str(uri)
    plain, _, asked = text.partition("?")
    method = uri.param("method")
    if method is not None and method.upper() != "INVITE":
        raise WireError(501, f"only INVITE is carried out, not {method}", "Refer-To")
    replaces = ""
    for part in asked.split("&"):
        name, _, given = part.partition("=")
        if name.lower() == "replaces":
            replaces = unquote(given)
    if any(ord(char) < 32 for char in replaces):
        raise WireError(400, "a control character in Replaces", "Refer-To")
    bare = Uri.parse(plain)
    params = [one for one in bare.params if one[0].lower() not in ("method", "subid_ipcs")]
    built = Uri.build(bare.host, user=bare.user, port=bare.port, params=params, scheme=bare.scheme)
    return Target(built, replaces)
