"""One-way audio, told apart by its cause."""

import pytest
from msgspec.structs import replace

from farline.media.diagnosis import diagnose, summary
from farline.media.engine import StreamStats

MOBILE = StreamStats(
    side="mobile",
    index=0,
    kind="rtp",
    local="192.168.64.96:35000",
    latched="192.168.67.61:61000",
    received_packets=1000,
    received_bytes=172_000,
    sent_packets=1000,
    sent_bytes=172_000,
    refused_packets=0,
    last_seen_ms=10,
    target="192.168.67.61:61000",
)
OFFICE = replace(
    MOBILE,
    side="office",
    local="10.10.10.7:35000",
    latched="10.10.10.13:4000",
    target="10.10.10.13:4000",
)
RTCP = replace(MOBILE, kind="rtcp", received_packets=0)
DEAF = {"received_packets": 0, "latched": None, "last_seen_ms": None}


def test_a_call_that_is_fine_says_so():
    assert summary((MOBILE, RTCP, OFFICE)) == (
        "mobile sends (1000 packets); office sends (1000 packets)"
    )
    assert all(one.works for one in diagnose((MOBILE, OFFICE)))


@pytest.mark.parametrize(
    ("mobile", "office", "said"),
    [
        ({}, {**DEAF}, "office does not send: nothing came to 10.10.10.7:35000"),
        (
            {},
            {**DEAF, "refused_packets": 700, "stranger": "10.10.10.99:4000"},
            "office is not heard: 700 packets from 10.10.10.99:4000 were refused, "
            "expected is 10.10.10.13:4000",
        ),
        (
            {**DEAF, "unauthentic_packets": 900},
            {},
            "mobile is not heard: 900 packets do not authenticate (another SRTP key)",
        ),
        ({**DEAF, "malformed_packets": 9}, {}, "mobile is not heard: 9 packets are no RTP"),
        (
            {"sent_packets": 0, "untargeted_packets": 1000, "target": None},
            {},
            "office sends, nothing leaves towards mobile: no address of it is known",
        ),
        (
            {"sent_packets": 400, "untargeted_packets": 600, "muted": True},
            {},
            "office sends, nothing leaves towards mobile since packet 400: it is on hold",
        ),
        (
            {"sent_packets": 400, "unsent_packets": 600},
            {},
            "office sends, nothing leaves towards mobile since packet 400: "
            "600 could not be sent or protected",
        ),
        ({"sent_packets": 0}, {}, "office sends, nothing leaves towards mobile"),
        ({"sent_packets": 400}, {}, "office sends, nothing leaves towards mobile since packet 400"),
        (
            {"last_seen_ms": 9000, "refused_packets": 60, "stranger": "192.0.2.1:9"},
            {},
            "mobile fell silent after packet 1000: 60 packets from 192.0.2.1:9 were refused, "
            "expected is 192.168.67.61:61000",
        ),
    ],
)
def test_each_cause_has_its_sentence(mobile, office, said):
    found = diagnose((replace(MOBILE, **mobile), replace(OFFICE, **office)))
    assert said in [one.because for one in found if not one.works]


def test_a_few_packets_on_the_way_are_no_fault():
    found = diagnose((replace(MOBILE, sent_packets=990), OFFICE))
    assert all(one.works for one in found)


def test_an_engine_that_does_not_count_what_it_sends_is_not_accused():
    ports = replace(MOBILE, sent_packets=None), replace(OFFICE, sent_packets=None)
    assert all(one.works for one in diagnose(ports))


def test_a_hold_that_is_over_is_no_fault():
    found = diagnose((replace(MOBILE, sent_packets=400, untargeted_packets=600), OFFICE))
    assert all(one.works for one in found)


def test_a_few_packets_that_could_not_be_sent_stop_no_stream():
    ports = replace(MOBILE, sent_packets=333, unsent_packets=5), replace(OFFICE, transcoding="opus")
    assert all(one.works for one in diagnose(ports))


def test_a_codec_of_longer_packets_is_no_fault():
    ports = replace(MOBILE, sent_packets=333), replace(OFFICE, transcoding="opus")
    assert all(one.works for one in diagnose(ports))


def test_without_streams_there_is_nothing_to_say():
    assert summary(()) == "no media"
    assert diagnose((MOBILE,)) == ()
