"""What the border does with each message of RFC 5118, as vectors/rfc5118/index.yaml says."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.protocol.border.test_ip_versions import OUTSIDE6, SixPhone

from farline.sip import Message, Transport
from farline.sip.effects import Received
from farline.testing.border import BorderWorld

FOLDER = Path(__file__).parents[3] / "vectors" / "rfc5118"
INDEX = YAML(typ="safe").load(FOLDER / "index.yaml")


@pytest.mark.parametrize("name", sorted(INDEX))
def test_at_the_border(name, load_border):
    data = (FOLDER / f"{name}.dat").read_bytes()
    world = BorderWorld(load_border(*OUTSIDE6))
    phone = SixPhone(world, user="user", ip="2001:db8::9:1", transport=Transport.UDP)
    phone.register()
    before = len(world.all_sent)
    world.give(Received(phone.flow, data))
    sent = [(flow.interface, Message.parse(one)) for flow, one in world.all_sent[before:]]
    outside = [one for where, one in sent if where == "IPORWB1Sig" and one.status != 100]
    inside = [one for where, one in sent if where == "IPORWA1Sig"]
    if INDEX[name]["border"] == "passed":
        assert [m.status for m in outside] == []
        [inner] = inside
        assert inner.method == Message.parse(data).method
        text = inner.to_bytes().decode()
        assert "c=IN IP4 10.10.10.7" in text or not inner.body
        assert "2001:db8::9:1" not in text
        assert inner.get("Via").startswith("SIP/2.0/TCP 10.10.10.7:")
    else:
        assert [m.status for m in outside] == [INDEX[name]["border"]]
        assert inside == []
