//! Telephone-events (RFC 4733) that the relay takes out of a stream, or puts into it.
//!
//! An event takes the place of speech packets: it has their source and sequence numbers, the
//! timestamp of the first that it replaces, and the marker on its first packet. That is what a phone
//! does itself while a key is pressed, so receivers need no second source and see no gap.

use std::collections::VecDeque;

use rtp::RtpHeader;

use crate::types::Datagram;
use crate::Millis;

/// Digits that wait; more than anybody presses while one is played.
const MAX_WAITING: usize = 32;
/// How often the last packet of an event is sent (RFC 4733 section 2.5.1.4).
const ENDS: u8 = 3;
/// Packets of speech between two events: receivers want a pause of 40 ms (Q.24).
const PAUSE: u8 = 2;
/// The shortest and longest event, in milliseconds.
const SHORTEST: Millis = 40;
const LONGEST: Millis = 5_000;
/// How long a digit waits for speech whose place it can take.
const FRESH: Millis = 5_000;
/// Volume: 10 dB under the reference (RFC 4733 section 2.3.1).
const VOLUME: u8 = 10;
/// Header and payload of an event packet.
const LENGTH: usize = 16;
/// Speech in a packet until two packets have told.
const USUAL_FRAME_MS: u32 = 20;

/// The event code of a digit; None for what is no digit.
pub(crate) fn code(digit: char) -> Option<u8> {
    let known = "0123456789*#ABCD!";
    let at = known.find(digit.to_ascii_uppercase())?;
    u8::try_from(at).ok()
}

/// What is done with the events of the packets that leave towards one side.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// None are to leave: signaling tells them.
    pub withheld: bool,
    run: Option<Run>,
    /// Code, duration, and until when it may begin.
    waiting: VecDeque<(u8, Millis, Millis)>,
    playing: Option<Playing>,
    pause: u8,
}

/// The source that leaves, and what was taken out of its sequence.
#[derive(Clone, Copy, Debug)]
struct Run {
    ssrc: u32,
    removed: u16,
    timestamp: u32,
    frame: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Playing {
    code: u8,
    duration: Millis,
    begin: Option<u32>,
    ends: u8,
    sent: u32,
    last: u16,
}

/// The payload type of the events that the receiver takes, and its clock.
pub(crate) type EventFormat = (u8, u32);

impl Events {
    /// Puts a digit into the stream; false: it is none, or too many wait.
    pub fn dial(&mut self, digit: char, duration: Millis, now: Millis) -> bool {
        self.waiting.retain(|(_, _, until)| *until >= now);
        let Some(code) = code(digit).filter(|_| self.waiting.len() < MAX_WAITING) else {
            return false;
        };
        let duration = duration.clamp(SHORTEST, LONGEST);
        self.waiting.push_back((code, duration, now + FRESH));
        true
    }

    /// Whether packets pass as they are.
    pub fn idle(&self) -> bool {
        let removed = self.run.is_some_and(|run| run.removed != 0);
        !self.withheld && !removed && self.playing.is_none() && self.waiting.is_empty()
    }

    /// Changes a packet of RTP that is about to leave; false: it is not to leave.
    ///
    /// `event`: what the packet is, `format`: what the receiver calls an event.
    pub fn leaves(
        &mut self,
        data: &mut Datagram<'_>,
        event: bool,
        format: Option<EventFormat>,
        now: Millis,
    ) -> bool {
        if self.idle() {
            return true;
        }
        let Some(header) = RtpHeader::parse(data.bytes()) else {
            return true;
        };
        let (ssrc, sequence, timestamp) = (header.ssrc(), header.sequence(), header.timestamp());
        let run = self.run.get_or_insert(Run {
            ssrc,
            removed: 0,
            timestamp,
            frame: None,
        });
        if run.ssrc != ssrc {
            *run = Run {
                ssrc,
                removed: 0,
                timestamp,
                frame: None,
            };
        }
        if event && self.withheld {
            run.removed = run.removed.wrapping_add(1);
            return false;
        }
        let sequence = sequence.wrapping_sub(run.removed);
        data.room[2..4].copy_from_slice(&sequence.to_be_bytes());
        if event {
            return true;
        }
        let apart = timestamp.wrapping_sub(run.timestamp);
        if apart != 0 && apart < 8_000 {
            run.frame = Some(apart);
        }
        run.timestamp = timestamp;
        if let Some(format) = format {
            self.waiting.retain(|(_, _, until)| *until >= now);
            self.play(data, timestamp, format);
        }
        true
    }

