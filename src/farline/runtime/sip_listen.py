"""Where signaling interfaces listen: datagram sockets, and servers of streams."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from farline.runtime.qos import mark, send_marked
from farline.runtime.sip_stream import StreamConnection, StreamLimits
from farline.runtime.sip_websocket import WebSocketConnection
from farline.sip.stun import is_stun
from farline.sip.transport import Address, Flow, Transport

if TYPE_CHECKING:
    from farline.runtime.sip import SipDriver
    from farline.runtime.sip_stream import Connection

log = logging.getLogger(__name__)
BACKLOG = 1024
MAX_FLOWS = 4096
"""Peers on UDP whose flow is remembered."""
ACCEPTED_AT_ONCE = 32
FIRST_LETTER = 0x40
"""What begins with a byte from here on is SIP or nothing, and no keep-alive of any kind."""


@dataclass(frozen=True)
class Listener:
    """Where one signaling interface listens; a port of None is disabled, 0 picks one (tests)."""

    interface: str
    ip: str
    udp_port: int | None = None
    tcp_port: int | None = None
    tls_port: int | None = None
    tls: ssl.SSLContext | None = None
    limits: StreamLimits = field(default_factory=StreamLimits)
    ws_port: int | None = None
    wss_port: int | None = None
    ws_origins: tuple[str, ...] = ()
    """Web pages that may open a WebSocket; `*` for all."""

    qos: int = 0
    """DS byte of what leaves here (RFC 2474), for every transport, unless a message has its own."""

    shared_port: int | None = None
    """Shared control: one more port, of TLS where there is `tls`, else of TCP."""

    device: str | None = None
    """Network device that everything is bound to (SO_BINDTODEVICE); None: as the system routes."""

    def ports(self) -> tuple[tuple[Transport, int], ...]:
        """The transports that are enabled, and their ports."""
        ports = {
            Transport.UDP: self.udp_port,
            Transport.TCP: self.tcp_port,
            Transport.TLS: self.tls_port,
            Transport.WS: self.ws_port,
            Transport.WSS: self.wss_port,
        }
        found = [(transport, port) for transport, port in ports.items() if port is not None]
        if self.shared_port is not None:
            found.append((Transport.TLS if self.tls else Transport.TCP, self.shared_port))
        return tuple(found)


class UdpSocket(asyncio.DatagramProtocol):
    """Datagrams of one signaling interface."""

    def __init__(self, driver: SipDriver, interface: str) -> None:
        self.driver = driver
        self.interface = interface
        self.local = Address("", 0)
        self.transport: asyncio.DatagramTransport | None = None
        self.ds_byte = 0
        self.closed = asyncio.Event()
        self._raw: socket.socket | None = None
        self._flows: dict[tuple[str, int], Flow] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where it listens."""
        self.transport = cast("asyncio.DatagramTransport", transport)
        host, port = transport.get_extra_info("sockname")[:2]
        self.local = Address(host, port)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand on a message."""
        flow = self._flows.get(addr) or self._new_flow(addr)
        if len(data) >= 12 and data[0] >= FIRST_LETTER:
            self.driver.received(flow, data)
        elif len(data) < 12 and not data.strip(b"\r\n\0 "):
            self.driver.kept_alive(flow)  # of a phone behind NAT: nothing to answer
        elif is_stun(data):
            self.driver.kept_alive(flow, data)
        else:
            self.driver.received(flow, data)

    def _new_flow(self, addr: tuple[str, int]) -> Flow:
        """The flow of a peer, remembered: a phone's comes again and again."""
        if len(self._flows) >= MAX_FLOWS:
            self._flows.clear()
        remote = Address(addr[0], addr[1])
        flow = self._flows[addr] = Flow(0, self.interface, Transport.UDP, self.local, remote)
        return flow

    def send(self, data: bytes, remote: Address, ds_byte: int | None = None) -> None:
        """Send one message; `ds_byte`: its own, where that is not the socket's."""
        if self.transport is None:
            return
        if ds_byte is not None and ds_byte != self.ds_byte:
            if self._raw is None:  # loops do not let others send by their sockets
                own = self.transport.get_extra_info("socket")
                self._raw = socket.socket(fileno=os.dup(own.fileno()))
            try:
                send_marked(self._raw, data, (remote.host, remote.port), ds_byte)
            except BlockingIOError:
                pass  # the socket is full: the loop waits, and the mark is what is given up
            except OSError as error:
                self.error_received(error)
                return
            else:
                return
        self.transport.sendto(data, remote)

    @property
    def raw(self) -> socket.socket | None:
        """The system's socket."""
        return self.transport.get_extra_info("socket") if self.transport is not None else None

    def close(self) -> None:
        """Neither hear nor send any more."""
        if self.transport is not None:
            self.transport.abort()
            self.transport = None

    def mark(self, ds_byte: int) -> None:
        """The DS byte of what has none of its own, from now on."""
        if ds_byte != self.ds_byte and self.transport is not None:
            mark(self.transport.get_extra_info("socket"), ds_byte)
            self.ds_byte = ds_byte

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self.transport = None
        self.closed.set()
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def error_received(self, exc: Exception) -> None:
        """Nothing to do but to say so."""
        # ICMP for an earlier datagram: the transaction's own timer finds the dead peer.
        log.debug("%s: UDP error: %s", self.interface, exc)


