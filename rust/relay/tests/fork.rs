//! Copies for a recording server: what leaves where, and that nothing comes back.

mod common;

use std::net::SocketAddr;

use common::at;
use relay::{
    Codec, Content, Datagram, Format, Key, MasterKey, Protection, Reason, Remote, Shard,
    StreamPorts, Suite, Verdict,
};

const CALL: u64 = 7;
const PEERS: [&str; 2] = ["172.22.33.101:5000", "10.10.10.13:40752"];
const SERVER: [&str; 2] = ["10.10.10.20:6000", "10.10.10.20:6002"];

fn ports(base: u16) -> StreamPorts {
    let port = |more: u16| SocketAddr::new(at("10.10.10.7:0").ip(), base + more);
    [[port(0), port(1)], [port(2), port(3)]]
}

fn rtp(number: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 160).to_be_bytes());
    packet.extend([0, 0, 0, 7]);
    packet.resize(172, 0x55);
    packet
}

fn open(shard: &mut Shard, stream: u16, base: u16, peers: [&str; 2]) -> [[Key; 2]; 2] {
    let keys = shard.open(CALL, stream, Content::Rtp, &ports(base), 0);
    for (side, peer) in peers.into_iter().enumerate() {
        let remote = Remote {
            rtp: Some(at(peer)),
            ..Remote::default()
        };
        shard.signal(CALL, stream, side, &remote);
        let alaw = Format {
            payload_type: 8,
            clock: 8000,
            codec: Codec::Pcma,
        };
        shard.describe(CALL, stream, side, &[alaw]);
    }
    keys
}

fn send(shard: &mut Shard, key: Key, from: &str, packet: &[u8]) -> Verdict {
    let mut room = packet.to_vec();
    room.resize(300, 0);
    shard.packet(
        key,
        at(from),
        &mut Datagram::new(&mut room, packet.len()),
        10,
    )
}

fn copies(shard: &mut Shard) -> Vec<(Key, SocketAddr, Vec<u8>)> {
    let mut sent = Vec::new();
    while let Some(one) = shard.poll_transmit() {
        assert!(one.counted);
        shard.forwarded(one.via, one.bytes.len(), true); // as the driver says when it was sent
        sent.push((one.via, one.to, one.bytes));
    }
    sent
}

#[test]
fn each_side_is_copied_to_a_port_of_its_own_as_long_as_it_is_wanted() {
    let mut shard = Shard::with_kernel(Ok(()));
    let call = open(&mut shard, 0, 35_000, PEERS);
    let server = open(&mut shard, 1, 36_000, SERVER);
    shard.fork(CALL, 0, Some(1));
    for side in 0..2 {
        send(&mut shard, call[side][0], PEERS[side], &rtp(side as u16));
    }
    send(&mut shard, call[0][0], "203.0.113.9:9", &rtp(9)); // a stranger
    let sent = copies(&mut shard);
    let wanted = [0, 1].map(|side| (server[side][0], at(SERVER[side]), rtp(side as u16)));
    assert_eq!(sent, wanted);
    let stats = shard.stats(CALL, 20).expect("there");
    assert_eq!(stats[0].why, Some(Reason::Recorded));
    assert_eq!(stats[4].counters.sent_packets, 1);
    shard.fork(CALL, 0, None);
    send(&mut shard, call[0][0], PEERS[0], &rtp(2));
    assert_eq!(copies(&mut shard), []);
}

#[test]
fn what_a_recording_server_sends_goes_nowhere_and_is_no_sign_of_life() {
    let mut shard = Shard::default();
    let call = open(&mut shard, 0, 35_000, PEERS);
    let server = open(&mut shard, 1, 36_000, SERVER);
    shard.fork(CALL, 0, Some(1));
    send(&mut shard, call[0][0], PEERS[0], &rtp(1));
    copies(&mut shard);
    assert_eq!(
        send(&mut shard, server[0][0], SERVER[0], &rtp(1)),
        Verdict::NoTarget
    );
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    assert_eq!(
        send(&mut shard, server[0][1], "10.10.10.20:6001", &report),
        Verdict::Refused
    );
    assert_eq!(copies(&mut shard), []);
    shard.tick(5_000, 6_000);
    shard.tick(5_000, 6_500);
    assert!(shard.poll_report().is_some(), "the call is silent");
}

#[test]
fn rtcp_goes_beside_rtp_to_the_port_of_its_own() {
    let mut shard = Shard::default();
    let call = open(&mut shard, 0, 35_000, PEERS);
    let server = open(&mut shard, 1, 36_000, SERVER);
    let control = ["172.22.33.101:5001", "10.10.10.13:40753"];
    let heard = ["10.10.10.20:6001", "10.10.10.20:6003"];
    for side in 0..2 {
        for (stream, rtp, rtcp) in [
            (0, PEERS[side], control[side]),
            (1, SERVER[side], heard[side]),
        ] {
            let remote = Remote {
                rtp: Some(at(rtp)),
                rtcp: Some(at(rtcp)),
                ..Remote::default()
            };
            shard.signal(CALL, stream, side, &remote);
        }
    }
    shard.fork(CALL, 0, Some(1));
    let mut report = vec![0x80, 200, 0, 6];
    report.resize(28, 7);
    for side in 0..2 {
        send(&mut shard, call[side][1], control[side], &report);
    }
    let wanted = [0, 1].map(|side| (server[side][1], at(heard[side]), report.clone()));
    assert_eq!(copies(&mut shard), wanted);
    shard.fork(CALL, 0, None);
    send(&mut shard, call[0][1], control[0], &report);
    assert_eq!(copies(&mut shard), []);
}

#[test]
fn copies_have_the_keys_of_the_recording_server() {
    let mut shard = Shard::default();
    let call = open(&mut shard, 0, 35_000, PEERS);
    open(&mut shard, 1, 36_000, SERVER);
    let suite = Suite::from_name("AES_CM_128_HMAC_SHA1_80").expect("known");
    let key = |byte| MasterKey::new(suite, &[byte; 30]).expect("its length");
    let keys = Protection::Srtp {
        receive: key(1),
        send: key(2),
    };
    shard.protect(CALL, 1, 0, keys);
    shard.fork(CALL, 0, Some(1));
    send(&mut shard, call[0][0], PEERS[0], &rtp(1));
    let mut bytes = copies(&mut shard).remove(0).2;
    let length = srtp::Receiver::new(key(2))
        .unprotect_rtp(&mut bytes)
        .expect("authentic");
    assert_eq!(bytes[..length], rtp(1));
}
