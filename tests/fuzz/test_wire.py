"""The wire parser under hostile input: it answers or refuses, and it always ends."""

import itertools
from collections.abc import Callable
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from farline._core import Message, NameAddr, StreamFramer, Uri, Via, WireError

FOLDER = Path(__file__).parents[2] / "vectors" / "rfc4475"
VECTORS = [path.read_bytes() for path in sorted(FOLDER.glob("*.dat"))]
PIECES = [b"\r\n", b"\n", b"\r", b" ", b",", b";", b'"', b"<", b">", b"\\", b":", b"%", b"=", b"\0"]
NAMES = ["Via", "From", "To", "Contact", "Route", "CSeq", "Content-Length", "Subject", "X-Other"]
TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
VALUES = st.text(st.characters(exclude_characters="\r\n"), max_size=40).map(
    lambda text: text.encode("utf-8", "replace").decode()
)

splices = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.integers(0, 30),
        st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)),
        st.integers(1, 40),
    ),
    max_size=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A torture message with pieces cut out and others put in."""
    data = draw(st.sampled_from(VECTORS))
    for at, cut, piece, times in draw(splices):
        at %= len(data) + 1
        data = data[:at] + piece * times + data[at + cut :]
    return data


def status_of(call: Callable[[], object]) -> int | None:
    """The status of the WireError that it raises, None when it does not."""
    try:
        call()
    except WireError as error:
        return error.status
    return None


def read_everything(message: Message) -> None:
    """Every way of reading works on whatever `parse` took, or raises WireError."""
    for name, value in message.headers():
        assert "\r" not in value
        assert "\n" not in value
        assert value in message.all(name)
        message.copy().set(name, value)
        for single in message.values(name):
            for kind in (Uri, NameAddr, Via):
                try:
                    made = kind.parse(single)
                except WireError:
                    continue
                assert kind.parse(str(made)) == made
    assert isinstance(message.from_tag + message.to_tag + message.call_id, str)
    assert message.top_via is None or message.top_via.branch is not None
    assert -1 <= message.cseq < 2**31


def check(data: bytes) -> None:
    if (refused := status_of(lambda: Message.parse(data))) is not None:
        assert refused in {0, 513}
        return
    message = Message.parse(data)
    out = message.to_bytes()
    again = Message.parse(out)
    assert again.to_bytes() == out
    assert again.headers() == message.headers()
    assert again.body == message.body
    invalid = status_of(message.validate)
    assert invalid in {None, 0, 400, 505}
    if invalid is None:
        again.validate()
        assert message.top_via is not None
        assert message.cseq >= 0
    read_everything(message)


@given(mutated())
@settings(deadline=None)
def test_mutated_messages(data: bytes) -> None:
    check(data)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_random_bytes(data: bytes) -> None:
    check(data)
    check(b"OPTIONS sip:a SIP/2.0\r\n" + data)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_random_values(text: str) -> None:
    for kind in (Uri, NameAddr, Via):
        for candidate in (text, "sip:" + text, f"<sip:a@b>{text}", "SIP/2.0/UDP h" + text):
            try:
                made = kind.parse(candidate)
            except WireError:
                continue
            assert str(made) == candidate


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=12), st.binary(max_size=50))
def test_what_is_written_is_read(headers: list[tuple[str, str]], body: bytes) -> None:
    message = Message.request("INVITE", "sip:a@example.com")
    for name, value in headers:
        message.add(name, value)
    message.body = body
    again = Message.parse(message.to_bytes())
    stripped = [(name, value.strip(" \t")) for name, value in message.headers()]
    assert again.headers() == stripped
    assert again.body == body


@given(st.lists(TOKENS, min_size=1, max_size=6), st.integers(0, 6))
def test_pop_gives_the_values_in_order(values: list[str], cut: int) -> None:
    message = Message.request("INVITE", "sip:a@example.com")
    lines = [", ".join(part) for part in (values[:cut], values[cut:]) if part]
    message.set_all("Route", lines)
    assert message.values("Route") == values
    popped = []
    while (value := message.pop("Route")) is not None:
        popped.append(value)
    assert popped == values
    assert message.all("Route") == []


def frames_of(stream: bytes, cuts: list[int]) -> tuple[list[tuple[int, bytes]], int | None]:
    """What a framer gives without the pongs, and the status it broke with."""
    framer = StreamFramer(max_message=4000)
    frames: list[tuple[int, bytes]] = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    try:
        for start, end in itertools.pairwise(edges):
            frames += framer.feed(stream[start:end])
        framer.feed(b"")
    except WireError as error:
        return [frame for frame in frames if frame[0] != StreamFramer.PONG], error.status
    return [frame for frame in frames if frame[0] != StreamFramer.PONG], None


@given(
    st.lists(st.one_of(st.sampled_from([*VECTORS, b"\r\n\r\n", b"\r\n"]), mutated()), max_size=4),
    st.lists(st.integers(0, 8000), max_size=8),
)
@settings(deadline=None)
def test_cuts_do_not_matter(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    assert frames_of(stream, cuts) == frames_of(stream, [])


@given(st.lists(mutated(), max_size=4))
@settings(deadline=None)
def test_framer_and_parser_agree_where_a_message_ends(parts: list[bytes]) -> None:
    frames, _ = frames_of(b"".join(parts), [])
    for kind, data in frames:
        if (
            kind == StreamFramer.MESSAGE
            and status_of(lambda data=data: Message.parse(data)) is None
        ):
            assert Message.parse(data).to_bytes() == data


@given(mutated())
@settings(deadline=None, max_examples=20)
def test_byte_by_byte(data: bytes) -> None:
    assert frames_of(data, list(range(len(data)))) == frames_of(data, [])


@given(st.sampled_from(["a@b", "<sip:a>", '"', '"\\', ",", ";", " ", "%41", "\t;a=", "<", ":"]))
@settings(deadline=2000, max_examples=11)
def test_long_repetitions_are_linear(piece: str) -> None:
    value = piece * (60_000 // len(piece))
    assume(len(value) < 65_000)
    for name in ("Via", "Contact", "X"):
        check(f"OPTIONS sip:a SIP/2.0\r\n{name}: ".encode() + value.encode() + b"\r\n\r\n")
