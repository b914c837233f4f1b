//! Sides with SRTP: what is protected stays so, and a packet that does not authenticate changes nothing.

mod common;

use std::net::SocketAddr;

use common::{at, rtp};
use relay::{Content, Datagram, Key, MasterKey, Protection, Remote, Shard, Suite, Verdict};
use srtp::{Receiver, Sender};

const CALL: u64 = 7;
const PHONE: &str = "192.168.67.61:61000";
const OFFICE: &str = "10.10.10.13:40752";

fn master(seed: u8) -> MasterKey {
    MasterKey::new(Suite::AesCm128HmacSha1_80, &[seed; 30]).expect("of the right length")
}

fn rtcp() -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6, 0, 0, 0, 7];
    packet.resize(28, 1);
    packet
}

/// The phone outside with keys of its own, the office inside in the clear.
struct Call {
    shard: Shard,
    phone: [Key; 2],
    office: [Key; 2],
    sender: Sender,
    receiver: Receiver,
}

fn protection(phone: u8, ours: u8) -> Protection {
    Protection::Srtp {
        receive: master(phone),
        send: master(ours),
    }
}

fn call() -> Call {
    let mut shard = Shard::default();
    let pair = |ip: &str| [at(&format!("{ip}:35000")), at(&format!("{ip}:35001"))];
    let ports = [pair("192.168.64.96"), pair("10.10.10.7")];
    let [phone, office] = shard.open(CALL, 0, Content::Rtp, &ports, 0);
    for (side, rtp, source) in [(0, "172.22.33.101:5000", PHONE), (1, OFFICE, OFFICE)] {
        let rtp = at(rtp);
        let remote = Remote {
            rtp: Some(rtp),
            rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
            source: Some(at(source).ip()),
            muted: false,
            muxed: false,
            confined: false,
        };
        shard.signal(CALL, 0, side, &remote);
    }
    shard.protect(CALL, 0, 0, protection(1, 2));
    let (sender, receiver) = (Sender::new(master(1)), Receiver::new(master(2)));
    Call {
        shard,
        phone,
        office,
        sender,
        receiver,
    }
}

impl Call {
    /// Shows a packet to the relay, and returns it as it leaves.
    fn pass(&mut self, key: Key, from: &str, bytes: &[u8]) -> Result<Vec<u8>, Verdict> {
        let mut room = bytes.to_vec();
        room.resize(2048, 0);
        let mut data = Datagram::new(&mut room, bytes.len());
        match self.shard.packet(key, at(from), &mut data, 10) {
            Verdict::Forward { .. } => Ok(data.bytes().to_vec()),
            other => Err(other),
        }
    }

    fn sealed(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut room = packet.to_vec();
        room.resize(packet.len() + 20, 0);
        let length = if packet[1] >= 192 {
            self.sender.protect_rtcp(&mut room, packet.len())
        } else {
            self.sender.protect_rtp(&mut room, packet.len())
        };
        room.truncate(length.expect("protected"));
        room
    }

    fn counters(&self) -> relay::Counters {
        self.shard.stats(CALL, 10).expect("the session")[0].counters
    }
}

#[test]
fn each_side_gets_what_it_agreed_to() {
    let mut call = call();
    let [phone, phone_rtcp] = call.phone;
    let [office, office_rtcp] = call.office;
    let sealed = call.sealed(&rtp(1));
    assert_eq!(call.pass(phone, PHONE, &sealed), Ok(rtp(1)));
    let mut back = call.pass(office, OFFICE, &rtp(9)).expect("forwarded");
    assert_eq!(back.len(), rtp(9).len() + 10);
    let length = call.receiver.unprotect_rtp(&mut back).expect("ours");
    assert_eq!(back[..length], rtp(9));
    let sealed = call.sealed(&rtcp());
    assert_eq!(call.pass(phone_rtcp, PHONE, &sealed), Ok(rtcp()));
    let mut back = call
        .pass(office_rtcp, "10.10.10.13:40753", &rtcp())
        .expect("forwarded");
    let length = call.receiver.unprotect_rtcp(&mut back).expect("ours");
    assert_eq!(back[..length], rtcp());
    let stats = call.shard.stats(CALL, 10).expect("the session");
    let suites: Vec<_> = stats.iter().map(|one| one.suite).collect();
    let suite = Some("AES_CM_128_HMAC_SHA1_80");
    assert_eq!(suites, [suite, suite, None, None]);
    assert_eq!(stats[0].counters.received_bytes, 182);
}

#[test]
fn rtcp_on_the_rtp_port_is_srtcp_with_the_same_numbers() {
    let mut call = call();
    let (first, second) = (call.sealed(&rtcp()), call.sealed(&rtcp()));
    let [phone, phone_rtcp] = call.phone;
    assert_eq!(call.pass(phone, PHONE, &first), Ok(rtcp()));
    assert_eq!(call.pass(phone_rtcp, PHONE, &second), Ok(rtcp()));
    assert_eq!(
        call.pass(phone_rtcp, PHONE, &first),
        Err(Verdict::Unauthentic)
    );
}

