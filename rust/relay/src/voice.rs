//! What one side of a transcoded stream gets: a source of ours, whatever the other side sends.
//!
//! Sequence numbers are ours and have no gaps but those of pauses; timestamps follow those of the
//! sender in the receiver's clock. Packets that do not come are made up, up to 120 ms of them, when the
//! next has come; what comes late after that is dropped. Pauses of the sender (silence suppression) are
//! pauses here, with the marker behind them.

mod speech;

use codec::{Codec, Tuning};
use rtp::{RtpHeader, RTP_FIXED};

use speech::Coder;

use crate::format::{self, Format};
use crate::Millis;

/// Timestamps that lie further apart than this, in seconds, are not of one run.
const FAR: u32 = 30;
/// Milliseconds of speech in a packet where nothing else is known.
const USUAL_FRAME: u32 = 20;

/// What signaling says that a side gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// Milliseconds of speech in a packet (a=ptime); None: as many as the sender's packets have.
    pub frame: Option<u32>,
    /// At most so many (a=maxptime).
    pub longest: Option<u32>,
    /// Payload type and clock of telephone-events; None: it does not know them.
    pub events: Option<(u8, u32)>,
    /// Payload type of comfort noise (RFC 3389); None: it does not know it.
    pub noise: Option<u8>,
    /// What it asked of the encoder.
    pub tuning: Tuning,
    /// Payload types of the sender, as bits, that the side cannot read though it shares others: with
    /// the first packet of these it is transcoded, and passes as it is until then. None: all is
    /// transcoded from the beginning.
    pub wakes: Option<u128>,
}

/// Where a source of ours begins: to be drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its name.
    pub ssrc: u32,
    /// The first sequence number.
    pub sequence: u16,
    /// The first timestamp.
    pub timestamp: u32,
}

/// How far a source of ours has come; what outlives the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Ours.
    pub ssrc: u32,
    /// Of the next packet.
    pub sequence: u16,
    /// A moment in both clocks: the sender's source and timestamp, and ours.
    pub theirs: (u32, u32),
    /// The same moment in the receiver's clock.
    pub timestamp: u32,
    /// Packets and payload bytes sent.
    pub sent: (u32, u32),
}

/// A packet that is to leave.
#[derive(Debug)]
pub(crate) struct Made {
    pub bytes: Vec<u8>,
    pub event: bool,
}

/// Makes what one side gets.
#[derive(Debug)]
pub(crate) struct Voice {
    pub wanted: Wanted,
    pub course: Course,
    /// The last packet of speech left with this timestamp, then.
    pub left: Option<(u32, Millis)>,
    coder: Option<Coder>,
    /// The sender's next timestamp.
    expected: Option<u32>,
    /// Events, noise or a pause lie between what comes and what came.
    paused: bool,
    /// Samples that do not fill a frame yet; `course` stands at the first of them.
    pending: Vec<i16>,
}

impl Voice {
    /// `before`: what a voice of this source had come to in the process before this one.
    pub fn new(wanted: Wanted, origin: Origin, before: Option<Course>) -> Self {
        let fresh = Course {
            ssrc: origin.ssrc,
            sequence: origin.sequence,
            timestamp: origin.timestamp,
            ..Course::default()
        };
        let course = before.filter(|one| one.ssrc == origin.ssrc);
        Self {
            wanted,
            course: course.unwrap_or(fresh),
            left: None,
            coder: None,
            expected: course.map(|one| one.theirs.1),
            paused: true,
            pending: Vec::new(),
        }
    }

    /// Takes what signaling wants from now on: the source stays.
    pub fn change(&mut self, wanted: Wanted) {
        if self.wanted != wanted {
            if self.wanted.codec.clock() != wanted.codec.clock() {
                self.expected = None; // the moment is not the same in the new clock
            }
            self.wanted = wanted;
            self.coder = None;
            self.pending.clear();
            self.paused = true;
        }
    }

    /// Music went on with the source: what is said next follows its timestamp.
    pub fn go_on(&mut self, left: (u32, Millis)) {
        self.left = Some(left);
        self.expected = None;
    }

    /// Takes a packet of the sender, appends what is to leave; false: it is nothing for this side.
    pub fn take(
        &mut self,
        header: &RtpHeader<'_>,
        format: Format,
        now: Millis,
        made: &mut Vec<Made>,
    ) -> bool {
        match format.codec {
            format::Codec::TelephoneEvent => self.event(header, format, now, made),
            format::Codec::ComfortNoise => self.noise(header, now, made),
            _ => match format.codec.voice() {
                Some(codec) => self.speech(header, codec, now, made),
                None => false,
            },
        }
    }

