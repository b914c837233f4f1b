"""Whatever comes in, nothing is raised, every answer parses, and nothing inside is told outside."""

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from farline.config import load_deployment
from farline.sip import Address, Flow, Message, Transport
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone

ROOT = Path(__file__).parents[3]
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
BORDER = load_deployment((ROOT / "examples" / "guide.yaml").read_text(), SECRETS).border
VECTORS = [path.read_bytes() for path in sorted((ROOT / "vectors" / "guide").glob("*.sip"))]
VECTORS += [path.read_bytes() for path in sorted((ROOT / "vectors" / "rfc4475").glob("*.dat"))]
OFFICE = Flow(
    900, "IPORWA1Sig", Transport.TCP, Address("10.10.10.7", 5060), Address("10.10.10.13", 4103)
)


def mutated(data, chance):
    """The bytes with a few of them changed, removed, doubled, or lines exchanged."""
    out = bytearray(data)
    for _ in range(chance.randint(0, 4)):
        if not out:
            break
        at, kind = chance.randrange(len(out)), chance.randrange(4)
        if kind == 0:
            out[at] = chance.randrange(256)
        elif kind == 1:
            del out[at : at + chance.randint(1, 20)]
        elif kind == 2:
            out[at:at] = out[at : at + chance.randint(1, 40)]
        else:
            lines = bytes(out).split(b"\r\n")
            chance.shuffle(lines)
            out = bytearray(b"\r\n".join(lines))
    return bytes(out)


def assert_hidden(message, subid):
    """What SIP names an address in bears no inside address and not the binding's token."""
    shown = [message.uri, *message.all("Contact"), *message.all("Record-Route")]
    shown += [*message.all("Route"), *message.all("P-Asserted-Identity")]
    for value in shown:
        assert "10.10.10." not in value
        assert subid not in value


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_any_sequence_of_messages(seed):
    chance = random.Random(seed)
    world = BorderWorld(BORDER)
    phone = Phone(world)
    phone.register()
    stranger = world.accept("IPORWB1Sig", "203.0.113.9", 4000)
    flows = [phone.flow, phone.upstream, OFFICE, stranger]
    for _ in range(30):
        data = chance.choice(VECTORS)
        flow = chance.choice(flows)
        if flow.interface == "IPORWA1Sig" and chance.random() < 0.7:
            data = data.replace(b"191791003", phone.subid.encode())
        if world.all_sent and chance.random() < 0.4:  # an answer to something that we sent
            sent = Message.parse(chance.choice(world.all_sent)[1])
            via = sent.get("Via")
            if sent.is_request and via:
                data = (
                    f"SIP/2.0 {chance.choice((100, 180, 200, 302, 401, 486))} X\r\nVia: {via}\r\n"
                    f"From: {sent.get('From')}\r\nTo: {sent.get('To')};tag=z\r\n"
                    f"Call-ID: {sent.call_id}\r\nCSeq: {sent.get('CSeq')}\r\n"
                    f"Contact: <sip:3003@10.10.10.13:5060>\r\nContent-Length: 0\r\n\r\n"
                ).encode("utf-8", "surrogateescape")
        world.receive(flow, mutated(data, chance))
        if chance.random() < 0.1:
            world.wait(chance.uniform(0, 40))
    world.core.show()
    for flow, data in world.all_sent:
        assert Message.parse(data).to_bytes() == data
        if flow.interface == "IPORWB1Sig" and flow != stranger:
            assert_hidden(Message.parse(data), phone.subid)
    world.wait(8000)
    shown = world.core.show()
    assert shown["bindings"] == []
    assert shown["transactions"] == 0
    assert shown["pending"] == 0
    assert not [one for one in shown["sessions"] if one["state"] != "answered"]
