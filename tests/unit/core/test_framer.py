"""`StreamFramer` as Python sees it."""

import pytest

from farline._core import StreamFramer, WireError

ONE = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"


def test_kinds_and_buffer() -> None:
    framer = StreamFramer()
    assert framer.feed(ONE + b"\r\n\r\n" + ONE[:10]) == [
        (StreamFramer.MESSAGE, ONE),
        (StreamFramer.PING, b"\r\n\r\n"),
    ]
    assert framer.buffered == 10
    assert framer.feed(ONE[10:] + b"\r\n") == [
        (StreamFramer.MESSAGE, ONE),
        (StreamFramer.PONG, b"\r\n"),
    ]
    assert framer.buffered == 0


def test_a_broken_stream_stays_broken() -> None:
    framer = StreamFramer()
    head = b"OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n"
    assert framer.feed(ONE + head) == [(StreamFramer.MESSAGE, ONE)]
    assert framer.broken
    for _ in range(2):
        with pytest.raises(WireError) as caught:
            framer.feed(b"")
        error = caught.value
        assert (error.status, error.where, error.head) == (400, "Content-Length", head)


def test_the_limit_is_the_constructor_s() -> None:
    assert StreamFramer(max_message=len(ONE)).feed(ONE) == [(StreamFramer.MESSAGE, ONE)]
    with pytest.raises(WireError, match="513"):
        StreamFramer(max_message=len(ONE) - 1).feed(ONE)
