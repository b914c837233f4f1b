"""What policy rules make of sockets: DS bytes of media by kind, and of signaling."""

from pathlib import Path

from farline.border.policy.marking import first_classes
from farline.config import EndPointPolicyGroup, load_deployment
from farline.media.engine import Offer, Side
from farline.media.sessions import MediaSessions
from farline.runtime.media import border_places, media_timeout
from farline.runtime.ng_settings import ng_settings
from farline.testing import SeededIds
from farline.testing.border import changed

GUIDE = Path(__file__).parents[3] / "examples" / "guide.yaml"
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
SDP = (
    b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 5000 RTP/AVP 0\r\nm=video 5002 RTP/AVP 34\r\n"
)


def border(**rules):
    guide = load_deployment(GUIDE.read_text(), SECRETS).border
    group = EndPointPolicyGroup(name="g", sets=[rules])
    flow = {"end_point_policy_group": "g"}
    return changed(guide, end_point_policy_groups=(group,), subscriber_flows=flow)


class Relay:
    """Notes which interfaces streams are opened on."""

    def __init__(self):
        self.opened = []

    def open(self, _session, _stream, interfaces, _rtp):
        self.opened.append(interfaces)
        return 35000, 35002

    def __getattr__(self, _name):
        return lambda *_args, **_more: None


def test_an_interface_has_a_pool_of_ports_for_each_ds_byte():
    places = border_places(border(media={"voice_qos": 160, "video_qos": 40}))
    assert [(one.name, one.traffic_class) for one in places] == [
        ("IPORWA1Media", 184),
        ("IPORWA1Media#136", 136),
        ("IPORWB1Media", 160),
        ("IPORWB1Media#40", 40),
    ]
    assert len({(one.first, one.last) for one in places}) == 1


def test_the_port_range_of_an_interface_is_its_pools():
    ranges = {"IPORWA1Media": (36000, 36100), "IPORWB1Media": (37000, 37200)}
    guide = border()
    made = tuple(one.model_copy(update={"port_range": ranges[one.name]})
                 for one in guide.media_interfaces)  # fmt: skip
    places = border_places(changed(guide, media_interfaces=made))
    assert {one.name.partition("#")[0]: (one.first, one.last) for one in places} == ranges


def test_each_kind_of_stream_is_opened_where_its_ds_byte_is():
    relay, places = Relay(), border_places(border(media={"video_qos": 40}))
    sessions = MediaSessions(relay, {one.name: one.ip for one in places}, SeededIds())
    outside = Side("outside", "IPORWB1Media", "", classes=(("audio", 184), ("video", 40)))
    inside = Side("inside", "IPORWA1Media", "", classes=(("audio", 184), ("video", 136)))
    assert sessions.perform(Offer("s", SDP, outside, inside)).error is None
    assert relay.opened == [
        ("IPORWB1Media", "IPORWA1Media"),
        ("IPORWB1Media#40", "IPORWA1Media#136"),
    ]


def test_media_timeout():
    """Of both engines; that silence then ends the call is test_media_process's and test_ng's."""
    one = border(media={"media_timeout_seconds": 20})
    assert media_timeout(one) == 20.0
    assert ng_settings(one).timeout_seconds == 20.0


def test_signaling_qos():
    one = border(signaling={"signaling_qos": 104})
    assert first_classes(one) == {"IPORWB1Sig": 104, "IPORWA1Sig": 0}
