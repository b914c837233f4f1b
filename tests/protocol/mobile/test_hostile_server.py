"""The server may send anything: the phone never raises, and goes on."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farline.mobile.commands import Dial, HangUp, Hold, Register
from farline.sip.effects import Received
from farline.sip.transport import Address

PHONE = Address("172.22.33.101", 62657)

NAMES = [
    "Contact",
    "Record-Route",
    "To",
    "From",
    "CSeq",
    "Via",
    "Call-ID",
    "Reason",
    "Require",
    "P-Asserted-Identity",
    "Expires",
    "WWW-Authenticate",
    "Replaces",
    "Content-Type",
]
VALUES = [
    *("", "<", "<>", ";;;", "sip:", "<sip:a b>", '"', "\x00", "<tel:1>", "*", "Digest", ",,,", "="),
    *('Digest realm="', "9" * 20, "a" * 300, "<sip:x@[::1>", "SIP;cause=abc", '<sip:a;lr>;x="'),
    "é\udcff",
]

changes = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES), st.booleans()), max_size=3
)


def changed(data, plan, body):
    """The message with headers replaced or added, and perhaps another body."""
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for name, value, add in plan:
        wire = f"{name}: {value}".encode("utf-8", "surrogateescape")
        start = name.lower().encode() + b":"
        matching = [at for at, line in enumerate(lines) if line.lower().startswith(start)]
        if matching and not add:
            lines[matching[0]] = wire
        else:
            lines.append(wire)
    if body is not None:
        rest = body
        lines = [line for line in lines if not line.lower().startswith(b"content-length")]
        lines.append(b"Content-Length: %d" % len(rest))
    return b"\r\n".join(lines) + b"\r\n\r\n" + rest


@pytest.mark.parametrize("moment", ["registering", "calling", "answered", "held", "ringing"])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    plan=changes, body=st.sampled_from([None, b"", b"v=0", b"\xff" * 30]), seed=st.integers(1, 5)
)
def test_changed_messages_never_raise(make_desk, server, moment, plan, body, seed):
    server.__post_init__()
    server.invite = [180, 200]
    desk = make_desk(seed=seed, answer_after=0.05)
    honest = desk.phone.handle

    def dishonest(event, now):
        if isinstance(event, Received) and event.data.strip():
            event = Received(event.flow, changed(event.data, plan, body))
        honest(event, now)

    if moment != "registering":
        desk.register()
    if moment in ("answered", "held"):
        desk.tell(Dial("out-1", "3003"))
        desk.run(0.3)
    desk.phone.handle = dishonest
    if moment == "registering":
        desk.tell(Register(PHONE))
    elif moment == "calling":
        desk.tell(Dial("out-1", "3003"))
    elif moment == "held":
        desk.tell(Hold("out-1"))
    elif moment == "ringing":
        server.call(desk.link)
    else:
        message = server.dialog.request("INVITE", [("Contact", "<sip:3003@192.168.64.96>")])
        server.send(desk.link, message)
    desk.run(1.0)
    desk.tell(HangUp("out-1"))
    desk.run(1.0)
