//! Music towards a side that is on hold. It goes on with the source that the side has heard so far: the
//! same SSRC, the next sequence numbers, the timestamps that time has brought. What the other side sends
//! later from that source is counted on from there, so the side hears one stream without a jump.
//!
//! The other side's own packets come first: music begins, and begins again, when nothing of theirs has
//! passed for half a second.

use std::sync::Arc;

use rtp::{Class, RtpHeader, RTP_FIXED};

use super::{Shard, GROWTH};
use crate::format::Format;
use crate::keeper::name_of;
use crate::music::{Music, FRAME};
use crate::types::{Datagram, Key};
use crate::{Millis, SideIndex};

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

    /// Where music has gone on with a source of ours: its last timestamp, and when. What follows is of
    /// the source itself, which counts on from there without a shift.
    pub fn behind_music(&mut self, ssrc: u32) -> Option<(u32, Millis)> {
        let ours = |one: &&mut Sent| one.ours && one.ssrc == ssrc;
        let last = self.last.as_mut().filter(ours)?;
        last.ours = false;
        Some((last.timestamp, last.at))
    }

    /// Whether the last packet was music.
    fn ends_with_ours(&self) -> bool {
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
    fn play(&mut self, fresh: u32, now: Millis) -> Option<Vec<u8>> {
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

impl Shard {
    /// Plays music towards one side of a stream while the other sends nothing; None: no longer.
    pub fn play(
        &mut self,
        session: u64,
        stream: u16,
        side: SideIndex,
        music: Option<Arc<Music>>,
        now: Millis,
    ) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        let home = keys[side][0];
        if let Some(senses) = self.senses(home) {
            let due = now + QUIET;
            senses.outlet.playing = music.map(|music| Playing {
                music,
                frame: 0,
                due,
                format: None,
                runs: false,
            });
            if senses.outlet.playing.is_some() {
                self.beats.insert((due, home.to_bits()));
            }
        }
        self.resettle(&keys);
    }

    /// Sends the music that is due.
    pub(super) fn beat(&mut self, now: Millis) {
        while self.beats.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, bits)) = self.beats.pop_first() else {
                return;
            };
            let home = Key::from_bits(bits);
            self.choose_format(home);
            let fresh = name_of((bits, now)) as u32;
            let Some(outlet) = self.senses(home).map(|one| &mut one.outlet) else {
                continue;
            };
            let packet = outlet.play(fresh, now);
            if let Some(due) = outlet.playing.as_ref().map(|one| one.due) {
                self.beats.insert((due, bits));
            }
            if let Some(packet) = packet {
                self.emit(home, packet, now);
            }
        }
    }

    /// In what music is played: what the side was sent last, else the first that it takes.
    fn choose_format(&mut self, home: Key) {
        let across = self.port(home).map(|port| port.peers[0]);
        let theirs = across.and_then(|key| self.port(key)?.senses.as_ref());
        let theirs = theirs
            .map_or(&[][..], |one| one.observer.formats())
            .to_vec();
        let Some(senses) = self.senses(home) else {
            return;
        };
        let wanted = senses
            .outlet
            .playing
            .as_ref()
            .is_some_and(|one| one.format.is_none());
        if !wanted {
            return;
        }
        let own = senses.observer.formats();
        let last = senses.outlet.last.map(|one| one.payload_type);
        let fits = |one: &&Format| Music::has(one.codec) && own.contains(one);
        let format = theirs
            .iter()
            .filter(fits)
            .find(|one| Some(one.payload_type) == last)
            .or_else(|| theirs.iter().find(fits))
            .or_else(|| own.iter().find(|one| Music::has(one.codec)))
            .copied();
        if let Some(playing) = &mut senses.outlet.playing {
            playing.format = format;
        }
    }

    /// Puts a packet of ours on its way to a side, in the form that is agreed there.
    fn emit(&mut self, home: Key, packet: Vec<u8>, now: Millis) {
        self.voice_behind(home, &packet);
        self.dispatch(home, Class::Rtp, packet, now);
    }

    /// Notes a packet of RTP in the clear that is about to leave through a side's port.
    pub(super) fn note_outlet(&mut self, exit: Key, data: &mut Datagram<'_>, now: Millis) {
        let follows = self
            .senses(exit)
            .is_some_and(|one| one.outlet.ends_with_ours());
        let clock = if follows { self.clock_towards(exit) } else { 0 };
        if let Some(senses) = self.senses(exit) {
            senses.outlet.leaves(data, clock, now);
        }
    }

    /// The clock of what a side is sent.
    fn clock_towards(&self, exit: Key) -> u32 {
        let across = self.port(exit).map(|port| port.peers[0]);
        let senses = across.and_then(|key| self.port(key)?.senses.as_ref());
        senses.and_then(|one| one.observer.clock()).unwrap_or(8_000)
    }
}

fn ticks(time: Millis, clock: u32) -> u32 {
    (time * u64::from(clock) / 1000) as u32
}
