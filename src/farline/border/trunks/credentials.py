"""Answers to the challenges of servers (Server Configuration > Authentication; RFC 3261 22.3).

The request goes again with credentials and the next CSeq number. The sender knows nothing of it: in
its dialog the other end reads later numbers counted up (`calls.session.End.inserted`).
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from farline.border.exchange import Side
from farline.border.steps import NEXT
from farline.config.server import Authentication
from farline.sip.digest_client import DigestClient
from farline.sip.transaction import RequestFailed, ResponseArrived, TransactionEnded

if TYPE_CHECKING:
    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.passage import Passage
    from farline.border.steps import Operation, Steps
    from farline.config import ServerProfile
    from farline.sip import Message
    from farline.sip.transaction import ClientTransaction

CHALLENGES = frozenset({401, 407})
PROOFS = ("Authorization", "Proxy-Authorization")
MAX_ANSWERS = 2
"""Challenges of one request that are answered: a server's, and once more for a stale nonce."""


class Credentials:
    """Who the border is at each server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._clients: dict[str, tuple[Authentication, DigestClient]] = {}

    def of(self, server: ServerProfile) -> DigestClient | None:
        """The client side of the digest at a server; None: the border is nobody there."""
        form = server.authentication
        if not form.enabled or form.password is None:
            return None
        known = self._clients.get(server.name)
        if known is None or known[0] != form:
            client = DigestClient(
                form.user_name, form.password.reveal(), self._context.ids, form.realm
            )
            known = self._clients[server.name] = (form, client)
        return known[1]

    def answer(self, server: ServerProfile, sent: Message, response: Message) -> Message | None:
        """The request again, with credentials; None: the challenge is not ours to answer."""
        client = self.of(server)
        if client is None or response.status not in CHALLENGES:
            return None
        form = f"{Authentication.form}: {server.name}"
        again = client.retry(sent, response)
        value = f"answered as {client.username}" if again is not None else "passed on"
        why = f"{response.status} of {server.name} to {sent.method}"
        if again is None:
            why += ": it is of another realm, or our credentials are wrong"
        self._context.decided("authentication", value, why, form)
        return again


def again(passage: Passage, sent: Message, response: Message) -> Message | None:
    """A request on its way with the credentials of the server that challenges it; None: not."""
    if response.status not in CHALLENGES or passage.request.method == "REGISTER":
        return None
    server = _far_server(passage)
    if server is None or passage.answered_challenges >= MAX_ANSWERS:
        return None
    found = passage.context.credentials.answer(server, sent, response)
    return None if found is None else resent(passage, found)


def resent(passage: Passage, told: Message) -> Message:
    """A request that goes again with the next CSeq number, of which its sender knows nothing."""
    passage.answered_challenges += 1
    end = passage.counted
    if end is not None:
        insort(end.inserted, passage.request.cseq - 1)
    if passage.session is not None and passage.request.method == "INVITE":
        passage.session.proof = (passage.request.cseq, proof_of(told))
    return told


def server_of(session: Session, context: Context, side: Side) -> ServerProfile | None:
    """The server on a side of a call; None: a phone."""
    binding = session.binding
    if side is Side.OUTSIDE:
        peer = binding.peer
        return context.plan.servers[peer.server_profile] if peer is not None else None
    line = binding.line
    return context.plan.servers[line.server.server_profile] if line is not None else None


def insist(
    context: Context, operation: Operation, client: ClientTransaction, session: Session, side: Side
) -> Steps:
    """Follow a request of the border's own to its end; a challenge is answered once."""
    asked = False
    while True:
        event = yield NEXT
        if isinstance(event, ResponseArrived) and event.tx is client:
            response, server = event.message, server_of(session, context, side)
            if response.status < 200:
                continue
            if response.status not in CHALLENGES or server is None or asked:
                return
            told, asked = context.credentials.answer(server, client.request, response), True
            if told is None:
                return
            client = context.request(operation, told, client.flow, side)
        elif isinstance(event, RequestFailed | TransactionEnded):
            return


def proof_of(message: Message) -> tuple[tuple[str, str], ...]:
    """The credentials in a request, for its ACK (RFC 3261 section 22.1)."""
    return tuple((name, value) for name in PROOFS for value in message.all(name))


def _far_server(passage: Passage) -> ServerProfile | None:
    servers, binding = passage.context.plan.servers, passage.binding
    if passage.sender is Side.OUTSIDE:
        return servers[passage.line.server.server_profile]
    return servers[binding.peer.server_profile] if binding.peer is not None else None
