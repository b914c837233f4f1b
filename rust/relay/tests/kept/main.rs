//! A relay that dies and the one that takes its place: locks, rollover counters and windows go on.

#[path = "../common/mod.rs"]
mod common;
mod music;
mod ports;

use std::sync::atomic::AtomicU64;

use common::{at, rtp};
use relay::{
    name_of, Before, Content, Datagram, Keeper, Key, MasterKey, Protection, Remote, Shard, Suite,
    Verdict, CELL_WORDS,
};
use srtp::{Receiver, Sender};

const CALL: u64 = 7;
const PHONE: &str = "192.168.67.61:61000";
const OFFICE: &str = "10.10.10.13:40752";

fn master(suite: Suite, seed: u8) -> MasterKey {
    let material = vec![seed; suite.key_length() + suite.salt_length()];
    MasterKey::new(suite, &material).expect("of the right length")
}

fn memory() -> &'static [AtomicU64] {
    let words: Vec<_> = (0..64 * CELL_WORDS).map(|_| AtomicU64::new(0)).collect();
    words.leak()
}

/// The phone outside with SRTP, the office inside in the clear; what signaling says comes anew.
fn process(
    words: &'static [AtomicU64],
    before: Before,
    session: u64,
    suite: Suite,
) -> (Shard, Key, Key) {
    let mut shard = Shard::with_keeper(Keeper::new(Box::new(words), before));
    let pair = |ip: &str| [at(&format!("{ip}:35000")), at(&format!("{ip}:35001"))];
    let ports = [pair("192.168.64.96"), pair("10.10.10.7")];
    let [phone, office] = shard.open(session, 0, Content::Rtp, &ports, 0);
    shard.identify(session, 0, name_of(("call", 0)));
    for (side, rtp, source) in [(0, "172.22.33.101:5000", PHONE), (1, OFFICE, OFFICE)] {
        let remote = Remote {
            rtp: Some(at(rtp)),
            source: Some(at(source).ip()),
            ..Remote::default()
        };
        shard.signal(session, 0, side, &remote);
    }
    let wanted = Protection::Srtp {
        receive: master(suite, 1),
        send: master(suite, 2),
    };
    shard.protect(session, 0, 0, wanted);
    shard.resume(session, 0);
    (shard, phone[0], office[0])
}

fn pass(shard: &mut Shard, key: Key, from: &str, bytes: &[u8]) -> Result<Vec<u8>, Verdict> {
    let mut room = bytes.to_vec();
    room.resize(2048, 0);
    let mut data = Datagram::new(&mut room, bytes.len());
    match shard.packet(key, at(from), &mut data, 10) {
        Verdict::Forward { .. } => Ok(data.bytes().to_vec()),
        verdict => Err(verdict),
    }
}

fn sealed(sender: &mut Sender, sequence: u16) -> Vec<u8> {
    let mut room = rtp(sequence);
    let length = room.len();
    room.resize(2048, 0);
    let length = sender.protect_rtp(&mut room, length).expect("protected");
    room.truncate(length);
    room
}

#[test]
fn a_call_with_srtp_goes_on_under_every_suite() {
    for suite in Suite::ALL {
        let (first, second) = (memory(), memory());
        let (mut shard, phone, office) = process(first, Before::new(), CALL, suite);
        let mut sender = Sender::new(master(suite, 1));
        let mut receiver = Receiver::new(master(suite, 2));
        // Three rounds: the rollover counter is above 0 in both directions.
        let mut before = Vec::new();
        for index in (0..49u32).map(|count| count * 0x1000) {
            let sequence = index as u16;
            before = sealed(&mut sender, sequence);
            assert_eq!(
                pass(&mut shard, phone, PHONE, &before),
                Ok(rtp(sequence)),
                "{suite:?}"
            );
            let mut out = pass(&mut shard, office, OFFICE, &rtp(sequence)).expect("protected");
            receiver.unprotect_rtp(&mut out).expect("authentic");
        }
        drop(shard);

        let mut found = Before::new();
        assert!(Keeper::read(first, &mut found));
        let (mut shard, phone, office) = process(second, found, 99, suite);
        // Still locked: another port of the office's host is no more heard than before.
        let neighbour = "10.10.10.13:40999";
        assert_eq!(
            pass(&mut shard, office, neighbour, &rtp(1)),
            Err(Verdict::Refused)
        );
        let next = sealed(&mut sender, 1);
        assert_eq!(
            pass(&mut shard, phone, PHONE, &before),
            Err(Verdict::Unauthentic)
        );
        assert_eq!(pass(&mut shard, phone, PHONE, &next), Ok(rtp(1)));
        // What left under an index leaves under it no more: the key stream is used once.
        assert_eq!(
            pass(&mut shard, office, OFFICE, &rtp(0)),
            Err(Verdict::Unprotected)
        );
        let mut out = pass(&mut shard, office, OFFICE, &rtp(1)).expect("protected");
        receiver
            .unprotect_rtp(&mut out)
            .expect("of the same rollover counter");
        drop(shard);

        let mut found = Before::new();
        Keeper::read(second, &mut found);
        let (mut shard, phone, _) = process(memory(), found, CALL, suite);
        assert_eq!(
            pass(&mut shard, phone, PHONE, &next),
            Err(Verdict::Unauthentic),
            "a second death"
        );
    }
}

#[test]
fn other_keys_begin_anew_and_a_closed_stream_leaves_nothing() {
    let (words, suite) = (memory(), Suite::AesCm128HmacSha1_80);
    let (mut shard, phone, _) = process(words, Before::new(), CALL, suite);
    let mut sender = Sender::new(master(suite, 1));
    pass(&mut shard, phone, PHONE, &sealed(&mut sender, 9)).expect("forwarded");
    shard.protect(
        CALL,
        0,
        0,
        Protection::Srtp {
            receive: master(suite, 3),
            send: master(suite, 2),
        },
    );
    let mut found = Before::new();
    Keeper::read(words, &mut found);
    let (mut again, phone, _) = process(memory(), found, CALL, suite);
    let mut sender = Sender::new(master(suite, 1));
    let packet = sealed(&mut sender, 9);
    assert!(pass(&mut again, phone, PHONE, &packet).is_ok(), "no window");
    shard.delete(CALL, 0);
    let mut found = Before::new();
    Keeper::read(words, &mut found);
    assert!(found.is_empty());
}