class StreamServer:
    """One listening port of TCP, TLS, WS or WSS.

    Where TLS is, we accept by ourselves, so that the handshakes under way are bounded.
    """

    def __init__(self, driver: SipDriver, listener: Listener, transport: Transport) -> None:
        self._driver = driver
        self.listener = listener
        """Its limits, origins and TLS are those of new connections."""
        self._transport = transport
        self._socket: socket.socket | None = None
        self._server: asyncio.AbstractServer | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    async def open(self, port: int) -> None:
        """Listen. Raises OSError."""
        if self._transport.secure and self.listener.tls is None:
            raise OSError(0, "TLS needs a certificate (tls_profile)")
        family = socket.AF_INET6 if ":" in self.listener.ip else socket.AF_INET
        self._socket = listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bind_device(listening, self.listener.device)
            listening.bind((self.listener.ip, port))
            listening.listen(BACKLOG)
            loop = asyncio.get_running_loop()
            if self._transport.secure:
                loop.add_reader(listening, self._accept)
            else:
                self._server = await loop.create_server(
                    self._connection, sock=listening, backlog=BACKLOG
                )
        except OSError:
            listening.close()
            raise

    def _accept(self) -> None:
        """Take what waits in the queue, some at a time."""
        listening = self._socket
        if listening is None:
            return
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, remote = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptors, no memory: as asyncio's own servers do
                log.warning("%s: accept: %s", self.listener.interface, error.strerror)
                loop.remove_reader(listening)
                self._pause = loop.call_later(1.0, loop.add_reader, listening, self._accept)
                return
            if len(self._handshakes) >= self.listener.limits.handshakes:
                accepted.close()
                continue
            task = loop.create_task(self._secure(accepted, Address(*remote[:2])))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _secure(self, accepted: socket.socket, remote: Address) -> None:
        accepted.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connection,
                accepted,
                ssl=self.listener.tls,
                ssl_handshake_timeout=self.listener.limits.handshake_seconds,
            )
        except OSError as error:  # SSLError and the time limit are kinds of it
            log.debug("%s: TLS handshake: %s", self.listener.interface, error)
            if isinstance(error, ssl.SSLCertVerificationError):
                why = error.verify_message
                self._driver.refused("certificate", why, self.listener.interface, remote)

    def _connection(self) -> Connection:
        listener, kind = self.listener, self._transport
        if kind.is_websocket:
            return WebSocketConnection(
                self._driver, listener.interface, kind, listener.limits, origins=listener.ws_origins
            )
        return StreamConnection(self._driver, listener.interface, kind, listener.limits)

    @property
    def local(self) -> Address:
        """Where it really listens."""
        port = int(self._socket.getsockname()[1]) if self._socket is not None else 0
        return Address(self.listener.ip, port)

    def close(self) -> None:
        """Listen no more; connections that are there stay, handshakes end."""
        if self._server is not None:
            self._server.close()
        if self._socket is None:
            return
        if self._transport.secure:
            if self._pause is not None:
                self._pause.cancel()
            asyncio.get_running_loop().remove_reader(self._socket)
            for task in self._handshakes:
                task.cancel()
        self._socket.close()
        self._socket = None


def bind_device(sock: socket.socket | None, device: str | None) -> None:
    """Send and receive by this network device only (socket(7)). Raises OSError for no such."""
    if device is not None and sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")


async def way_out(listener: Listener, remote: Address) -> dict[str, Any]:
    """What create_connection needs to leave from an interface; by its device where it has one.

    Raises OSError.
    """
    if listener.device is None:
        return {"host": remote.host, "port": remote.port, "local_addr": (listener.ip, 0)}
    family = socket.AF_INET6 if ":" in listener.ip else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        bind_device(sock, listener.device)
        sock.bind((listener.ip, 0))
        await asyncio.get_running_loop().sock_connect(sock, tuple(remote))
    except BaseException:
        sock.close()
        raise
    return {"sock": sock}
