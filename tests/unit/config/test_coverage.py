"""Dead flows, and flows that are not: by the rule of the first match itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from farline.config import ServerFlow, SubscriberFlow
from farline.config.coverage import server_cover, subscriber_cover
from farline.config.matching import agent_fits
from farline.config.subnets import in_subnet


def flow(name="f", **fields):
    return SubscriberFlow(
        name=name, signaling_interface="S", media_interface="M", end_point_policy_group="g",
        routing_profile="r", **fields,
    )  # fmt: skip


def server(name="f", **fields):
    return ServerFlow(
        name=name, server_profile="IPO", received_interface="B", signaling_interface="A",
        media_interface="M", end_point_policy_group="g", **fields,
    )  # fmt: skip


def test_two_halves_cover_the_whole():
    low, high = flow("low", source_subnet="0.0.0.0/1"), flow("high", source_subnet="128.0.0.0/1")
    six = flow("six", source_subnet="::/0")
    covered = subscriber_cover(flow(), (low, high, six))
    assert set(covered.takers) == {"low", "high", "six"}
    assert subscriber_cover(flow(), (low, high)) is None  # IPv6 is left
    narrow = flow(source_subnet="127.0.0.0/7")
    assert subscriber_cover(narrow, (low, high)).takers == ("low",)


def test_across_two_fields():
    """One takes a Contact host from half of the addresses, another all of the other half."""
    mine = flow(source_subnet="10.0.0.0/8", contact_host="10.1.0.0/16")
    one = flow("one", source_subnet="10.0.0.0/9", contact_host="10.1.0.0/16")
    two = flow("two", source_subnet="10.128.0.0/9")
    assert subscriber_cover(mine, (one, two)).takers == ("one", "two")
    short = flow("short", source_subnet="10.0.0.0/9", contact_host="10.1.0.0/17")
    assert subscriber_cover(mine, (short, two)) is None


def test_user_agents_and_uri_groups():
    phone = flow("phone", user_agent="one-X")
    assert subscriber_cover(flow(user_agent="Avaya one-X Mobile"), (phone,)).takers == ("phone",)
    assert subscriber_cover(flow(user_agent="Avaya*Mobile"), (phone,)) is None
    assert subscriber_cover(flow(user_agent="/one-X/"), (phone,)) is None
    assert subscriber_cover(flow(uri_group="a"), (flow("any"),)).takers == ("any",)
    assert subscriber_cover(flow(), (flow("a", uri_group="a"),)) is None


def test_transports_of_server_flows():
    every = ("UDP", "TCP", "TLS")
    flows = [server(name, transport=name) for name in every]
    assert set(server_cover(server(), flows, every).takers) == set(every)
    assert server_cover(server(), flows[:2], every) is None
    assert server_cover(server(transport="TCP"), flows[:2], every).takers == ("TCP",)


SUBNET = st.sampled_from(
    [
        "*",
        "10.0.0.0/8",
        "10.0.0.0/9",
        "10.128.0.0/9",
        "10.64.0.0/10",
        "0.0.0.0/0",
        "::/0",
        "10.64.0.1",
    ]
)
HOST = st.sampled_from(["*", "a.example", "10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/8"])
AGENT = st.sampled_from(["*", "ab", "b", "a*b", "abc"])
BOX = st.builds(
    lambda source, via, agent: flow(source_subnet=source, via_host=via, user_agent=agent),
    SUBNET,
    HOST,
    AGENT,
)
POINTS = [
    (source, via, agent)
    for source in ("10.1.1.1", "10.64.0.1", "10.65.0.1", "10.200.0.1", "192.0.2.1", "2001:db8::1")
    for via in ("a.example", "b.example", "10.1.1.1", "10.200.0.1", "192.0.2.9")
    for agent in ("", "ab", "b", "a b", "abc", "xabcx", "axxb")
]


def takes(box, point):
    source, via, agent = point
    host = box.via_host in ("*", via) or (
        via[0].isdigit() and "/" in box.via_host and in_subnet(box.via_host, via)
    )
    return in_subnet(box.source_subnet, source) and host and agent_fits(box.user_agent, agent)


@given(mine=BOX, earlier=st.lists(BOX, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_flow_that_is_called_dead_takes_nothing(mine, earlier):
    covered = subscriber_cover(mine, earlier)
    mine_first = [p for p in POINTS if takes(mine, p) and not any(takes(e, p) for e in earlier)]
    if covered is not None:
        assert mine_first == []
