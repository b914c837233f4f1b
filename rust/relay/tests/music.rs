//! Music on hold: what the held side hears, packet by packet.

mod common;

use std::sync::Arc;

use common::at;
use relay::{
    Codec, Content, Datagram, Format, Key, MasterKey, Music, Protection, Remote, Shard,
    StreamPorts, Suite, Verdict,
};
use rtp::RtpHeader;

const CALL: u64 = 7;
const OFFICE: &str = "10.10.10.13:40752";
const PHONE: &str = "172.22.33.101:5000";

fn format(payload_type: u8, codec: Codec, clock: u32) -> Format {
    Format {
        payload_type,
        clock,
        codec,
    }
}

/// A second of a tone.
fn music() -> Arc<Music> {
    let wave = |at: i32| if at % 16 < 8 { 4_000 } else { -4_000 };
    let samples: Vec<i16> = (0..16_000).map(wave).collect();
    Arc::new(Music::new(&samples, 16_000).expect("encoded"))
}

/// The office inside, which speaks, and the phone outside, which will be held.
fn call(formats: &[Format]) -> (Shard, [[Key; 2]; 2]) {
    let mut shard = Shard::default();
    let ports: StreamPorts = [
        [at("192.168.64.96:35000"), at("192.168.64.96:35001")],
        [at("10.10.10.7:35000"), at("10.10.10.7:35001")],
    ];
    let keys = shard.open(CALL, 0, Content::Rtp, &ports, 0);
    for (side, peer) in [PHONE, OFFICE].into_iter().enumerate() {
        let remote = Remote {
            rtp: Some(at(peer)),
            ..Remote::default()
        };
        shard.signal(CALL, 0, side, &remote);
        shard.describe(CALL, 0, side, formats);
    }
    (shard, keys)
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Heard {
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    length: usize,
}

fn heard(bytes: &[u8]) -> Heard {
    let header = RtpHeader::parse(bytes).expect("RTP");
    Heard {
        payload_type: header.payload_type(),
        marker: header.marker(),
        sequence: header.sequence(),
        timestamp: header.timestamp(),
        ssrc: header.ssrc(),
        length: header.payload().len(),
    }
}

fn rtp(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(172, 0xd5);
    packet
}

/// The office sends a packet; what the phone gets.
fn speak(shard: &mut Shard, key: Key, packet: &[u8], now: u64) -> Heard {
    let mut room = packet.to_vec();
    let mut data = Datagram::new(&mut room, packet.len());
    let verdict = shard.packet(key, at(OFFICE), &mut data, now);
    assert!(matches!(verdict, Verdict::Forward { to, .. } if to == at(PHONE)));
    heard(data.bytes())
}

/// What the phone hears of music until a time, with the times.
fn listen(shard: &mut Shard, until: u64) -> Vec<(u64, Vec<u8>)> {
    let mut told = Vec::new();
    while let Some(due) = shard.next_deadline().filter(|due| *due <= until) {
        shard.wake(due);
        while let Some(transmit) = shard.poll_transmit() {
            assert_eq!(transmit.to, at(PHONE));
            shard.forwarded(transmit.via, transmit.bytes.len(), true); // the driver's word
            told.push((due, transmit.bytes));
        }
    }
    told
}

const ALAW: Format = Format {
    payload_type: 8,
    clock: 8000,
    codec: Codec::Pcma,
};

#[test]
fn music_goes_on_with_the_stream_and_the_stream_goes_on_after_it() {
    let (mut shard, [[phone, _], [office, _]]) = call(&[ALAW]);
    for number in 0..3_u16 {
        let stamp = 4_000_000_000 + u32::from(number) * 160;
        speak(
            &mut shard,
            office,
            &rtp(8, 65_533 + number, stamp, 9),
            u64::from(number) * 20,
        );
    }
    shard.play(CALL, 0, 0, Some(music()), 100);
    let played = listen(&mut shard, 1_000);
    let times: Vec<u64> = played.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, (600..=1_000).step_by(20).collect::<Vec<_>>());
    let first = heard(&played[0].1);
    let wanted = Heard {
        payload_type: 8,
        marker: true,
        sequence: 0,
        timestamp: 4_000_000_320 + 560 * 8, // by the time that has passed
        ssrc: 9,
        length: 160,
    };
    assert_eq!(first, wanted);
    for (number, (_, bytes)) in played.iter().enumerate() {
        let number = number as u32;
        let next = Heard {
            marker: number == 0,
            sequence: number as u16,
            timestamp: wanted.timestamp + number * 160,
            ..wanted
        };
        assert_eq!(heard(bytes), next);
    }
    assert!(played[0].1[12..]
        .iter()
        .any(|byte| *byte != played[0].1[12]));
    let stats = shard.stats(CALL, 1_000).expect("there");
    assert_eq!(
        (stats[0].local, stats[0].counters.sent_packets),
        (at("192.168.64.96:35000"), 21)
    );
    shard.play(CALL, 0, 0, None, 1_005);
    assert_eq!(listen(&mut shard, 5_000), []);
    // The office's clock stood still meanwhile; its numbers begin where they had ended.
    let resumed = speak(&mut shard, office, &rtp(8, 0, 4_000_000_480, 9), 1_010);
    let last = heard(&played[20].1);
    assert_eq!(
        (resumed.sequence, resumed.timestamp),
        (21, last.timestamp + 160)
    );
    let next = speak(&mut shard, office, &rtp(8, 1, 4_000_000_640, 9), 1_030);
    assert_eq!((next.sequence, next.timestamp), (22, last.timestamp + 320));
    let other = speak(&mut shard, office, &rtp(8, 77, 5, 10), 1_050);
    assert_eq!((other.sequence, other.timestamp, other.ssrc), (77, 5, 10));
    let _ = phone;
}

