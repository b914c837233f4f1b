//! Two sides' speech on one line of time: where each packet's samples belong in the file.

use std::collections::VecDeque;

use crate::{Millis, SideIndex};

/// How far a packet's RTP timestamp may lie from its arrival before the arrival counts: a source
/// that began anew, or whose clock runs away.
const TOLERANCE: Millis = 300;
/// How long samples wait for others that come late; longer than `TOLERANCE`, so that no packet that
/// is in time falls before what was given out.
const DELAY: Millis = 400;
/// The longest that is kept ahead of what was given out: a packet has 120 ms at most (RFC 7587).
const AHEAD: Millis = DELAY + 2 * TOLERANCE;

/// One moment: a sample of each side.
pub type Frame = [i16; 2];

/// What a packet says of its place in time.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The source.
    pub ssrc: u32,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// Units of it in a second.
    pub clock: u32,
    /// When it arrived.
    pub at: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Track {
    ssrc: u32,
    clock: u32,
    last: u32,
    /// Units since `begin`.
    units: i64,
    begin: i64,
}

/// Samples of both sides, of which the older are given out.
#[derive(Debug)]
pub struct Timeline {
    rate: u32,
    begin: Millis,
    /// Frames given out.
    done: u64,
    waiting: VecDeque<Frame>,
    tracks: [Option<Track>; 2],
}

impl Timeline {
    /// A line that begins at `begin`, with `rate` frames a second.
    pub fn new(rate: u32, begin: Millis) -> Self {
        Self {
            rate,
            begin,
            done: 0,
            waiting: VecDeque::new(),
            tracks: [None; 2],
        }
    }

    /// Frames a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Frames given out so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Puts a side's samples where they belong; what was there is spoken over, what comes too late
    /// is left out.
    pub fn place(&mut self, side: SideIndex, stamp: Stamp, samples: &[i16]) {
        let first = self.position(side, stamp);
        let most = self.done + self.frames(AHEAD);
        for (at, sample) in (first..).zip(samples) {
            let Some(offset) = u64::try_from(at)
                .ok()
                .and_then(|at| at.checked_sub(self.done))
            else {
                continue;
            };
            if self.done + offset >= most {
                return;
            }
            let offset = offset as usize;
            if self.waiting.len() <= offset {
                self.waiting.resize(offset + 1, [0; 2]);
            }
            self.waiting[offset][side] = *sample;
        }
    }

    /// Gives out everything that nothing in time can change any more; `now` is that of the last
    /// packet. At most `most` frames at once; whether that was all.
    pub fn give_out(&mut self, now: Millis, most: usize, take: impl FnMut(Frame)) -> bool {
        let end = now.saturating_sub(DELAY).saturating_sub(self.begin);
        self.until(self.frames(end), most, take)
    }

    /// Gives out all that there is, and silence up to `end`.
    pub fn finish(&mut self, end: Millis, most: usize, take: impl FnMut(Frame)) -> bool {
        let end = self.frames(end.saturating_sub(self.begin));
        self.until(end.max(self.done + self.waiting.len() as u64), most, take)
    }

    fn until(&mut self, end: u64, most: usize, mut take: impl FnMut(Frame)) -> bool {
        let wanted = end.saturating_sub(self.done);
        let now = wanted.min(most as u64);
        for _ in 0..now {
            take(self.waiting.pop_front().unwrap_or_default());
        }
        self.done += now;
        now == wanted
    }

    fn position(&mut self, side: SideIndex, stamp: Stamp) -> i64 {
        let arrived = self.frames(stamp.at.saturating_sub(self.begin)) as i64;
        let (rate, tolerance) = (i64::from(self.rate), self.frames(TOLERANCE) as i64);
        let known = self.tracks[side].as_mut();
        if let Some(track) = known.filter(|one| (one.ssrc, one.clock) == (stamp.ssrc, stamp.clock))
        {
            let apart = stamp.timestamp.wrapping_sub(track.last) as i32;
            let units = track.units + i64::from(apart);
            let position = track.begin + units * rate / i64::from(stamp.clock.max(1));
            if (position - arrived).abs() <= tolerance {
                if apart > 0 {
                    (track.units, track.last) = (units, stamp.timestamp);
                }
                return position;
            }
        }
        self.tracks[side] = Some(Track {
            ssrc: stamp.ssrc,
            clock: stamp.clock,
            last: stamp.timestamp,
            units: 0,
            begin: arrived,
        });
        arrived
    }

    fn frames(&self, time: Millis) -> u64 {
        time * u64::from(self.rate) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 160;

    fn stamp(timestamp: u32, at: Millis) -> Stamp {
        Stamp {
            ssrc: 7,
            timestamp,
            clock: 8000,
            at,
        }
    }

    fn out(line: &mut Timeline, end: Millis) -> Vec<Frame> {
        let mut frames = Vec::new();
        assert!(line.finish(end, usize::MAX, |one| frames.push(one)));
        frames
    }

    #[test]
    fn packets_stand_where_their_timestamps_say_and_gaps_are_silent() {
        let mut line = Timeline::new(8000, 1_000);
        line.place(0, stamp(500, 1_000), &[1; FRAME]);
        line.place(0, stamp(500 + 480, 1_095), &[4; FRAME]); // 35 ms late, the third is lost
        line.place(0, stamp(500 + 160, 1_100), &[2; FRAME]);
        line.place(1, stamp(9, 1_040), &[9; FRAME]);
        let frames = out(&mut line, 1_100);
        assert_eq!(frames.len(), 800);
        let left: Vec<i16> = frames.iter().step_by(FRAME).map(|one| one[0]).collect();
        let right: Vec<i16> = frames.iter().step_by(FRAME).map(|one| one[1]).collect();
        assert_eq!((left, right), (vec![1, 2, 0, 4, 0], vec![0, 0, 9, 0, 0]));
    }

    #[test]
    fn a_source_that_begins_anew_stands_where_it_arrived() {
        let mut line = Timeline::new(8000, 0);
        line.place(0, stamp(0, 0), &[1; FRAME]);
        line.place(0, stamp(4_000_000_000, 60), &[2; FRAME]);
        line.place(0, stamp(4_000_000_160, 85), &[3; FRAME]);
        let other = Stamp {
            ssrc: 8,
            ..stamp(4_000_000_320, 140)
        };
        line.place(0, other, &[4; FRAME]);
        let left: Vec<i16> = out(&mut line, 160)
            .iter()
            .step_by(FRAME)
            .map(|one| one[0])
            .collect();
        assert_eq!(left, [1, 0, 0, 2, 3, 0, 0, 4]);
    }

    #[test]
    fn what_waits_is_bounded_whatever_the_timestamps_say() {
        let mut line = Timeline::new(16_000, 0);
        for number in 0..10_000_u32 {
            let wild = stamp(number.wrapping_mul(2_654_435_761), u64::from(number));
            line.place((number % 2) as usize, wild, &[1; 2_000]);
            line.give_out(u64::from(number), usize::MAX, |_| {});
            assert!(line.waiting.len() <= 16 * AHEAD as usize);
        }
    }

    #[test]
    fn a_long_pause_is_given_out_in_pieces() {
        let mut line = Timeline::new(8000, 0);
        line.place(0, stamp(0, 0), &[1; FRAME]);
        let (mut count, mut rounds) = (0, 1);
        while !line.give_out(60_000, 100_000, |_| count += 1) {
            rounds += 1;
        }
        assert_eq!((count, rounds), (8 * (60_000 - DELAY), 5));
        assert_eq!(line.done(), count);
    }
}
