//! Conversations with the relay's core: packets and signaling in, verdicts and counters out.

#[path = "../common/mod.rs"]
mod common;
mod noticing;
mod targets;

use std::net::SocketAddr;

use common::{at, rtp, RTCP};
use relay::{Content, Datagram, Event, Key, Kind, Remote, Shard, StreamPorts, Verdict};

const CALL: u64 = 7;

/// Shows the shard a copy of a packet.
fn packet(shard: &mut Shard, key: Key, from: SocketAddr, bytes: &[u8], now: u64) -> Verdict {
    let mut room = bytes.to_vec();
    shard.packet(key, from, &mut Datagram::new(&mut room, bytes.len()), now)
}

/// The guide's call: the phone outside behind NAT, the office inside.
struct Call {
    shard: Shard,
    keys: [[Key; 2]; 2],
}

fn guide_ports() -> StreamPorts {
    [
        [at("192.168.64.96:35000"), at("192.168.64.96:35001")],
        [at("10.10.10.7:35000"), at("10.10.10.7:35001")],
    ]
}

fn remote(rtp: &str, source: &str) -> Remote {
    let rtp = at(rtp);
    Remote {
        rtp: Some(rtp),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
        source: Some(source.parse().expect("an address")),
        muted: false,
        muxed: false,
        confined: false,
    }
}

fn call() -> Call {
    let mut shard = Shard::default();
    let keys = shard.open(CALL, 0, Content::Rtp, &guide_ports(), 0);
    shard.signal(CALL, 0, 0, &remote("172.22.33.101:5000", "192.168.67.61"));
    shard.signal(CALL, 0, 1, &remote("10.10.10.13:40752", "10.10.10.13"));
    Call { shard, keys }
}

#[test]
fn packets_cross_and_go_to_the_sdp_address_until_the_peer_latched() {
    let Call {
        mut shard,
        keys: [[phone, _], [office, _]],
    } = call();
    let first = packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(1), 10);
    assert_eq!(
        first,
        Verdict::Forward {
            via: phone,
            to: at("172.22.33.101:5000")
        }
    );
    let back = packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(1), 20);
    assert_eq!(
        back,
        Verdict::Forward {
            via: office,
            to: at("10.10.10.13:40752")
        }
    );
    let next = packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(1), 30);
    assert_eq!(
        next,
        Verdict::Forward {
            via: phone,
            to: at("192.168.67.61:61000")
        }
    );
}

#[test]
fn rtcp_goes_beside_rtp_and_latches_for_itself() {
    let Call {
        mut shard,
        keys: [[_, phone], [_, office]],
    } = call();
    let verdict = packet(&mut shard, phone, at("192.168.67.61:61007"), &RTCP, 10);
    assert_eq!(
        verdict,
        Verdict::Forward {
            via: office,
            to: at("10.10.10.13:40753")
        }
    );
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61007"), &rtp(1), 11),
        Verdict::Malformed
    );
}

#[test]
fn what_is_not_rtp_neither_crosses_nor_latches_but_raw_streams_take_anything() {
    let Call {
        mut shard,
        keys: [[phone, _], _],
    } = call();
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61000"), b"\r\n", 5),
        Verdict::Malformed
    );
    let stats = shard.stats(CALL, 10).expect("the session");
    assert_eq!(stats[0].latched, None);
    assert_eq!(stats[0].counters.malformed_packets, 1);
    let [[fax, _], _] = shard.open(8, 0, Content::Raw, &guide_ports(), 0);
    shard.signal(8, 0, 0, &remote("172.22.33.101:5000", "192.168.67.61"));
    assert_eq!(
        packet(&mut shard, fax, at("192.168.67.61:9"), b"udptl", 5),
        Verdict::NoTarget
    );
}

#[test]
fn strangers_are_refused_and_counted() {
    let Call {
        mut shard,
        keys: [[phone, _], _],
    } = call();
    assert_eq!(
        packet(&mut shard, phone, at("203.0.113.9:5000"), &rtp(1), 5),
        Verdict::Refused
    );
    packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(1), 6);
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61001"), &rtp(1), 7),
        Verdict::Refused
    );
    let stats = shard.stats(CALL, 106).expect("the session");
    assert_eq!(stats[0].counters.refused_packets, 2);
    assert_eq!(stats[0].counters.received_packets, 1);
    assert_eq!(stats[0].counters.received_bytes, 172);
    assert_eq!(stats[0].idle, Some(100));
    assert_eq!(
        (stats[0].kind, stats[1].kind, stats[2].side),
        (Kind::Rtp, Kind::Rtcp, 1)
    );
}

#[test]
fn closed_ports_are_gone_also_when_their_place_is_used_again() {
    let Call {
        mut shard,
        keys: [[phone, _], _],
    } = call();
    assert_eq!(shard.delete(CALL, 0).len(), 4);
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(1), 5),
        Verdict::Gone
    );
    shard.open(9, 0, Content::Rtp, &guide_ports(), 5);
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(1), 6),
        Verdict::Gone
    );
    assert_eq!(shard.stats(CALL, 6), None);
    assert_eq!(Key::from_bits(phone.to_bits()), phone);
}