#[test]
fn the_holders_own_music_comes_first() {
    let (mut shard, [_, [office, _]]) = call(&[ALAW]);
    shard.play(CALL, 0, 0, Some(music()), 0);
    for number in 0..100_u16 {
        let now = u64::from(number) * 20;
        assert_eq!(listen(&mut shard, now), []);
        let sent = speak(
            &mut shard,
            office,
            &rtp(8, number, u32::from(number) * 160, 9),
            now,
        );
        assert_eq!(sent.sequence, number);
    }
    let played = listen(&mut shard, 2_600); // the last was at 1980
    assert_eq!(played.first().map(|(at, _)| *at), Some(2_480));
    let sent = speak(&mut shard, office, &rtp(8, 100, 16_000 + 4_960, 9), 2_610);
    let last = heard(&played.last().expect("heard").1);
    assert_eq!(sent.sequence, last.sequence + 1);
    assert!(sent.timestamp > last.timestamp);
    assert_eq!(listen(&mut shard, 3_100), []);
    let again = listen(&mut shard, 3_110);
    assert_eq!(heard(&again[0].1).sequence, sent.sequence + 1);
    assert!(heard(&again[0].1).marker);
}

#[test]
fn each_codec_has_its_frames_and_clock() {
    for (format, length, step) in [
        (format(0, Codec::Pcmu, 8000), Some(160), 160),
        (format(9, Codec::G722, 8000), Some(160), 160),
        (format(96, Codec::Opus, 48_000), None, 960),
    ] {
        let event = Format {
            payload_type: 101,
            clock: 8000,
            codec: Codec::TelephoneEvent,
        };
        let (mut shard, _) = call(&[event, format]);
        shard.play(CALL, 0, 0, Some(music()), 0);
        let played: Vec<Heard> = listen(&mut shard, 1_700)
            .iter()
            .map(|(_, one)| heard(one))
            .collect();
        assert_eq!(
            played.len(),
            61,
            "the piece is played again from its beginning"
        );
        assert!(played
            .iter()
            .all(|one| one.payload_type == format.payload_type));
        assert!(played
            .iter()
            .all(|one| length.is_none_or(|length| one.length == length)));
        assert_eq!(played[1].timestamp.wrapping_sub(played[0].timestamp), step);
    }
}

#[test]
fn a_codec_that_cannot_be_made_is_silence() {
    let (mut shard, _) = call(&[format(18, Codec::G729, 8000)]);
    shard.play(CALL, 0, 0, Some(music()), 0);
    assert_eq!(listen(&mut shard, 2_000), []);
}

#[test]
fn a_held_side_with_keys_hears_srtp() {
    let (mut shard, [_, [office, _]]) = call(&[ALAW]);
    let suite = Suite::from_name("AES_CM_128_HMAC_SHA1_80").expect("known");
    let key = |byte| MasterKey::new(suite, &[byte; 30]).expect("its length");
    let keys = Protection::Srtp {
        receive: key(1),
        send: key(2),
    };
    shard.protect(CALL, 0, 0, keys);
    let mut room = rtp(8, 5, 0, 9);
    room.resize(300, 0);
    shard.packet(office, at(OFFICE), &mut Datagram::new(&mut room, 172), 0);
    shard.play(CALL, 0, 0, Some(music()), 0);
    let mut receiver = srtp::Receiver::new(key(2));
    for (number, (_, mut bytes)) in listen(&mut shard, 800).into_iter().enumerate() {
        assert_eq!(bytes.len(), 182);
        let length = receiver.unprotect_rtp(&mut bytes).expect("authentic");
        assert_eq!(heard(&bytes[..length]).sequence, 6 + number as u16);
    }
}

#[test]
fn nothing_is_played_to_nobody_and_a_closed_stream_is_silent() {
    let (mut shard, _) = call(&[ALAW]);
    let muted = Remote {
        rtp: Some(at(PHONE)),
        muted: true,
        ..Remote::default()
    };
    shard.signal(CALL, 0, 0, &muted);
    shard.play(CALL, 0, 0, Some(music()), 0);
    assert_eq!(listen(&mut shard, 1_000), []);
    shard.close(CALL, 0, 1_000);
    assert_eq!(listen(&mut shard, 9_000), []);
    assert_eq!(shard.next_deadline(), None);
    assert!(Music::new(&[0; 100], 16_000).is_err());
    assert!(Music::new(&[0; 40_000], 44_100).is_err());
}
