"""Merging, filtering, finding calls and their legs."""

from farline.trace import Record, encode_event
from farline.trace.events import CallChanged, Decision, MessageSeen, Note
from farline.trace.reader import Filter, Index, Once, Reader, endpoints


def message(call, *, method="INVITE", direction="in", role="border", time=1.0, interface="B1"):
    data = f"{method} sip:a SIP/2.0\r\nCall-ID: {call}\r\n\r\n".encode()
    event = MessageSeen(direction, interface, "TCP", "192.0.2.1:5060", "192.0.2.2:4000", call, data)
    return Record(time, role, event)


def lines(*records):
    return [encode_event(r.event, r.time, r.role) + "\n" for r in records]


def test_files_are_merged_by_time_and_a_cut_line_is_counted():
    a = [*lines(message("a", time=1.0), message("a", time=3.0)), '{"time":4,"ro']
    b = ["\n", *lines(message("b", time=2.0, role="office"))]
    reader = Reader()
    assert [record.time for record in reader.merge([a, b])] == [1.0, 2.0, 3.0]
    assert reader.skipped == 1


def test_each_filter_field_is_held():
    record = message("a", time=5.0)
    for passing in (
        Filter(),
        Filter(calls={"a"}),
        Filter(interface="B1"),
        Filter(roles={"border"}),
        Filter(since=5.0, until=5.0),
    ):
        assert passing.wants(record)
    for stopping in (
        Filter(calls={"b"}),
        Filter(interface="A1"),
        Filter(roles={"office"}),
        Filter(since=5.1),
        Filter(until=4.9),
    ):
        assert not stopping.wants(record)


def test_the_last_call_is_an_invite_not_a_registration():
    index = Index()
    for record in (
        message("one", time=1.0),
        message("two", time=2.0),
        message("reg", method="REGISTER", time=3.0),
    ):
        index.add(record)
    assert index.last() == "two"
    assert [info.call for info in index.calls()] == ["one", "two", "reg"]


def test_without_a_call_there_is_no_last():
    index = Index()
    index.add(Record(1.0, "border", Note("listening", "TCP")))
    assert index.last() is None


def test_legs_are_linked_by_the_field_or_by_a_call_id_in_the_words():
    index = Index()
    for record in (
        message("leg-one", time=1.0),
        message("leg-two", role="office", time=1.1),
        message("leg-three", role="office", time=1.2),
        message("stranger", time=0.5),
        Record(1.1, "office", CallChanged("leg-one", "started", "", other="leg-two")),
        Record(1.2, "office", Decision("switch", "fork", "rings 'leg-two' too", "leg-three")),
    ):
        index.add(record)
    assert index.legs("leg-three") == {"leg-one", "leg-two", "leg-three"}
    assert index.legs("stranger") == {"stranger"}
    assert index.last() == "leg-one"


def test_the_index_keeps_the_latest_calls_only():
    index = Index(limit=3)
    for number in range(10):
        index.add(message(f"c{number}", time=float(number)))
    assert [info.call for info in index.calls()] == ["c7", "c8", "c9"]


def test_what_two_roles_saw_passes_once_and_a_retransmission_twice():
    once = Once()
    sent = message("a", direction="out")
    src, dst = endpoints(sent.event)
    got = Record(
        1.1,
        "office",
        MessageSeen("in", "LAN1", "TCP", dst, src, "a", sent.event.data),
    )
    verdicts = [once.first(record) for record in (sent, got, sent, got)]
    assert verdicts == [True, False, True, False]


def test_the_table_of_sights_is_bounded():
    once = Once(limit=2)
    for number in range(5):
        assert once.first(message(f"c{number}"))
    assert len(once._seen) == 2
