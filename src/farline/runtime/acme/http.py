"""HTTP-01 (RFC 8555 section 8.3): the proof at its path while an order is open, nothing else."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

MAX_HEAD = 4096
"""Bytes of a request's header."""
SECONDS = 5.0
MAX_CONNECTIONS = 50
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def answering(ip: str, port: int, proofs: Mapping[str, str]) -> AsyncIterator[int]:
    """Answer at ip:port for the time of the block; gives the port. Raises OSError."""
    there: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(there) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        there.add(writer)
        try:
            async with asyncio.timeout(SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(head, proofs))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            there.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    try:
        server = await asyncio.start_server(serve, ip, port, limit=MAX_HEAD)
    except OSError as error:
        text = f"Challenge IP: cannot listen on {ip}:{port}: {error.strerror}"
        raise OSError(error.errno, text) from error
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in tuple(there):
            writer.transport.abort()


def _answer(head: bytes, proofs: Mapping[str, str]) -> bytes:
    """To GET of a path that is asked for; the exact path, however else it may be written."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    path = words[1].decode("latin-1") if len(words) == 3 and words[0] == b"GET" else ""
    proof = proofs.get(path)
    if proof is None:
        return _NOT_FOUND
    body = proof.encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    )
