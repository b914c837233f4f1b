"""What a border received and sent, out of a capture or out of its own trace.

In a capture the border is known by the addresses of its signaling interfaces; packets between
others are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.sip import Address, Message, Transport, WireError
from farline.trace.events import MessageSeen
from farline.trace.packet import parse_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline.border.plan import Plan
    from farline.trace import Record
    from farline.trace.capture import Captured

MAX_MESSAGES = 500_000
"""Messages of one recording that are kept."""

Connection = tuple[Transport, Address, Address]
"""Transport, our address, the peer's."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message that passed the border: `arrived`, or the border sent it."""

    time: float
    arrived: bool
    connection: Connection
    data: bytes

    @property
    def transport(self) -> Transport:
        """What carried it."""
        return self.connection[0]

    @property
    def local(self) -> Address:
        """The border's address."""
        return self.connection[1]

    @property
    def remote(self) -> Address:
        """The peer's address."""
        return self.connection[2]


def from_records(records: Iterable[Record]) -> list[Recorded]:
    """The messages of a border's trace, in its order."""
    found: list[Recorded] = []
    for record in records:
        event = record.event
        if not isinstance(event, MessageSeen) or record.role != "border":
            continue
        try:
            connection = (
                Transport(event.transport.upper()), _address(event.local), _address(event.remote)
            )  # fmt: skip
        except ValueError:
            continue
        found.append(Recorded(record.time, event.direction == "in", connection, event.data))
        if len(found) >= MAX_MESSAGES:
            break
    return found


def from_capture(messages: Iterable[Captured], plan: Plan) -> list[Recorded]:
    """The messages of a capture that went to or came from the border of `plan`."""
    found: list[Recorded] = []
    for message in messages:
        source = Address(str(message.source.ip), message.source.port)
        target = Address(str(message.target.ip), message.target.port)
        arrived = _arrived(plan, source, target)
        if arrived is None:
            continue
        local, remote = (target, source) if arrived else (source, target)
        connection = (Transport(message.transport), local, remote)
        found.append(Recorded(message.time, arrived, connection, message.data))
        if len(found) >= MAX_MESSAGES:
            break
    return _with_tls(found)


def _arrived(plan: Plan, source: Address, target: Address) -> bool | None:
    """Whether it came to the border (True), from it (False), or neither (None)."""
    if target.port in plan.own.ports.get(target.host, ()):
        return True
    if source.port in plan.own.ports.get(source.host, ()):
        return False
    if target.host in plan.own.ports:
        return True
    return False if source.host in plan.own.ports else None


def _with_tls(recording: list[Recorded]) -> list[Recorded]:
    """Captures of a trace hold TLS and WebSockets in clear on port 5060: Vias of requests tell."""
    told: dict[Connection, Transport] = {}
    for one in recording:
        if one.transport is Transport.TCP and one.connection not in told:
            transport = _told_by_via(one.data)
            if transport is not None:
                told[one.connection] = transport
    return [
        Recorded(one.time, one.arrived, _unwrapped(one.connection, told[one.connection]), one.data)
        if one.connection in told
        else one
        for one in recording
    ]


def _unwrapped(connection: Connection, transport: Transport) -> Connection:
    _, local, remote = connection
    return transport, _usual(local, transport), _usual(remote, transport)


def _usual(address: Address, transport: Transport) -> Address:
    return Address(address.host, transport.default_port) if address.port == 5060 else address


def _told_by_via(data: bytes) -> Transport | None:
    """What lay below TCP's bytes where a request's Via says so: TLS, WS or WSS."""
    try:
        message = Message.parse(data)
        via = message.top_via
    except WireError:
        return None
    if not message.is_request or via is None:
        return None
    found = Transport.__members__.get(via.transport.upper())
    return found if found is not None and (found.secure or found.is_websocket) else None


def _address(text: str) -> Address:
    endpoint = parse_endpoint(text)
    return Address(str(endpoint.ip), endpoint.port)
