"""A classic pcap file out of traced messages.

Frames are made up around each message: Ethernet and IP with the traced addresses, then UDP, or TCP
with sequence and acknowledgement numbers that fit together for each connection. There is no
handshake: a trace begins in the middle, as a capture may. Messages of TLS connections are in clear
on TCP, and their port 5061 is written as 5060: on 5061 dissectors expect TLS.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import TYPE_CHECKING

from farline.trace import packet
from farline.trace.events import MessageSeen
from farline.trace.packet import Endpoint
from farline.trace.reader import endpoints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farline.trace.codec import Record

MAX_CONNECTIONS = 65_536
SNAP_LENGTH = 262_144
LINKTYPE_ETHERNET = 1
SIP_PORT = 5060
WRAPPED_PORTS = frozenset({5061, 80, 443})


class PcapFile:
    """Gives the bytes of a file piece by piece: `header` once, then `packets` for each record."""

    def __init__(self) -> None:
        self.skipped = 0
        """Messages that no packet can carry: unreadable addresses, a datagram that is too long."""
        self._next_seq: OrderedDict[tuple[Endpoint, Endpoint], int] = OrderedDict()
        self._ident = 0

    @staticmethod
    def header() -> bytes:
        """The file header: version 2.4, microseconds, Ethernet."""
        return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_ETHERNET)

    def packets(self, record: Record) -> bytes:
        """The packets of a message, b"" for another event."""
        event = record.event
        if not isinstance(event, MessageSeen) or not event.data:
            return b""
        frames = self._frames(event)
        if frames is None:
            self.skipped += 1
            return b""
        micros = round(record.time * 1_000_000)
        stamp = struct.pack("<II", micros // 1_000_000 & 0xFFFFFFFF, micros % 1_000_000)
        return b"".join(
            stamp + struct.pack("<II", len(frame), len(frame)) + frame for frame in frames
        )

    def _frames(self, event: MessageSeen) -> list[bytes] | None:
        try:
            source, target = (packet.parse_endpoint(text) for text in endpoints(event))
        except ValueError:
            return None
        version = source.ip.version
        if version != target.ip.version:
            return None
        if event.transport.upper() == "UDP":
            if len(event.data) > packet.MAX_DATAGRAM[version]:
                return None
            return [packet.udp_frame(source, target, event.data, self._identify())]
        if event.transport.upper() in ("TLS", "WS", "WSS"):
            source, target = _in_clear(source), _in_clear(target)
        return list(self._segments(source, target, event.data, packet.MSS[version]))

    def _segments(
        self, source: Endpoint, target: Endpoint, data: bytes, size: int
    ) -> Iterator[bytes]:
        seq, ack = self._number(source, target), self._number(target, source)
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            flags = packet.ACK | (packet.PSH if at + size >= len(data) else 0)
            yield packet.tcp_frame(source, target, seq, ack, flags, piece, self._identify())
            seq = (seq + len(piece)) & 0xFFFFFFFF
        self._next_seq[source, target] = seq

    def _number(self, source: Endpoint, target: Endpoint) -> int:
        """The next sequence number of a direction; each begins at 1."""
        number = self._next_seq.setdefault((source, target), 1)
        self._next_seq.move_to_end((source, target))
        if len(self._next_seq) > MAX_CONNECTIONS * 2:
            self._next_seq.popitem(last=False)
        return number

    def _identify(self) -> int:
        self._ident = (self._ident + 1) & 0xFFFF
        return self._ident


def pcap(records: Iterable[Record]) -> Iterator[bytes]:
    """A whole file, a piece at a time."""
    file = PcapFile()
    yield file.header()
    for record in records:
        yield file.packets(record)


def _in_clear(endpoint: Endpoint) -> Endpoint:
    return Endpoint(endpoint.ip, SIP_PORT) if endpoint.port in WRAPPED_PORTS else endpoint
