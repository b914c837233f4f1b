//! The stream of RTP that one side is sent: how far it has come, the music that goes on with it, and
//! what its source's later packets are shifted by.

use std::sync::Arc;

use rtp::{RtpHeader, RTP_FIXED};

use super::GROWTH;
use crate::format::Format;
use crate::music::{Music, Tail, FRAME};
use crate::types::Datagram;
use crate::Millis;

/// How long the other side must have been silent.
const QUIET: Millis = 500;
/// More than this behind, the beat begins anew: what a busy machine missed is not made up for.
const LATE: Millis = 200;
const MARKER: u8 = 0x80;

/// The stream of RTP that one side is sent.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    last: Option<Sent>,
    /// What is added to the packets of a source that music went on with.
    shift: Option<Shift>,
    playing: Option<Playing>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    at: Millis,
    /// It was music.
    ours: bool,
}

/// What is added to the numbers of a source.
#[derive(Clone, Copy, Debug)]
struct Shift {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

#[derive(Debug)]
struct Playing {
    music: Arc<Music>,
    frame: usize,
    due: Millis,
    format: Option<Format>,
    /// The last packet was of the piece: the next follows it.
    runs: bool,
}

impl Outlet {
    /// Whether packets pass as they are, and there are none of ours.
    pub fn idle(&self) -> bool {
        self.playing.is_none() && self.shift.is_none()
    }

    /// Music is to be played from now on, or no longer; returns when the first packet is due.
    pub fn set_music(&mut self, music: Option<Arc<Music>>, now: Millis) -> Option<Millis> {
        self.playing = music.map(|music| Playing {
            music,
            frame: 0,
            due: now + QUIET,
            format: None,
            runs: false,
        });
        self.due()
    }

    /// When the next packet of music is due.
    pub fn due(&self) -> Option<Millis> {
        self.playing.as_ref().map(|one| one.due)
    }

    /// Music is to be played, and nobody has said in which format.
    pub fn wants_format(&self) -> bool {
        let playing = self.playing.as_ref();
        playing.is_some_and(|one| one.format.is_none())
    }

    /// Music is played in this format.
    pub fn choose(&mut self, format: Option<Format>) {
        if let Some(playing) = &mut self.playing {
            playing.format = format;
        }
    }

    /// The payload type of the last packet.
    pub fn payload_type(&self) -> Option<u8> {
        self.last.map(|one| one.payload_type)
    }

    /// What the process after this one must know; None: packets pass under their own numbers.
    pub fn tail(&self) -> Option<Tail> {
        let last = self.last?;
        let shift = self.shift;
        (last.ours || shift.is_some()).then(|| Tail {
            ssrc: last.ssrc,
            payload_type: last.payload_type,
            sequence: last.sequence,
            timestamp: last.timestamp,
            ours: last.ours,
            shift: shift.map(|one| (one.ssrc, one.sequence, one.timestamp)),
        })
    }

    /// Goes on where the process before this one was; what it sent last was sent when this one began.
    pub fn resume(&mut self, tail: Tail) {
        self.last = Some(Sent {
            ssrc: tail.ssrc,
            payload_type: tail.payload_type,
            sequence: tail.sequence,
            timestamp: tail.timestamp,
            at: 0,
            ours: tail.ours,
        });
        self.shift = tail.shift.map(|(ssrc, sequence, timestamp)| Shift {
            ssrc,
            sequence,
            timestamp,
        });
    }

    /// Where music has gone on with a source of ours: its last timestamp, and when. What follows is of
    /// the source itself, which counts on from there without a shift.
    pub fn behind_music(&mut self, ssrc: u32) -> Option<(u32, Millis)> {
        let ours = |one: &&mut Sent| one.ours && one.ssrc == ssrc;
        let last = self.last.as_mut().filter(ours)?;
        last.ours = false;
        Some((last.timestamp, last.at))
    }

