"""ng requests served: sides and tags, options, refusals, counters, forgotten calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.media.engine import Answer, Delete, MediaReply, Offer, Query, Quiet, StreamStats
from farline.media.ng.message import pack, unpack
from farline.media.ng.service import ABANDONED_SECONDS, NgService
from farline.media.records import MediaRecordError

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8\r\na=rtcp:4001\r\na=rtcp-mux\r\n"
    b"a=candidate:1 1 UDP 1 192.0.2.9 4000 typ host\r\na=ice-ufrag:abcd\r\na=ice-pwd:x\r\n"
)
OURS = SDP.replace(b"192.0.2.9", b"10.0.0.7")


class Engine:
    """Remembers requests, and answers them."""

    def __init__(self):
        self.requests = []
        self.stats = ()
        self.error = None

    def __call__(self, request):
        self.requests.append(request)
        if self.error:
            return MediaReply(error=self.error, status=503)
        if isinstance(request, Offer | Answer):
            return MediaReply(request.sdp.replace(b"192.0.2.9", b"10.0.0.7"))
        return MediaReply(stats=self.stats)

    @property
    def last(self):
        return self.requests[-1]


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def service(engine):
    return NgService(engine, ["pub", "priv"])


def serve(service, command, now=0.0, **keys):
    document = {"command": command, "call-id": "c1", "sdp": SDP, "from-tag": "alice"}
    document |= {name.replace("_", "-"): value for name, value in keys.items()}
    # Over the wire, so that the types are those of datagrams.
    _, read = unpack(pack(b"x", {name: value for name, value in document.items() if value != ""}))
    reply = service.serve(read, now, 1000.0 + now)
    assert unpack(pack(b"x", reply))
    return reply


def refusal(reply):
    assert reply["result"] == "error", reply
    return reply["error-reason"]


def test_ping(service):
    assert serve(service, "ping") == {"result": "pong"}


def test_an_offer_and_its_answer_have_sides_interfaces_and_sources(service, engine):
    reply = serve(
        service, "offer", direction=["priv", "pub"], received_from=["IP4", "198.51.100.1"]
    )
    assert reply["result"] == "ok"
    assert (engine.last.sender.name, engine.last.receiver.name) == ("a", "b")
    assert (engine.last.sender.interface, engine.last.receiver.interface) == ("priv", "pub")
    assert engine.last.sender.signaling_source == "198.51.100.1"
    serve(service, "answer", to_tag="bob", received_from=["IP4", "198.51.100.2"])
    assert isinstance(engine.last, Answer)
    assert (engine.last.sender.name, engine.last.sender.interface) == ("b", "pub")
    assert engine.last.sender.signaling_source == "198.51.100.2"
    assert engine.last.receiver.signaling_source == "198.51.100.1"


def test_without_direction_the_first_interface_serves_both_sides(service, engine):
    serve(service, "offer")
    assert (engine.last.sender.interface, engine.last.receiver.interface) == ("pub", "pub")


def test_a_re_invite_of_the_callee_comes_from_side_b(service, engine):
    serve(service, "offer")
    serve(service, "answer", to_tag="bob")
    serve(service, "offer", from_tag="bob", to_tag="alice")
    assert (engine.last.sender.name, isinstance(engine.last, Offer)) == ("b", True)
    serve(service, "answer", from_tag="bob", to_tag="alice")
    assert (engine.last.sender.name, isinstance(engine.last, Answer)) == ("a", True)


def test_the_newest_answer_counts_and_only_its_tag_is_known(service, engine):
    serve(service, "offer")
    serve(service, "answer", to_tag="bob")
    serve(service, "answer", to_tag="carol")
    assert set(serve(service, "query")["tags"]) == {"alice", "carol"}
    assert "another dialogue" in refusal(serve(service, "offer", from_tag="bob"))
    serve(service, "offer", from_tag="bob", to_tag="alice")
    assert engine.last.sender.name == "b"


@pytest.mark.parametrize(
    ("command", "keys", "reason"),
    [
        ("offer", {"call_id": ""}, "no call-id"),
        ("offer", {"call_id": "x" * 300}, "no call-id"),
        ("offer", {"from_tag": ""}, "no from-tag"),
        ("offer", {"sdp": ""}, "no sdp"),
        ("offer", {"direction": ["pub", "nowhere"]}, "no interface is called 'nowhere'"),
        ("offer", {"direction": ["pub"]}, "direction has two"),
        ("offer", {"ICE": "force"}, "has no ICE"),
        ("offer", {"transport_protocol": "RTP/SAVPF"}, "RTP/AVP is not turned into RTP/SAVPF"),
        ("offer", {"flags": ["asymmetric"]}, "flag 'asymmetric'"),
        ("offer", {"flags": ["always transcode"]}, "flag 'always-transcode'"),
        ("offer", {"codec": {"mask": ["opus"], "strip": []}}, "'codec-mask'"),
        ("offer", {"codec": {"transcode": ["G729"]}}, "codec 'g729'"),
        ("offer", {"record_call": "yes"}, "'record-call'"),
        ("offer", {"rtcp_mux": ["require"]}, "'rtcp-mux'"),
        ("offer", {"media_address": "192.0.2.1"}, "'media-address'"),
        ("offer", {"rtpp_flags": "replace-origin"}, "'rtpp-flags'"),
        ("answer", {"to_tag": "bob"}, "Unknown call-id"),
        ("answer", {}, "no to-tag"),
        ("query", {}, "Unknown call-id"),
        ("delete", {"flags": ["fatal"]}, "not found"),
        ("start recording", {}, "command 'start recording'"),
    ],
)
def test_what_is_not_done_is_refused_with_the_reason(service, engine, command, keys, reason):
    assert reason in refusal(serve(service, command, **keys))
    assert (engine.requests, len(service)) == ([], 0)


def test_a_side_may_be_believed_by_its_signaling_only(service, engine):
    flags = ["SIP-source-address"]
    serve(service, "offer", flags=flags, received_from=["IP4", "192.0.2.61"])
    assert (engine.last.sender.reach, engine.last.receiver.reach) == ((), None)
    serve(service, "answer", to_tag="bob")
    assert (engine.last.sender.reach, engine.last.receiver.reach) == (None, ())
    serve(service, "offer")
    assert engine.last.sender.reach is None


def test_a_whole_call_is_blocked_and_let_through_again(service, engine):
    serve(service, "offer")
    assert serve(service, "block media", flags=["all"]) == {"result": "ok"}
    assert engine.last == Quiet("c1", quiet=True)
    assert serve(service, "unblock media", from_tag="") == {"result": "ok"}
    assert engine.last == Quiet("c1", quiet=False)
    assert "a whole call only" in refusal(serve(service, "block media"))
    assert "Unknown call-id" in refusal(serve(service, "block media", call_id="c2"))


def test_codecs_to_be_transcoded_are_the_receivers(service, engine):
    serve(service, "offer", codec={"transcode": ["opus/48000/2", "PCMA"], "strip": []})
    assert engine.last.receiver.transcoding == ("opus", "pcma")
    assert engine.last.sender.transcoding == ()


def test_harmless_wishes_are_done_without_and_told(service):
    reply = serve(
        service,
        "offer",
        flags=["trust-address", "loop protect"],
        replace=["origin", "SDP version"],
        TOS=184,
        SDES=["off"],
        DTLS="off",
        record_call="no",
    )
    assert reply["warning"] == "done without: loop-protect, tos, sdp-version"


def test_ice_is_left_out_and_the_origin_stays_unless_asked_for(service, engine):
    shown = serve(service, "offer")["sdp"]
    assert b"ice-" not in engine.last.sdp and b"candidate" not in engine.last.sdp
    assert b"o=- 1 1 IN IP4 192.0.2.9\r\n" in shown and b"c=IN IP4 10.0.0.7\r\n" in shown
    assert b"a=rtcp-mux\r\n" in shown and b"a=rtcp:4001\r\n" in shown
    wishes = {"replace": ["origin"], "flags": ["no rtcp attribute"], "rtcp_mux": ["demux"]}
    shown = serve(service, "offer", **wishes)["sdp"]
    assert b"o=- 1 1 IN IP4 10.0.0.7\r\n" in shown
    assert b"rtcp" not in shown


def test_an_offer_that_the_engine_refuses_leaves_no_call(service, engine):
    engine.error = "ports run out"
    assert refusal(serve(service, "offer")) == "ports run out (503)"
    assert len(service) == 0


def test_delete_ends_the_call_and_gives_its_counters(service, engine):
    serve(service, "offer")
    serve(service, "answer", to_tag="bob")
    assert "warning" in serve(service, "delete", from_tag="nobody")
    port = {"latched": None, "sent_packets": 1, "sent_bytes": 10, "refused_packets": 2}
    engine.stats = (
        StreamStats("a", 0, "rtp", "10.0.0.7:35000", **{**port, "latched": "192.0.2.9:4000"},
                    received_packets=5, received_bytes=500, last_seen_ms=2000),
        StreamStats("b", 0, "rtcp", "[::1]:35003", **port,
                    received_packets=3, received_bytes=30, last_seen_ms=None),
    )  # fmt: skip
    reply = serve(service, "delete", now=5.0, from_tag="bob")
    assert isinstance(engine.last, Delete) and len(service) == 0
    assert reply["totals"] == {
        "RTP": {"packets": 5, "bytes": 500, "errors": 2},
        "RTCP": {"packets": 3, "bytes": 30, "errors": 2},
    }
    stream = reply["tags"]["alice"]["medias"][0]["streams"][0]
    assert stream["endpoint"] == {"family": "IPv4", "address": "192.0.2.9", "port": 4000}
    assert (stream["local port"], stream["last packet"]) == (35000, 1003)
    stream = reply["tags"]["bob"]["medias"][0]["streams"][0]
    assert (stream["local address"], stream["local port"]) == ("::1", 35003)
    assert reply["tags"]["bob"]["in dialogue with"] == b"alice"
    assert (reply["created"], reply["last signal"]) == (1000, 1000)
    assert serve(service, "delete")["warning"].startswith("Call-ID not found")


def test_calls_are_listed_up_to_a_limit(service):
    for number in range(40):
        serve(service, "offer", call_id=f"c{number}")
    assert len(serve(service, "list")["calls"]) == 32
    assert serve(service, "list", limit=2)["calls"] == [b"c0", b"c1"]


def test_a_call_that_everybody_forgot_is_ended_and_one_that_is_heard_is_not(service, engine):
    serve(service, "offer")
    assert service.expire(ABANDONED_SECONDS - 1) == []
    port = {"latched": None, "sent_packets": 1, "sent_bytes": 10, "refused_packets": 0}
    heard = StreamStats(
        "a", 0, "rtp", "10.0.0.7:35000", **port,
        received_packets=5, received_bytes=500, last_seen_ms=20,
    )  # fmt: skip
    engine.stats = (heard,)
    assert service.expire(ABANDONED_SECONDS + 1) == []
    assert isinstance(engine.last, Query)
    engine.stats = ()
    assert service.expire(ABANDONED_SECONDS + 1) == ["c1"]
    assert isinstance(engine.last, Delete) and len(service) == 0


KEYS = ["command", "call-id", "from-tag", "to-tag", "sdp", "flags", "replace", "direction", "limit",
        "received from", "ICE", "codec", "transport protocol", "rtcp-mux", "x\xff"]  # fmt: skip
VALUES = st.recursive(
    st.integers()
    | st.binary(max_size=8)
    | st.sampled_from([b"offer", b"answer", b"delete", b"query", b"list", b"c", b"t", SDP]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=3), inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=4))
def test_no_document_raises(documents):
    service = NgService(Engine(), ["pub"])
    for document in documents:
        reply = service.serve(document, 0.0, 1000.0)
        assert reply["result"] in ("ok", "error", "pong")
        pack(b"x", reply)


def test_a_call_is_recorded_and_restored(service, engine):
    serve(service, "offer", direction=["pub", "priv"])
    serve(service, "answer", to_tag="bob")
    again = NgService(engine, ["pub", "priv"])
    again.restore("c1", service.record("c1"), 5.0)
    assert again.record("c1") == service.record("c1").replace(
        b'"signalled":0.0', b'"signalled":5.0'
    )
    assert serve(again, "answer", now=6.0, to_tag="bob")["result"] == "ok"
    assert again.expire(6.0 + ABANDONED_SECONDS - 1) == []
    assert serve(again, "delete")["result"] == "ok"
    assert again.record("c1") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"pub"', b'"gone"'),
        (b'"alice":"a"', b'"alice":"c"'),
        (b'{"a":"pub","b":"priv"}', b'{"a":"pub"}'),
        (b'"created":', b'"created":"'),
    ],
)
def test_a_record_that_does_not_fit_is_refused(service, engine, old, new):
    serve(service, "offer", direction=["pub", "priv"])
    value = service.record("c1")
    assert old in value
    with pytest.raises(MediaRecordError):
        NgService(engine, ["pub", "priv"]).restore("c1", value.replace(old, new), 0.0)
