//! Conversations with the relay's core: packets and signaling in, verdicts and counters out.

use std::net::SocketAddr;

use relay::{Content, Datagram, Event, Key, Kind, Remote, Shard, StreamPorts, Verdict};

const CALL: u64 = 7;

/// Shows the shard a copy of a packet.
fn packet(shard: &mut Shard, key: Key, from: SocketAddr, bytes: &[u8], now: u64) -> Verdict {
    let mut room = bytes.to_vec();
    shard.packet(key, from, &mut Datagram::new(&mut room, bytes.len()), now)
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn rtp() -> Vec<u8> {
    let mut packet = vec![0x80, 8, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7];
    packet.resize(172, 0xd5);
    packet
}

const RTCP: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

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
    let first = packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(), 10);
    assert_eq!(
        first,
        Verdict::Forward {
            via: phone,
            to: at("172.22.33.101:5000")
        }
    );
    let back = packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(), 20);
    assert_eq!(
        back,
        Verdict::Forward {
            via: office,
            to: at("10.10.10.13:40752")
        }
    );
    let next = packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(), 30);
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
        packet(&mut shard, phone, at("192.168.67.61:61007"), &rtp(), 11),
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
        packet(&mut shard, phone, at("203.0.113.9:5000"), &rtp(), 5),
        Verdict::Refused
    );
    packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(), 6);
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61001"), &rtp(), 7),
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
fn a_muted_side_is_sent_nothing_and_keeps_its_latch() {
    let Call {
        mut shard,
        keys: [[phone, _], [office, _]],
    } = call();
    packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(), 5);
    let held = Remote {
        muted: true,
        muxed: false,
        ..remote("172.22.33.101:5000", "192.168.67.61")
    };
    shard.signal(CALL, 0, 0, &held);
    assert_eq!(
        packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(), 6),
        Verdict::NoTarget
    );
    shard.signal(CALL, 0, 0, &remote("172.22.33.101:5000", "192.168.67.61"));
    let resumed = packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(), 7);
    assert_eq!(
        resumed,
        Verdict::Forward {
            via: phone,
            to: at("192.168.67.61:61000")
        }
    );
}

#[test]
fn our_own_ports_and_addresses_of_many_are_no_targets() {
    let Call {
        mut shard,
        keys: [_, [office, _]],
    } = call();
    for useless in [
        "192.168.64.96:35000",
        "10.10.10.7:35000",
        "224.0.0.1:5000",
        "0.0.0.0:5000",
    ] {
        shard.signal(CALL, 0, 0, &remote(useless, "192.168.67.61"));
        assert_eq!(
            packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(), 6),
            Verdict::NoTarget
        );
    }
}

#[test]
fn silence_is_reported_once_and_not_on_hold() {
    let Call {
        mut shard,
        keys: [[phone, _], _],
    } = call();
    assert_eq!(silence(&mut shard, 59_999), None);
    assert_eq!(silence(&mut shard, 60_000), Some(60_000));
    assert_eq!(silence(&mut shard, 61_000), None);
    packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(), 62_000);
    assert_eq!(silence(&mut shard, 62_500), None);
    shard.hold(CALL, true, None, 63_000);
    assert_eq!(silence(&mut shard, 200_000), None);
    shard.hold(CALL, false, None, 200_000);
    assert_eq!(silence(&mut shard, 259_999), None);
    assert_eq!(silence(&mut shard, 260_001), Some(60_001));
}

#[test]
fn a_session_of_its_own_patience_is_judged_by_that() {
    let Call { mut shard, .. } = call();
    shard.hold(CALL, false, Some(5_000), 0);
    assert_eq!(silence(&mut shard, 4_999), None);
    assert_eq!(silence(&mut shard, 5_000), Some(5_000));
    shard.hold(CALL, true, Some(90_000), 6_000);
    shard.hold(CALL, false, Some(90_000), 7_000);
    assert_eq!(silence(&mut shard, 96_999), None);
    assert_eq!(silence(&mut shard, 97_000), Some(90_000));
}

/// What is reported of the call's silence, where it may last a minute.
fn silence(shard: &mut Shard, now: u64) -> Option<u64> {
    shard.tick(60_000, now);
    let told: Vec<_> = std::iter::from_fn(|| shard.poll_report()).collect();
    told.into_iter().find_map(|one| match one.event {
        Event::Silence { idle } => Some(idle),
        _ => None,
    })
}

#[test]
fn closed_ports_are_gone_also_when_their_place_is_used_again() {
    let Call {
        mut shard,
        keys: [[phone, _], _],
    } = call();
    assert_eq!(shard.delete(CALL, 0).len(), 4);
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(), 5),
        Verdict::Gone
    );
    shard.open(9, 0, Content::Rtp, &guide_ports(), 5);
    assert_eq!(
        packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(), 6),
        Verdict::Gone
    );
    assert_eq!(shard.stats(CALL, 6), None);
    assert_eq!(Key::from_bits(phone.to_bits()), phone);
}

#[test]
fn the_round_trip_of_a_leg_is_measured_between_a_report_and_its_answer() {
    let Call {
        mut shard,
        keys: [[_, phone], [_, office]],
    } = call();
    let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 9, 0, 0, 1, 2, 3, 4, 0, 0];
    report.extend([0; 12]);
    let sent = packet(&mut shard, office, at("10.10.10.13:40753"), &report, 1000);
    assert!(matches!(sent, Verdict::Forward { .. }), "{sent:?}");
    let mut answer = vec![0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 9, 64, 0, 0, 5];
    answer.extend([0, 0, 0, 0, 0, 0, 0, 160, 1, 2, 3, 4, 0, 0, 0x80, 0]);
    packet(&mut shard, phone, at("192.168.67.61:61001"), &answer, 1580);
    let stats = shard.stats(CALL, 2000).expect("the call");
    let quality = stats[0].quality.as_ref().expect("of an RTP port");
    assert_eq!(quality.round_trip_ms, Some(80.0));
    assert_eq!(quality.reported_loss, Some(0.25));
    assert_eq!(stats[1].quality, None);
}

#[test]
fn one_way_audio_is_reported_once_a_silence_with_who_is_silent() {
    let Call {
        mut shard,
        keys: [[phone, _], [office, _]],
    } = call();
    let heard = |shard: &mut Shard, key, from: &str, now| {
        packet(shard, key, at(from), &rtp(), now);
        shard.tick(60_000, now);
        shard.poll_report()
    };
    let (mobile, inside) = ("192.168.67.61:61000", "10.10.10.13:40752");
    assert_eq!(heard(&mut shard, phone, mobile, 7_000), None);
    let told = heard(&mut shard, phone, mobile, 8_000).expect("the office is silent");
    let silent_office = Event::OneWay {
        stream: 0,
        side: 1,
        idle: 8_000,
    };
    assert_eq!(told.event, silent_office);
    assert_eq!(heard(&mut shard, phone, mobile, 9_000), None);
    assert_eq!(heard(&mut shard, office, inside, 10_000), None);
    assert_eq!(heard(&mut shard, phone, mobile, 17_000), None);
    assert!(heard(&mut shard, phone, mobile, 18_000).is_some());
    shard.hold(CALL, true, None, 18_500);
    assert_eq!(heard(&mut shard, phone, mobile, 60_000), None);
}
