//! What a cell holds: one of several things, in a number and three words.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use srtp::Progress;

use crate::music::Tail;
use crate::voice::Course;

/// Words of an entry.
pub(super) const HALF: usize = 3;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) tag: u32,
    pub(super) words: [u64; HALF],
}

impl From<Progress> for Entry {
    fn from(progress: Progress) -> Self {
        let seen = progress.seen;
        Self {
            tag: progress.ssrc,
            words: [progress.highest, seen as u64, (seen >> 64) as u64],
        }
    }
}

impl From<SocketAddr> for Entry {
    fn from(at: SocketAddr) -> Self {
        let (tag, bits) = match at.ip() {
            IpAddr::V4(ip) => (4, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (6, ip.to_bits()),
        };
        let port = u64::from(at.port());
        Self {
            tag,
            words: [port, bits as u64, (bits >> 64) as u64],
        }
    }
}

impl From<Course> for Entry {
    fn from(course: Course) -> Self {
        Self {
            tag: course.ssrc,
            words: [
                pair(course.sent.0, course.sent.1),
                pair(u32::from(course.sequence), course.timestamp),
                pair(course.theirs.0, course.theirs.1),
            ],
        }
    }
}

impl Entry {
    /// A part of something longer than an entry.
    pub(crate) fn part(number: u32, words: [u64; HALF]) -> Self {
        Self { tag: number, words }
    }

    /// The reverse of `part`.
    pub(crate) fn as_part(&self) -> (u32, [u64; HALF]) {
        (self.tag, self.words)
    }

    /// How far a stream has come that music has gone on with; `written` is counted, so that of two
    /// entries the later is known.
    pub(crate) fn of_tail(written: u32, tail: Tail) -> Self {
        let (source, sequence, timestamp) = tail.shift.unwrap_or_default();
        let flags = u64::from(tail.ours) | u64::from(tail.shift.is_some()) << 1;
        let numbers = u64::from(tail.payload_type) << 48 | u64::from(tail.sequence) << 32;
        Self {
            tag: tail.ssrc,
            words: [
                pair(written, source),
                flags << 56 | numbers | u64::from(tail.timestamp),
                pair(u32::from(sequence), timestamp),
            ],
        }
    }

    /// The reverse of `of_tail`.
    pub(crate) fn as_tail(&self) -> (u32, Tail) {
        let (written, source) = halves(self.words[0]);
        let (sequence, timestamp) = halves(self.words[2]);
        let flags = self.words[1] >> 56;
        let tail = Tail {
            ssrc: self.tag,
            payload_type: (self.words[1] >> 48) as u8,
            sequence: (self.words[1] >> 32) as u16,
            timestamp: self.words[1] as u32,
            ours: flags & 1 != 0,
            shift: (flags & 2 != 0).then_some((source, sequence as u16, timestamp)),
        };
        (written, tail)
    }

    fn bits(&self) -> u128 {
        u128::from(self.words[2]) << 64 | u128::from(self.words[1])
    }

    /// The entry as an SSRC's progress.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            ssrc: self.tag,
            highest: self.words[0],
            seen: self.bits(),
        }
    }

    /// The entry as how far a source of ours has come.
    #[must_use]
    pub fn course(&self) -> Course {
        let (sequence, timestamp) = halves(self.words[1]);
        Course {
            ssrc: self.tag,
            sequence: sequence as u16,
            theirs: halves(self.words[2]),
            timestamp,
            sent: halves(self.words[0]),
        }
    }

    /// The entry as an address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let ip = match self.tag {
            4 => IpAddr::V4((self.bits() as u32).into()),
            _ => IpAddr::V6(Ipv6Addr::from_bits(self.bits())),
        };
        SocketAddr::new(ip, self.words[0] as u16)
    }
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_read_as_it_was_written() {
        let tail = Tail {
            ssrc: 9,
            payload_type: 127,
            sequence: 0xfffe,
            timestamp: 0xffff_fff0,
            ours: false,
            shift: Some((u32::MAX, 0x8001, 0x8000_0001)),
        };
        let other = Tail {
            ours: true,
            shift: None,
            ..tail
        };
        for (written, tail) in [(u32::MAX, tail), (7, other)] {
            assert_eq!(Entry::of_tail(written, tail).as_tail(), (written, tail));
        }
    }
}