    /// How far a packet lies behind what was expected, in units of its clock: less than none where it
    /// is late. Another source, or another run of the same, is taken up where the last was.
    fn follow(&mut self, header: &RtpHeader<'_>, clock: u32, now: Millis) -> i32 {
        let apart = |at: u32| header.timestamp().wrapping_sub(at) as i32;
        let same = self.course.theirs.0 == header.ssrc();
        let near = |at: &u32| apart(*at).unsigned_abs() < clock.saturating_mul(FAR);
        if let Some(at) = self.expected.filter(|at| same && near(at)) {
            return apart(at);
        }
        // The time that passed since is the best guess of where the new run begins.
        let ours = self.wanted.codec.clock();
        if let Some((timestamp, then)) = self.left {
            let passed = now.saturating_sub(then).max(Millis::from(USUAL_FRAME));
            let passed = passed.saturating_mul(u64::from(ours / 1000)) as u32;
            self.course.timestamp = timestamp.wrapping_add(passed);
        } else if self.expected.is_some() {
            // Of the process before: a second will have passed.
            self.course.timestamp = self.course.timestamp.wrapping_add(ours);
        }
        self.course.theirs = (header.ssrc(), header.timestamp());
        self.expected = Some(header.timestamp());
        self.pending.clear();
        self.paused = true;
        0
    }

    /// Our timestamp of the sender's.
    fn stamp(&self, timestamp: u32, clock: u32) -> u32 {
        let apart = i64::from(timestamp.wrapping_sub(self.course.theirs.1) as i32);
        let ours = i64::from(self.wanted.codec.clock());
        let passed = apart * ours / i64::from(clock.max(1));
        self.course.timestamp.wrapping_add(passed as u32)
    }

    /// A telephone-event: its duration in the receiver's clock.
    fn event(
        &mut self,
        header: &RtpHeader<'_>,
        format: Format,
        now: Millis,
        made: &mut Vec<Made>,
    ) -> bool {
        let (Some((number, clock)), &[event, flags, high, low, ..]) =
            (self.wanted.events, header.payload())
        else {
            return false;
        };
        let theirs = self.clock().unwrap_or(format.clock);
        self.follow(header, theirs, now);
        let duration = u64::from(u16::from_be_bytes([high, low]));
        let duration = duration * u64::from(clock) / u64::from(format.clock.max(1));
        let duration = u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes();
        let mut bytes = vec![0; RTP_FIXED];
        bytes.extend([event, flags, duration[0], duration[1]]);
        let timestamp = self.stamp(header.timestamp(), theirs);
        self.send(bytes, (number, header.marker(), timestamp), true, made);
        self.paused = true;
        true
    }

    fn noise(&mut self, header: &RtpHeader<'_>, now: Millis, made: &mut Vec<Made>) -> bool {
        let theirs = self.clock().unwrap_or(8_000);
        self.paused = true;
        let Some(number) = self.wanted.noise.filter(|_| header.payload().len() <= 32) else {
            return false;
        };
        if self.follow(header, theirs, now) < 0 {
            return true;
        }
        let mut bytes = vec![0; RTP_FIXED];
        bytes.extend(header.payload());
        let timestamp = self.stamp(header.timestamp(), theirs);
        self.send(bytes, (number, header.marker(), timestamp), false, made);
        true
    }

    /// The clock of what comes, once something has come.
    fn clock(&self) -> Option<u32> {
        Some(self.coder.as_ref()?.decoder.codec().clock())
    }

    /// Puts a header before a payload.
    fn send(
        &mut self,
        mut bytes: Vec<u8>,
        (number, marker, timestamp): (u8, bool, u32),
        event: bool,
        made: &mut Vec<Made>,
    ) {
        let course = &mut self.course;
        bytes[0] = 0x80;
        bytes[1] = number & 0x7f | if marker { 0x80 } else { 0 };
        bytes[2..4].copy_from_slice(&course.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&course.ssrc.to_be_bytes());
        course.sequence = course.sequence.wrapping_add(1);
        course.sent.0 = course.sent.0.wrapping_add(1);
        course.sent.1 = course.sent.1.wrapping_add((bytes.len() - RTP_FIXED) as u32);
        made.push(Made { bytes, event });
    }
}