    /// Whether the last packet was music.
    pub fn ends_with_ours(&self) -> bool {
        self.last.is_some_and(|one| one.ours)
    }

    /// Takes a packet that leaves, and counts it on from what was played.
    pub fn leaves(&mut self, data: &mut Datagram<'_>, clock: u32, now: Millis) {
        let Some(header) = RtpHeader::parse(data.bytes()) else {
            return;
        };
        let (ssrc, payload_type) = (header.ssrc(), header.payload_type());
        let (mut sequence, mut timestamp) = (header.sequence(), header.timestamp());
        if let Some(last) = self.last.filter(|one| one.ours && one.ssrc == ssrc) {
            let before = self.shift.filter(|one| one.ssrc == ssrc);
            let shifted = timestamp.wrapping_add(before.map_or(0, |one| one.timestamp));
            let next = last.timestamp.wrapping_add(ticks(FRAME, clock));
            let behind = (shifted.wrapping_sub(next) as i32) < 0;
            self.shift = Some(Shift {
                ssrc,
                sequence: last.sequence.wrapping_add(1).wrapping_sub(sequence),
                timestamp: if behind { next } else { shifted }.wrapping_sub(timestamp),
            });
        }
        if let Some(shift) = self.shift.filter(|one| one.ssrc == ssrc) {
            sequence = sequence.wrapping_add(shift.sequence);
            timestamp = timestamp.wrapping_add(shift.timestamp);
            data.room[2..4].copy_from_slice(&sequence.to_be_bytes());
            data.room[4..8].copy_from_slice(&timestamp.to_be_bytes());
        }
        self.last = Some(Sent {
            ssrc,
            payload_type,
            sequence,
            timestamp,
            at: now,
            ours: false,
        });
        if let Some(playing) = &mut self.playing {
            (playing.due, playing.runs) = (now + QUIET, false);
        }
    }

    /// The kernel has sent so many packets of the last source since.
    pub fn kernel(&mut self, packets: u64) {
        if let Some(last) = &mut self.last {
            last.sequence = last.sequence.wrapping_add(packets as u16);
        }
    }

    /// The next packet of music, where it is due; `fresh` is the source where there was none.
    pub fn play(&mut self, fresh: u32, now: Millis) -> Option<Vec<u8>> {
        let playing = self.playing.as_mut().filter(|one| one.due <= now)?;
        let late = now - playing.due > LATE;
        playing.due = if late { now } else { playing.due } + FRAME;
        let format = playing.format?;
        let frames = playing.music.frames(format.codec)?;
        let payload = frames.get(playing.frame).or_else(|| frames.first())?;
        playing.frame = (playing.frame + 1) % frames.len();
        let last = self.last.unwrap_or(Sent {
            ssrc: fresh,
            payload_type: format.payload_type,
            sequence: fresh as u16,
            timestamp: fresh.rotate_left(16),
            at: now,
            ours: true,
        });
        let marker = if playing.runs { 0 } else { MARKER };
        // A pause takes the time that it took.
        let passed = if playing.runs {
            FRAME
        } else {
            (now - last.at).max(FRAME)
        };
        playing.runs = true;
        let sent = Sent {
            payload_type: format.payload_type,
            sequence: last.sequence.wrapping_add(1),
            timestamp: last.timestamp.wrapping_add(ticks(passed, format.clock)),
            at: now,
            ours: true,
            ..last
        };
        self.last = Some(sent);
        let mut packet = Vec::with_capacity(RTP_FIXED + payload.len() + GROWTH);
        packet.extend([0x80, marker | sent.payload_type]);
        packet.extend(sent.sequence.to_be_bytes());
        packet.extend(sent.timestamp.to_be_bytes());
        packet.extend(sent.ssrc.to_be_bytes());
        packet.extend_from_slice(payload);
        Some(packet)
    }
}

fn ticks(time: Millis, clock: u32) -> u32 {
    (time * u64::from(clock) / 1000) as u32
}
