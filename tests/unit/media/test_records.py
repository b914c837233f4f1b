"""A media session that is restored has told the relay all that the first one had told."""

import itertools

import pytest
from msgspec.structs import replace

from farline._core import RelayError
from farline.media.engine import Answer, Offer, Side
from farline.media.records import MediaRecordError
from farline.media.sessions import MediaSessions
from farline.sdp import Fingerprint
from farline.testing import SeededIds

OUTSIDE = Side("outside", "B1", "192.168.67.61", "preferred")
INSIDE = Side("inside", "A1", "10.10.10.13", "off")
ADDRESSES = {"B1": "192.168.64.96", "A1": "10.10.10.7"}
SETTING_UP = ("open", "reopen", "resume", "restored", "gather")
KEY = "inline:" + "A" * 40


class AnyRelay:
    """Takes every call that sets something, whatever its name, and notes the last of each kind."""

    def __init__(self):
        self.state = {}
        self.calls = []
        self._ports = itertools.count(35000, 2)
        self.refusing = False

    def __getattr__(self, name):
        def call(*args, **options):
            self.calls.append((name, args))
            if self.refusing and name == "reopen":
                raise RelayError(500, "no")
            if name == "open":
                return next(self._ports), next(self._ports)
            if name in ("close", "delete"):
                gone = args[: 2 if name == "close" else 1]
                for key in [key for key in self.state if key[1][: len(gone)] == gone]:
                    del self.state[key]
            elif name == "hold":
                self.state[name, args[:1]] = (args, options)
            elif name not in SETTING_UP:
                self.state[name, args[:3]] = (args, options)
            return None

        return call

    @property
    def told(self):
        """What is set; a port without keys begins as what `protect` without keys makes it."""
        plain = (None, {"closed": False})
        return {key: said for key, said in self.state.items() if (said[0][-1], said[1]) != plain}


def sdp(media, address="172.22.33.101", direction="sendrecv"):
    head = f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    return f"{head}m=audio {media}\r\na={direction}\r\n".encode()


OFFERED = (
    sdp("5000 RTP/AVP 8")
    + (
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\na=rtcp-mux\r\nm=image 5010 udptl t38\r\n"
    ).encode()
)
ANSWERED = sdp("40750 RTP/AVP 8", "10.10.10.13") + b"m=image 0 udptl t38\r\n"
HELD = sdp("5000 RTP/AVP 8", direction="sendonly") + b"m=image 0 udptl t38\r\n"


FINGERPRINT = Fingerprint("sha-256", bytes(range(32)))
BROWSER = replace(OUTSIDE, encryption="dtls")
THEIRS = (
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\na=setup:actpass\r\na=rtcp-mux\r\n"
    "a=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\n"
).encode()
DTLS = sdp("5000 UDP/TLS/RTP/SAVPF 8") + THEIRS
ACTIVE = DTLS.replace(b"actpass", b"active")
PHONES = sdp("40750 RTP/AVP 8", "10.10.10.13")


def sessions_of(relay):
    return MediaSessions(relay, ADDRESSES, SeededIds(5), FINGERPRINT)


def begin_with_a_browser(*, until):
    relay = AnyRelay()
    sessions = sessions_of(relay)
    steps = [
        Offer("call", DTLS, BROWSER, INSIDE),
        Answer("call", PHONES, INSIDE, BROWSER),
        Offer("call", PHONES, INSIDE, BROWSER),
        Answer("call", ACTIVE, BROWSER, INSIDE),
    ]
    for step in steps[:until]:
        reply = sessions.perform(step)
        assert reply.error is None, reply.error
    return relay, sessions, steps[until:]


def begin(*, until):
    relay = AnyRelay()
    sessions = sessions_of(relay)
    steps = [
        Offer("call", OFFERED, OUTSIDE, INSIDE),
        Answer("call", ANSWERED, INSIDE, OUTSIDE),
        Offer("call", HELD, OUTSIDE, INSIDE),
        Answer("call", ANSWERED, INSIDE, OUTSIDE),
    ]
    for step in steps[:until]:
        assert sessions.perform(step).error is None
    return relay, sessions, steps[until:]


@pytest.mark.parametrize("until", [1, 2, 3, 4])
@pytest.mark.parametrize("start", [begin, begin_with_a_browser])
def test_the_relay_is_told_the_same_at_every_stage(start, until):
    relay, sessions, left = start(until=until)
    again = AnyRelay()
    restored = sessions_of(again)
    restored.restore("call", sessions.record("call"))
    assert again.told == relay.told
    assert restored.record("call") == sessions.record("call")
    opened = [args for name, args in again.calls if name == "reopen"]
    ports = [stream.ports for stream in restored._sessions["call"].streams.values()]
    assert [args[4] for args in opened][: len(ports)] == ports
    assert [name for name, _ in again.calls].index("resume") > 0
    # It goes on as the first one would, with an answer to an offer of the process before too.
    for step in left[:1]:
        if isinstance(step, Answer):
            assert restored.perform(step) == sessions.perform(step)
            assert again.told == relay.told
        else:
            assert restored.perform(step).error is None


def test_each_stream_is_resumed_after_all_was_said():
    _, sessions, _ = begin(until=1)
    again = AnyRelay()
    MediaSessions(again, ADDRESSES, SeededIds(5)).restore("call", sessions.record("call"))
    for stream in (0, 1):
        said = [call for call in again.calls if call[0] != "hold"]
        mine = [name for name, args in said if args[1:2] == (stream,)]
        assert (mine[0], mine[-1]) == ("reopen", "resume")


def test_ports_that_are_gone_leave_nothing_behind():
    _, sessions, _ = begin(until=2)
    again = AnyRelay()
    again.refusing = True
    restored = MediaSessions(again, ADDRESSES, SeededIds(5))
    with pytest.raises(RelayError):
        restored.restore("call", sessions.record("call"))
    assert restored.names() == []
    assert again.calls[-1] == ("delete", ("call",))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda value: value[:-2], "truncated"),
        (lambda value: value.replace(b'"version":2', b'"version":9'), "of version 9"),
        (lambda value: value.replace(b'"B1"', b'"B9"'), "B9"),
        (lambda value: value.replace(b'"opened":2', b'"opened":"2"'), "opened"),
        (lambda value: value.replace(b'"name":"call"', b'"name":"other"'), "another name"),
        (lambda value: value.replace(b'"description":"', b'"description":"****'), "description"),
    ],
)
def test_a_damaged_record_is_told_without_its_keys(change, why):
    _, sessions, _ = begin(until=2)
    value = sessions.record("call")
    changed = change(value)
    assert changed != value
    with pytest.raises(MediaRecordError) as caught:
        MediaSessions(AnyRelay(), ADDRESSES, SeededIds(5)).restore("call", changed)
    assert why in str(caught.value)
    assert "AAAA" not in str(caught.value)
