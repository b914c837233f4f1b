"""Which transaction a message belongs to, and where its response goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip.transport import Address, Transport, same_host

if TYPE_CHECKING:
    from farline._core import Message, Via
    from farline.sip.transaction.transaction import Key
    from farline.sip.transport import Flow

COOKIE = "z9hG4bK"
"""A branch that begins so is unique (RFC 3261 section 8.1.1.7)."""

_UDP = Transport.UDP


def server_key(request: Message, via: Via, method: str) -> Key:
    """The key of the server transaction of a request (section 17.2.3).

    `method` is the one looked for: INVITE for an ACK or CANCEL that may belong to one. Without the
    cookie the rules of RFC 2543 hold; the To tag of an ACK is then compared by the layer.
    """
    branch = via.branch
    if branch.startswith(COOKIE):
        return branch, via.host.lower(), via.port, method
    top = f"{via.transport} {via.host}:{via.port};{branch}"
    return request.uri, request.call_id, request.from_tag, request.cseq, top, method


def merge_key(request: Message) -> Key:
    """What two copies of a request share that came by different ways (section 8.2.2.2)."""
    return request.call_id, request.from_tag, request.cseq, request.method


def note_source(request: Message, via: Via, flow: Flow) -> Flow:
    """Write received and rport into the top Via, return the flow for responses.

    RFC 3261 section 18.2.1: received when the Via's host is not the source. RFC 3581 section 4: a
    Via that asks with rport gets both. Section 18.2.2: a connection is answered on itself; UDP to
    the source address, and to its port if rport asked for it, else to the Via's port.
    """
    source = flow.remote
    asks = via.param("rport") is not None
    if asks or not same_host(via.host, source.host):
        noted = via.with_param("rport", str(source.port)) if asks else via
        request.pop("Via")
        request.prepend("Via", str(noted.with_param("received", source.host)))
    if asks or flow.transport is not _UDP:
        return flow
    port = via.port or flow.transport.default_port
    return flow if port == source.port else flow._replace(remote=Address(source.host, port))
