//! A death while a side hears music, or after: its stream goes on without a number that it has seen.

use std::sync::Arc;

use relay::{Before, Codec, Format, Keeper, Key, Music, Shard, Suite, Verdict};
use rtp::RtpHeader;
use srtp::Receiver;

use super::{master, memory, pass, process, rtp, CALL, OFFICE};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const ALAW: Format = Format {
    payload_type: 8,
    clock: 8_000,
    codec: Codec::Pcma,
};

/// One process after another with the phone outside, which is held, and the office inside.
struct Call {
    words: &'static [std::sync::atomic::AtomicU64],
    shard: Shard,
    office: Key,
    phone: Receiver,
}

impl Call {
    fn begin() -> Self {
        let words = memory();
        let (shard, _, office) = process(words, Before::new(), CALL, SUITE);
        let phone = Receiver::new(master(SUITE, 2));
        let mut call = Self {
            words,
            shard,
            office,
            phone,
        };
        call.describe();
        call
    }

    fn describe(&mut self) {
        for side in [0, 1] {
            self.shard.describe(CALL, 0, side, &[ALAW]);
        }
    }

    /// The process dies, and another follows.
    fn die(&mut self) {
        let mut found = Before::new();
        assert!(Keeper::read(self.words, &mut found));
        self.words = memory();
        (self.shard, _, self.office) = process(self.words, found, CALL, SUITE);
        self.describe();
    }

    /// The office sends a packet; the number under which the phone takes it.
    fn speak(&mut self, sequence: u16) -> Result<u16, Verdict> {
        let packet = pass(&mut self.shard, self.office, OFFICE, &rtp(sequence))?;
        Ok(self.hear(packet))
    }

    /// Music for the phone; the numbers under which it hears some of it.
    fn play(&mut self, now: u64) -> Vec<u16> {
        let wave = |at: i32| if at % 16 < 8 { 4_000 } else { -4_000 };
        let samples: Vec<i16> = (0..16_000).map(wave).collect();
        let music = Arc::new(Music::new(&samples, 16_000).expect("encoded"));
        self.shard.play(CALL, 0, 0, Some(music), now);
        let mut heard = Vec::new();
        while heard.len() < 300 {
            let due = self.shard.next_deadline().expect("music goes on");
            self.shard.wake(due);
            while let Some(sent) = self.shard.poll_transmit() {
                heard.push(self.hear(sent.bytes));
            }
        }
        heard
    }

    fn hear(&mut self, mut packet: Vec<u8>) -> u16 {
        let length = self.phone.unprotect_rtp(&mut packet);
        let length = length.expect("authentic, and not heard before");
        let header = RtpHeader::parse(&packet[..length]).expect("RTP");
        assert_eq!(header.ssrc(), 7);
        header.sequence()
    }
}

fn numbers(first: u16) -> Vec<u16> {
    (first..first + 300).collect()
}

#[test]
fn who_comes_back_after_a_death_in_the_music_is_heard_at_once() {
    let mut call = Call::begin();
    assert_eq!(call.speak(1), Ok(1));
    assert_eq!(call.play(10), numbers(2));
    call.die();
    assert_eq!(call.speak(2), Ok(302));
    assert_eq!(call.speak(3), Ok(303));
    call.die();
    assert_eq!(call.speak(4), Ok(304), "a second death");
}

#[test]
fn who_had_come_back_before_the_death_is_heard_as_before() {
    let mut call = Call::begin();
    assert_eq!(call.speak(1), Ok(1));
    assert_eq!(call.play(10), numbers(2));
    assert_eq!(call.speak(2), Ok(302));
    call.shard.play(CALL, 0, 0, None, 7_000);
    call.die();
    assert_eq!(call.speak(3), Ok(303));
}

#[test]
fn the_music_goes_on_where_it_was() {
    let mut call = Call::begin();
    assert_eq!(call.speak(1), Ok(1));
    assert_eq!(call.play(10), numbers(2));
    call.die();
    assert_eq!(call.play(400), numbers(302));
    assert_eq!(call.speak(2), Ok(602));
}

#[test]
fn a_closed_stream_leaves_nothing_of_its_music() {
    let mut call = Call::begin();
    call.speak(1).expect("heard");
    call.play(10);
    call.shard.delete(CALL, 9_000);
    let mut found = Before::new();
    assert!(Keeper::read(call.words, &mut found));
    assert!(found.is_empty());
}
