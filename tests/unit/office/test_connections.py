"""Which connection a request leaves by."""

import pytest

from farline.office.connections import IDLE_SECONDS, MAX_OPENED, Connections, Target, way_to
from farline.sip import Address, Flow, Transport, Uri, WireError
from farline.sip.effects import Close, Open

OFFICE = Address("10.10.10.13", 5060)
BORDER = Flow(1, "LAN1", Transport.TCP, OFFICE, Address("10.10.10.7", 43873))
UDP = Flow(0, "LAN1", Transport.UDP, OFFICE, Address("10.10.10.30", 5060))
TLS = Flow(2, "LAN1", Transport.TLS, OFFICE, Address("10.10.10.30", 40000))


def way(uri, source):
    return way_to(Uri.parse(uri), source)


def test_the_guides_way_is_a_connection_of_its_own_else_the_one_it_came_by():
    target = Target(Transport.TCP, Address("10.10.10.7", 5060))
    assert way("sip:3001@10.10.10.7:5060;transport=tcp", BORDER) == (target, BORDER)


def test_a_contact_that_is_the_source_is_reached_over_it():
    assert way("sip:3001@10.10.10.7:43873;transport=tcp", BORDER)[0] == BORDER


@pytest.mark.parametrize("uri", ["sip:3003@192.168.1.50;transport=tcp", "sip:3003@phone.local"])
def test_behind_nat_the_flow_it_came_by(uri):
    assert way(uri, BORDER)[0] == BORDER


def test_tls_is_never_opened():
    assert way("sip:3003@10.10.10.30:5061;transport=tls", TLS) == (TLS,)


def test_without_a_transport_parameter_the_transport_it_came_by():
    assert way("sip:3001@10.10.10.7:5060", BORDER)[0].transport is Transport.TCP
    assert way("sip:3003@10.10.10.30:5060", UDP)[0] == UDP


def test_after_a_restart_only_the_contact_is_known():
    target = Target(Transport.TCP, Address("10.10.10.7", 5060))
    assert way("sip:3001@10.10.10.7:5060;transport=tcp", None) == (target,)
    assert way("sip:3001@phone.local", None) == ()


def test_unknown_transport():
    with pytest.raises(WireError):
        way("sip:3001@10.10.10.7;transport=sctp", BORDER)


class Bench:
    def __init__(self):
        self.out = []
        self.found = []
        self.connections = Connections({Transport.UDP: OFFICE}, self.out.append)

    def obtain(self, *way):
        self.connections.obtain(way, 1.0, lambda flow, now: self.found.append(flow))


TARGET = Target(Transport.TCP, Address("10.10.10.7", 5060))


def opened(number):
    return Flow(number, "LAN1", Transport.TCP, Address("10.10.10.13", 4103), TARGET.remote)


def test_one_connection_for_all_who_wait_and_those_who_come_later():
    bench = Bench()
    bench.obtain(TARGET)
    bench.obtain(TARGET)
    assert bench.out == [Open(1, "LAN1", Transport.TCP, TARGET.remote)]
    bench.connections.opened(opened(9), 1, 1.0)
    bench.obtain(TARGET)
    assert bench.found == [opened(9)] * 3
    assert len(bench.out) == 1


def test_the_next_way_when_the_first_fails():
    bench = Bench()
    bench.connections.opened(BORDER, None, 1.0)
    bench.obtain(TARGET, BORDER)
    bench.obtain(TARGET)
    bench.connections.failed(1, 1.0)
    assert bench.found == [BORDER, None]


def test_a_closed_connection_is_opened_again():
    bench = Bench()
    bench.obtain(TARGET)
    bench.connections.opened(opened(9), 1, 1.0)
    bench.connections.closed(opened(9))
    bench.obtain(TARGET)
    assert [order.ticket for order in bench.out] == [1, 2]


def test_idle_connections_of_our_own_are_closed():
    bench = Bench()
    bench.connections.opened(BORDER, None, 1.0)
    bench.obtain(TARGET)
    bench.connections.opened(opened(9), 1, 1.0)
    bench.connections.sweep(1.0 + IDLE_SECONDS - 1)
    assert len(bench.out) == 1
    bench.connections.sweep(1.0 + IDLE_SECONDS)
    assert bench.out[1:] == [Close(opened(9))]
    assert bench.connections.alive(BORDER)


def test_the_number_of_own_connections_is_bounded():
    bench = Bench()
    for port in range(MAX_OPENED + 3):
        bench.obtain(Target(Transport.TCP, Address("10.10.10.7", 1024 + port)))
    assert len(bench.out) == MAX_OPENED
    assert bench.found == [None] * 3


def test_datagrams_need_no_connection():
    bench = Bench()
    bench.obtain(Target(Transport.UDP, UDP.remote))
    assert bench.found == [UDP]
    assert bench.out == []
