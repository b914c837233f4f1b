"""Service type HTTP: one request at a time, read whole, judged, and written anew for the server.

h11 reads and writes both halves, so the server sees one framing, ours, whatever the client sent
(no request smuggling, RFC 9112 section 11.2). Bodies stream through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from farline.border.relays.http_judge import HOP_BY_HOP, MAX_HEAD, HttpJudge, RefusedError
from farline.border.relays.inspection import Passage, refusal
from farline.border.relays.sni import HANDSHAKE, NoHelloError, is_address, server_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.relays.http_judge import HttpPolicy

MAX_PIPELINED = 65_536
"""Bytes of further requests that may wait for an answer."""
_STATUS = {
    "malformed": b"400 Bad Request",
    "path": b"404 Not Found",
    "response": b"502 Bad Gateway",
    "version": b"505 HTTP Version Not Supported",
}


class HttpInspector:
    """One client's connection. `known`: whether a phone is registered from its address."""

    def __init__(
        self, policy: HttpPolicy, port: int, source: str, known: Callable[[], bool]
    ) -> None:
        self._policy = policy
        self._judge = HttpJudge(policy, port, source, known)
        self._client = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._server = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._begun = False
        self._hello: bytes | None = None
        """What has come of a TLS greeting; None: not TLS."""
        self._body = 0
        self.opaque = False
        self.whole = 0

    @property
    def waiting(self) -> bool:
        """A request (or TLS greeting) is not there whole."""
        if self.opaque:
            return False
        state = self._client.their_state
        if state is h11.SEND_BODY or not self._begun:
            return True
        return state is h11.IDLE and bool(self._client.trailing_data[0])

    def up(self, data: bytes) -> Passage:
        """Bytes from the client."""
        if self.opaque:
            return Passage(to_server=data)
        if self._hello is not None or (not self._begun and data[:1] == bytes((HANDSHAKE,))):
            return self._greeting(data)
        out = Passage()
        self._client.receive_data(data)
        return self._requests(out)

    def down(self, data: bytes) -> Passage:
        """Bytes from the server."""
        if self.opaque:
            return Passage(to_client=data)
        return self._responses(data)

    def up_end(self) -> Passage | None:
        """The client says no more: an answer under way still reaches it."""
        if self.opaque:
            return None
        if self._hello is not None:
            return refusal("malformed", "the client left in its TLS greeting")
        self._client.receive_data(b"")
        return self._requests(Passage())

    def down_end(self) -> Passage | None:
        """The server says no more, which may end an answer."""
        if self.opaque:
            return None
        out = self._responses(b"")
        out.close = True
        return out

    def _greeting(self, data: bytes) -> Passage:
        """TLS that is not ours to end: only the name that the client asks for can be checked."""
        self._hello = (self._hello or b"") + data
        if not self._policy.tls_passthrough:
            return refusal("tls", "the client begins TLS, which is not let through")
        try:
            name = server_name(self._hello)
        except NoHelloError as error:
            return refusal("malformed", str(error))
        if name is None:
            return Passage()
        hosts = self._policy.hosts
        if name not in hosts and not (name == "" and any(map(is_address, hosts))):
            return refusal("host", f"SNI {name!r} is not among HTTP Hosts")
        self.opaque = True
        return Passage(to_server=self._hello)

    def _requests(self, out: Passage) -> Passage:
        """Pass on what the client has sent whole."""
        try:
            while True:
                event = self._client.next_event()
                if event is h11.NEED_DATA:
                    return out
                if event is h11.PAUSED:
                    return self._paused(out)
                if isinstance(event, h11.ConnectionClosed):
                    out.close = self._client.our_state not in (h11.SEND_RESPONSE, h11.SEND_BODY)
                    return out
                self._pass_up(event, out)
        except RefusedError as error:
            return self._refuse(out, *error.args)
        except h11.ProtocolError as error:
            return self._refuse(out, "malformed", str(error))

    def _paused(self, out: Passage) -> Passage:
        """A further request waits for the answer to this one."""
        waiting = self._client.trailing_data[0]
        if self._client.their_state is h11.SWITCHED_PROTOCOL:
            self.opaque = True
            out.to_server += waiting
        elif len(waiting) > MAX_PIPELINED:
            return self._refuse(out, "malformed", f"{len(waiting)} bytes of pipelined requests")
        return out

    def _pass_up(self, event: object, out: Passage) -> None:
        if isinstance(event, h11.Request):
            self._begun = True
            self._body = 0
            out.to_server += self._server.send(self._judge.request(event)) or b""
        elif isinstance(event, h11.Data):
            self._body += len(event.data)
            if self._body > self._policy.max_body:
                raise RefusedError("body", f"a body of more than {self._policy.max_body} bytes")
            out.to_server += self._server.send(h11.Data(data=event.data)) or b""
        elif isinstance(event, h11.EndOfMessage):
            self.whole += 1
            out.to_server += self._server.send(h11.EndOfMessage()) or b""

    def _responses(self, data: bytes) -> Passage:
        """Pass on what the server answers."""
        out = Passage()
        try:
            if self._server.our_state is h11.IDLE and data:
                return refusal("response", "the server speaks before it is asked")
            self._server.receive_data(data)
            while True:
                event = self._server.next_event()
                if event in (h11.NEED_DATA, h11.PAUSED):
                    break
                if isinstance(event, h11.ConnectionClosed):
                    out.close = True
                    break
                self._pass_down(event, out)
        except RefusedError as error:
            return self._refuse(out, *error.args)
        except h11.ProtocolError as error:
            return self._refuse(out, "response", str(error))
        return self._next(out)

    def _pass_down(self, event: object, out: Passage) -> None:
        if isinstance(event, h11.InformationalResponse):
            headers = list(event.headers)
            if event.status_code != 101:
                headers = [one for one in headers if one[0] not in HOP_BY_HOP]
            passed: h11.Event = h11.InformationalResponse(
                status_code=event.status_code, headers=headers, reason=event.reason
            )
        elif isinstance(event, h11.Response):
            last = self._server.their_state is h11.MUST_CLOSE
            passed = self._judge.response(event, last=last)
        elif isinstance(event, h11.Data):
            passed = h11.Data(data=event.data)
        else:
            passed = h11.EndOfMessage()
        out.to_client += self._client.send(passed) or b""
        if self._client.our_state is h11.SWITCHED_PROTOCOL:
            self.opaque = True
            out.to_server += self._client.trailing_data[0]
            out.to_client += self._server.trailing_data[0]

    def _next(self, out: Passage) -> Passage:
        """Begin the next request when this one is over on both sides, or end the connection."""
        client, server = self._client, self._server
        if self.opaque or out.close:
            return out
        states = (client.our_state, client.their_state, server.our_state, server.their_state)
        if all(one is h11.DONE for one in states):
            client.start_next_cycle()
            server.start_next_cycle()
            return self._requests(out)
        if client.our_state is h11.MUST_CLOSE or server.their_state in (h11.MUST_CLOSE, h11.CLOSED):
            out.close = client.our_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)
        return out

    def _refuse(self, out: Passage, word: str, detail: str) -> Passage:
        """The same few bytes for every client; nothing where an answer has begun."""
        out.refused, out.detail, out.close = word, detail, True
        if self._client.our_state in (h11.IDLE, h11.SEND_RESPONSE, h11.ERROR):
            status = _STATUS.get(word, b"403 Forbidden")
            head = b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            out.to_client += b"HTTP/1.1 " + status + head
        return out