#[test]
fn only_a_packet_that_authenticates_latches() {
    let mut call = call();
    let [phone, _] = call.phone;
    let mut wrong = call.sealed(&rtp(1));
    wrong[20] ^= 1;
    assert_eq!(
        call.pass(phone, "192.168.67.61:666", &wrong),
        Err(Verdict::Unauthentic)
    );
    assert_eq!(
        call.pass(phone, "192.168.67.61:666", &rtp(1)),
        Err(Verdict::Unauthentic)
    );
    assert_eq!(
        call.pass(phone, "203.0.113.9:5000", &rtp(1)),
        Err(Verdict::Refused)
    );
    assert_eq!(
        call.shard.stats(CALL, 10).expect("the session")[0].latched,
        None
    );
    let right = call.sealed(&rtp(2));
    assert_eq!(call.pass(phone, PHONE, &right), Ok(rtp(2)));
    assert_eq!(call.pass(phone, PHONE, &right), Err(Verdict::Unauthentic));
    let counters = call.counters();
    assert_eq!(counters.unauthentic_packets, 2);
    assert_eq!(counters.replayed_packets, 1);
    assert_eq!(
        (counters.received_packets, counters.refused_packets),
        (1, 1)
    );
}

#[test]
fn until_the_keys_are_agreed_nothing_passes_in_either_direction() {
    let mut call = call();
    call.shard.protect(CALL, 0, 0, Protection::Closed);
    let sealed = call.sealed(&rtp(1));
    let (phone, office) = (call.phone[0], call.office[0]);
    assert_eq!(call.pass(phone, PHONE, &sealed), Err(Verdict::Unauthentic));
    assert_eq!(call.pass(phone, PHONE, &rtp(1)), Err(Verdict::Unauthentic));
    assert_eq!(
        call.pass(office, OFFICE, &rtp(1)),
        Err(Verdict::Unprotected)
    );
    assert_eq!(call.counters().unsent_packets, 1);
}

#[test]
fn the_same_key_keeps_its_numbers_and_a_new_one_replaces_it() {
    let mut call = call();
    let [phone, _] = call.phone;
    let first = call.sealed(&rtp(1));
    assert_eq!(call.pass(phone, PHONE, &first), Ok(rtp(1)));
    call.shard.protect(CALL, 0, 0, protection(1, 3));
    assert_eq!(call.pass(phone, PHONE, &first), Err(Verdict::Unauthentic));
    assert_eq!(call.counters().replayed_packets, 1);
    call.shard.protect(CALL, 0, 0, protection(4, 3));
    let old = call.sealed(&rtp(2));
    assert_eq!(call.pass(phone, PHONE, &old), Err(Verdict::Unauthentic));
    call.sender = Sender::new(master(4));
    let new = call.sealed(&rtp(3));
    assert_eq!(call.pass(phone, PHONE, &new), Ok(rtp(3)));
}

#[test]
fn both_sides_may_have_keys() {
    let mut call = call();
    call.shard.protect(CALL, 0, 1, protection(5, 6));
    let sealed = call.sealed(&rtp(1));
    let [phone, _] = call.phone;
    let mut left = call.pass(phone, PHONE, &sealed).expect("forwarded");
    let length = Receiver::new(master(6))
        .unprotect_rtp(&mut left)
        .expect("ours");
    assert_eq!(left[..length], rtp(1));
}

#[test]
fn a_stream_of_raw_datagrams_has_no_keys() {
    let mut shard = Shard::default();
    let ports = [[at("192.168.64.96:1"), at("192.168.64.96:2")]; 2];
    let [[fax, _], _] = shard.open(CALL, 0, Content::Raw, &ports, 0);
    shard.protect(CALL, 0, 0, protection(1, 2));
    let remote = Remote {
        source: Some(at(PHONE).ip()),
        ..Remote::default()
    };
    shard.signal(CALL, 0, 0, &remote);
    let mut room = *b"udptl";
    let verdict = shard.packet(fax, at(PHONE), &mut Datagram::new(&mut room, 5), 5);
    assert_eq!(verdict, Verdict::NoTarget);
}

#[test]
fn a_phone_that_moved_is_followed_by_its_first_authentic_packet() {
    let mut call = call();
    let ([phone, _], [office, _]) = (call.phone, call.office);
    let moved = "203.0.113.80:4444";
    let first = call.sealed(&rtp(1));
    assert_eq!(call.pass(phone, PHONE, &first), Ok(rtp(1)));
    for (from, packet) in [(moved, rtp(2)), ("198.51.100.66:6", vec![0x80; 182])] {
        assert_eq!(call.pass(phone, from, &packet), Err(Verdict::Refused));
    }
    // What the phone sent before is no proof in another's hands.
    let replayed = call.pass(phone, "198.51.100.66:6", &first);
    assert_eq!(replayed, Err(Verdict::Refused));
    let next = call.sealed(&rtp(3));
    assert_eq!(call.pass(phone, moved, &next), Ok(rtp(3)));
    let back = Datagram::new(&mut rtp(9), 172).bytes().to_vec();
    let mut room = back;
    room.resize(2048, 0);
    let mut data = Datagram::new(&mut room, 172);
    let (via, to) = (phone, at(moved));
    let verdict = call.shard.packet(office, at(OFFICE), &mut data, 10);
    assert_eq!(verdict, Verdict::Forward { via, to });
    assert_eq!(call.counters().refused_packets, 3);
}

#[test]
fn a_thousand_packets_that_do_not_authenticate_change_nothing() {
    let mut call = call();
    let [phone, _] = call.phone;
    let first = call.sealed(&rtp(1));
    assert_eq!(call.pass(phone, PHONE, &first), Ok(rtp(1)));
    for at in 0..1000u32 {
        let mut wrong = first.clone();
        wrong[2..4].copy_from_slice(&(at as u16).to_be_bytes());
        wrong[100] ^= 1;
        assert!(call.pass(phone, PHONE, &wrong).is_err());
    }
    let next = call.sealed(&rtp(2));
    assert_eq!(call.pass(phone, PHONE, &next), Ok(rtp(2)));
}
