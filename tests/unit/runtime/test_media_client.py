"""The media client against a process that reads and does not answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from farline.media.engine import Query
from farline.runtime import media_client
from farline.runtime.media_client import MediaClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def _silent_server(path: Path) -> AsyncIterator[asyncio.Queue[asyncio.StreamWriter]]:
    """Takes requests, says nothing; gives the connection of each request."""
    asked: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        while await reader.readline():
            asked.put_nowait(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_unix_server(serve, str(path)):
        yield asked
        await asyncio.gather(*connections)


@asynccontextmanager
async def _client(path: Path) -> AsyncIterator[MediaClient]:
    client = MediaClient(path, lambda _: None)
    client.start()
    await client.wait_connected()
    try:
        yield client
    finally:
        await client.stop()


async def test_too_many_requests_in_flight_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(media_client, "MAX_PENDING", 2)
    path = tmp_path / "media.sock"
    async with _silent_server(path) as asked, _client(path) as client:
        waiting = [asyncio.create_task(client.perform(Query("call"))) for _ in range(2)]
        await asked.get()
        writer = await asked.get()
        refused = await client.perform(Query("call"))
        assert (refused.status, refused.error) == (503, "the media process is overloaded")
        writer.write(
            b'{"id":99,"sdp":null}\n{"id":2,"sdp":"x","stats":[],"error":null,"status":0}\n'
        )
        assert (await waiting[1]).sdp == b"x"
        writer.close()
        again = await asked.get()  # the one that had no answer comes again, over a new connection
        assert again is not writer
        again.write(b'{"id":3,"sdp":"y","stats":[],"error":null,"status":0}\n')
        assert (await waiting[0]).sdp == b"y"


async def test_requests_wait_for_a_process_that_is_away_but_not_for_long(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(media_client, "AWAY_SECONDS", 0.05)
    client = MediaClient(tmp_path / "media.sock", lambda _: None)
    client.start()
    reply = await client.perform(Query("call"))
    assert (reply.status, reply.error) == (500, "the media process is not running")
    await client.stop()
    assert (await client.perform(Query("call"))).error == "the media client is stopped"


async def test_a_process_that_does_not_answer_fails_the_request(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(media_client, "REQUEST_SECONDS", 0.05)
    path = tmp_path / "media.sock"
    async with _silent_server(path), _client(path) as client:
        reply = await client.perform(Query("call"))
        assert (reply.status, reply.error) == (500, "the media process does not answer")
        with pytest.raises(ConnectionError, match="does not answer"):
            await client.sessions()


TOO_LONG = b"x" * (media_client.LINE_LIMIT + 1)


@pytest.mark.parametrize("line", [b"hello\n", b"[]\n", b'{"event":"timeout"}\n', TOO_LONG])
async def test_a_connection_that_talks_nonsense_is_made_again(tmp_path, line) -> None:
    path = tmp_path / "media.sock"
    async with _silent_server(path) as asked, _client(path) as client:
        waiting = asyncio.create_task(client.perform(Query("call")))
        first = await asked.get()
        first.write(line)
        second = await asked.get()
        assert second is not first
        await client.stop()
        assert (await waiting).status == 500
