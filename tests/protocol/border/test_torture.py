"""What the border does with each message of RFC 4475, as vectors/rfc4475/index.yaml says."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from farline.sip import Message, Transport
from farline.sip.effects import Received
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone

FOLDER = Path(__file__).parents[3] / "vectors" / "rfc4475"
INDEX = YAML(typ="safe").load(FOLDER / "index.yaml")


def sender(data):
    """The user in From, as it stands there."""
    found = re.search(rb"^(?:From|f)\s*:[^\r]*?sips?:([^@>;\s]+)@", data, re.M | re.I)
    return found[1].decode() if found else "caller"


@pytest.mark.parametrize("name", sorted(INDEX))
def test_at_the_border(name, guide_border):
    """The phone that sends it is registered, over UDP, as whoever From names."""
    data = (FOLDER / f"{name}.dat").read_bytes()
    world = BorderWorld(guide_border)
    phone = Phone(world, user=sender(data), transport=Transport.UDP)
    phone.register()
    before = len(world.all_sent)
    world.give(Received(phone.flow, data))
    sent = [(flow.interface, Message.parse(one)) for flow, one in world.all_sent[before:]]
    outside = [one.status for where, one in sent if where == "IPORWB1Sig" and one.status != 100]
    inside = [one for where, one in sent if where == "IPORWA1Sig"]
    expected = INDEX[name]["border"]
    if expected == "passed":
        [inner] = inside
        assert (outside, inner.method) == ([], Message.parse(data).method)
        inner.validate()
    else:
        assert inside == []
        assert outside == ([] if expected == "dropped" else [expected])
    assert world.core.show()["counters"].get("handler-failed") is None
