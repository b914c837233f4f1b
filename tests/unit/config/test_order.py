"""Items of a file's lists in another order: the text between them stays."""

from io import StringIO
from itertools import permutations
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from farline.config.order import OrderError, moved, names

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
TEXT = """\
border:
  # the flows
  subscriber_flows:
    # guests come first
    - name: Guests   # a hotel
      user_agent: "*"
    - {name: Staff}

    # whoever is left
    # over
    - name: All
      registrations:
        path: true

  routing_profiles:
  - name: to-IPO
    next_hops:
    - {server: IPO, address: a.example}
    - {server: IPO,
       address: b.example}
    further_rules: [{a: 1}, {a: 2}]
office: {}
"""


def test_an_item_moves_with_its_comments():
    assert (
        moved(TEXT, "border.subscriber_flows", "All", before="Guests")
        == """\
border:
  # the flows
  subscriber_flows:
    # whoever is left
    # over
    - name: All
      registrations:
        path: true
    # guests come first
    - name: Guests   # a hotel
      user_agent: "*"

    - {name: Staff}

  routing_profiles:
  - name: to-IPO
    next_hops:
    - {server: IPO, address: a.example}
    - {server: IPO,
       address: b.example}
    further_rules: [{a: 1}, {a: 2}]
office: {}
"""
    )


def test_items_without_names_are_counted():
    place = "border.routing_profiles[to-IPO].next_hops"
    changed = moved(TEXT, place, "1", after="2")
    assert names(changed, place) == ["server: IPO, address: b.example",
                                     "server: IPO, address: a.example"]  # fmt: skip
    assert names(TEXT, "border.subscriber_flows") == ["Guests", "Staff", "All"]


@pytest.mark.parametrize(
    ("place", "item", "target", "said"),
    [
        ("border.nothing", "a", "b", "no 'nothing' there; there is: subscriber_flows"),
        ("border.subscriber_flows", "Nobody", "All", "has no 'Nobody'; there is: Guests, Staff"),
        ("border.subscriber_flows", "All", "4", "has no '4'"),
        ("border.subscriber_flows", "All", "All", "before or behind itself"),
        ("border.routing_profiles[x].next_hops", "1", "2", "has no 'x'; there is: to-IPO"),
        ("border.routing_profiles[to-IPO].further_rules", "1", "2", "in one line"),
        ("office", "1", "2", "no list of forms"),
    ],
)
def test_what_cannot_be(place, item, target, said):
    with pytest.raises(OrderError, match=said):
        moved(TEXT, place, item, before=target)


def tree(text):
    return YAML(typ="safe").load(StringIO(text))


LISTS = [
    (f"border.{key}", len(value))
    for key, value in tree(GUIDE)["border"].items()
    if isinstance(value, list) and len(value) > 1
]


MOVES = [
    (place, one, other, way)
    for place, count in LISTS
    for one, other in permutations(range(1, count + 1), 2)
    for way in ("before", "after")
]


@pytest.mark.parametrize(("place", "one", "other", "way"), MOVES)
def test_every_list_of_the_guides_file_and_nothing_else_changes(place, one, other, way):
    changed = moved(GUIDE, place, str(one), **{way: str(other)})
    assert sorted(changed.splitlines()) == sorted(GUIDE.splitlines())
    was, now = tree(GUIDE), tree(changed)
    key = place.partition(".")[2]
    order = was["border"].pop(key)
    item = order.pop(one - 1)
    at = other - 1 - (one < other) + (way == "after")
    assert now["border"].pop(key) == [*order[:at], item, *order[at:]]
    assert now == was
