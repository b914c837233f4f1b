//! What goes up to the relay as it came.

use std::net::SocketAddr;

use super::frames::{fix_header, frame, incoming, outgoing, rtp, voice};
use super::rig::{flow4, flow6, Rig, ALAW, UP};
use crate::types::{Flow, FlowKey};

#[test]
fn a_stranger_and_a_strange_port_go_up() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let other = |mut at: SocketAddr, ip: bool| {
            let stranger = if at.is_ipv4() {
                "192.0.2.66"
            } else {
                "2001:db8::66"
            };
            if ip {
                at.set_ip(stranger.parse().expect("an address"));
            } else {
                at.set_port(at.port() + 2);
            }
            at
        };
        let FlowKey { local, remote } = flow.key;
        for is_ip in [true, false] {
            rig.goes_up(&frame(other(remote, is_ip), local, &voice(), 64));
            rig.goes_up(&frame(remote, other(local, is_ip), &voice(), 64));
        }
    }
}

#[test]
fn only_plain_rtp_of_the_rules_payload_types_is_relayed() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let with = |at: usize, byte: u8| {
            let mut packet = voice();
            packet[at] = byte;
            packet
        };
        let others = [
            ("telephone-event", rtp(101, 1, 160)),
            ("another codec", rtp(9, 1, 160)),
            ("RTCP, a receiver report", with(1, 201)),
            ("RTCP by its low bits", with(1, 72)),
            ("STUN", with(0, 0x00)),
            ("DTLS", with(0, 22)),
            ("version 1", with(0, 0x40)),
            ("padding", with(0, 0xa0)),
            ("an extension", with(0, 0x90)),
            ("a CSRC", with(0, 0x81)),
            ("a keepalive", vec![0; 4]),
            ("a cut header", voice()[..11].to_vec()),
            ("nothing", Vec::new()),
        ];
        for (what, payload) in others {
            eprintln!("{what}");
            rig.goes_up(&incoming(&flow, &payload));
        }
        let marked = with(1, ALAW | 0x80);
        assert_eq!(
            rig.tc(&incoming(&flow, &marked)).1,
            outgoing(&flow, &marked)
        );
    }
}

#[test]
fn rtcp_types_are_never_relayed_even_where_a_rule_names_them() {
    let flow = Flow {
        payload_types: u128::MAX,
        ..flow4()
    };
    let Some(mut rig) = Rig::new(flow) else {
        return;
    };
    for kind in 192..=223 {
        rig.goes_up(&incoming(&flow, &rtp(kind, 1, 160)));
    }
}

#[test]
fn what_is_unusual_in_the_ip_header_goes_up() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    let changed = |at: usize, bytes: &[u8]| {
        let mut packet = incoming(&flow4(), &voice());
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        fix_header(&mut packet);
        packet
    };
    let mut options = incoming(&flow4(), &voice());
    options[14] = 0x46;
    options.splice(34..34, [1, 1, 1, 0]);
    let old = [
        ("options", options),
        ("a first fragment", changed(20, &[0x20, 0])),
        ("a later fragment", changed(20, &[0, 0x10])),
        ("the last hop", changed(22, &[1])),
        ("TCP", changed(23, &[6])),
        ("a length that is not UDP's", changed(16, &[0, 190])),
        ("UDP's length beyond", changed(38, &[0, 190])),
        ("ARP", changed(12, &[8, 6])),
        ("not for this host", changed(0, &[2, 7])),
    ];
    for (what, packet) in old {
        eprintln!("{what}");
        assert_eq!(rig.tc(&packet), (UP, packet.clone()));
    }
    for length in 34..54 {
        rig.goes_up(&incoming(&flow4(), &voice())[..length]);
    }
    let mut rig = Rig::new(flow6()).expect("root");
    let changed = |at: usize, byte: u8| {
        let mut packet = incoming(&flow6(), &voice());
        packet[at] = byte;
        packet
    };
    let new = [
        ("a fragment header", changed(20, 44)),
        ("hop-by-hop options", changed(20, 0)),
        ("the last hop", changed(21, 1)),
        ("a length that is not UDP's", changed(19, 1)),
    ];
    for (what, packet) in new {
        eprintln!("{what}");
        rig.goes_up(&packet);
    }
    for length in 54..74 {
        rig.goes_up(&incoming(&flow6(), &voice())[..length]);
    }
}