    /// Makes a packet of speech one of the event that is to be heard.
    fn play(&mut self, data: &mut Datagram<'_>, timestamp: u32, (number, clock): EventFormat) {
        if self.playing.is_none() {
            if self.pause > 0 {
                self.pause -= 1;
                return;
            }
            self.playing = self.waiting.pop_front().map(|(code, duration, _)| Playing {
                code,
                duration,
                begin: None,
                ends: 0,
                sent: 0,
                last: 0,
            });
        }
        let frame = self.run.and_then(|run| run.frame);
        let frame = frame.unwrap_or(clock * USUAL_FRAME_MS / 1000);
        let Some(playing) = self.playing.as_mut() else {
            return;
        };
        if data.room.len() < LENGTH {
            return;
        }
        let first = playing.begin.is_none();
        let begin = *playing.begin.get_or_insert(timestamp);
        if playing.ends == 0 {
            playing.sent += 1;
            // A source whose timestamps stand still would never be done.
            let stamped = timestamp.wrapping_sub(begin).wrapping_add(frame);
            let units = stamped.max(playing.sent.saturating_mul(frame));
            playing.last = u16::try_from(units).unwrap_or(u16::MAX);
            let wanted = playing.duration * u64::from(clock) / 1000;
            playing.ends = u8::from(u64::from(playing.last) >= wanted);
        } else {
            playing.ends += 1;
        }
        let end = if playing.ends > 0 { 0x80 } else { 0 };
        data.room[0] = 0x80;
        data.room[1] = number | if first { 0x80 } else { 0 };
        data.room[4..8].copy_from_slice(&begin.to_be_bytes());
        data.room[12] = playing.code;
        data.room[13] = end | VOLUME;
        data.room[14..16].copy_from_slice(&playing.last.to_be_bytes());
        data.length = LENGTH;
        if playing.ends == ENDS {
            self.playing = None;
            self.pause = PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Option<EventFormat> = Some((101, 8000));

    /// One packet through: (sequence, marker, payload type, timestamp, payload).
    fn through(
        events: &mut Events,
        number: u16,
        event: bool,
    ) -> Option<(u16, bool, u8, u32, Vec<u8>)> {
        let mut room = vec![0x80, if event { 101 } else { 8 }];
        room.extend(number.to_be_bytes());
        room.extend((u32::from(number) * 160).to_be_bytes());
        room.extend([0, 0, 0, 7]);
        room.resize(if event { 16 } else { 172 }, 0xd5);
        let length = room.len();
        let mut data = Datagram::new(&mut room, length);
        if !events.leaves(&mut data, event, FORMAT, 0) {
            return None;
        }
        let header = RtpHeader::parse(data.bytes()).expect("well formed");
        Some((
            header.sequence(),
            header.marker(),
            header.payload_type(),
            header.timestamp(),
            header.payload().to_vec(),
        ))
    }

    #[test]
    fn withheld_events_leave_no_gap_in_the_sequence() {
        let mut events = Events {
            withheld: true,
            ..Events::default()
        };
        assert_eq!(through(&mut events, 1, false).map(|one| one.0), Some(1));
        assert_eq!(through(&mut events, 2, true), None);
        assert_eq!(through(&mut events, 3, true), None);
        assert_eq!(through(&mut events, 4, false).map(|one| one.0), Some(2));
    }

    #[test]
    fn a_digit_takes_the_place_of_speech() {
        let mut events = Events::default();
        through(&mut events, 1, false);
        assert!(events.dial('#', 60, 0));
        let heard: Vec<_> = (2..9)
            .map(|number| through(&mut events, number, false).expect("it leaves"))
            .collect();
        let head: Vec<_> = heard.iter().map(|one| (one.0, one.1, one.2)).collect();
        assert_eq!(
            head,
            [
                (2, true, 101),
                (3, false, 101),
                (4, false, 101),
                (5, false, 101),
                (6, false, 101),
                (7, false, 8),
                (8, false, 8)
            ]
        );
        assert!(heard[..5].iter().all(|one| one.3 == 320));
        let payloads: Vec<_> = heard[..5].iter().map(|one| &one.4[..]).collect();
        assert_eq!(
            payloads,
            [
                &[11, 10, 0, 160][..],
                &[11, 10, 1, 64],
                &[11, 0x8a, 1, 224],
                &[11, 0x8a, 1, 224],
                &[11, 0x8a, 1, 224]
            ]
        );
        assert!(events.idle());
    }

    #[test]
    fn two_digits_have_a_pause_between_them() {
        let mut events = Events::default();
        assert!(events.dial('1', 1, 0) && events.dial('2', 1, 0));
        let types: Vec<_> = (1..12)
            .map(|number| through(&mut events, number, false).expect("it leaves").2)
            .collect();
        assert_eq!(types, [101, 101, 101, 101, 8, 8, 101, 101, 101, 101, 8]);
    }

    #[test]
    fn what_is_no_digit_and_a_flood_are_refused() {
        let mut events = Events::default();
        assert!(!events.dial('x', 100, 0));
        assert!((0..MAX_WAITING).all(|_| events.dial('d', 100, 0)));
        assert!(!events.dial('1', 100, 0));
        assert!(
            events.dial('1', 100, FRESH + 1),
            "those that waited too long are gone"
        );
    }
}
