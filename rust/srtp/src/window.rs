//! The packet index of one source: rollover counter, estimate and replay window (RFC 3711 section 3.3).

/// Packets that may come late: RFC 3711 section 3.3.2 asks for 64 at least.
pub const WINDOW: u64 = 128;

const HALF: u64 = 0x8000;

/// The highest index of a source, and which of the `WINDOW` before it have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// None before the first packet.
    highest: Option<u64>,
    /// Bit n: the index `highest - n` has come.
    seen: u128,
}

impl Window {
    /// The index (ROC and sequence number, 48 bits) that a sequence number most likely means.
    ///
    /// RFC 3711 appendix A, save that a stream which has not come past 2^15 cannot have been in the
    /// round before: its number is taken as it is, as other implementations do.
    pub fn estimate(&self, sequence: u16) -> u64 {
        let sequence = u64::from(sequence);
        let Some(highest) = self.highest.filter(|highest| *highest > HALF) else {
            return sequence;
        };
        let (round, last) = (highest >> 16, highest & 0xffff);
        let round = if last < HALF {
            if sequence > last + HALF {
                round - 1
            } else {
                round
            }
        } else if sequence < last - HALF {
            round + 1
        } else {
            round
        };
        round << 16 | sequence
    }

    /// Whether an index has not come yet and is not too old to tell.
    pub fn is_fresh(&self, index: u64) -> bool {
        match self.highest {
            None => true,
            Some(highest) if index > highest => true,
            Some(highest) => {
                let age = highest - index;
                age < WINDOW && self.seen >> age & 1 == 0
            }
        }
    }

    /// Notes an index that is fresh.
    pub fn note(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => self.seen |= 1 << (highest - index),
            before => {
                let step = before.map_or(WINDOW, |highest| index - highest);
                let kept = if step < WINDOW { self.seen << step } else { 0 };
                self.seen = kept | 1;
                self.highest = Some(index);
            }
        }
    }

    /// The highest index and what came before it; None before the first packet.
    pub fn state(&self) -> Option<(u64, u128)> {
        self.highest.map(|highest| (highest, self.seen))
    }

    /// The window that was in this state. The highest index has come, whatever `seen` says.
    pub fn resumed(highest: u64, seen: u128) -> Self {
        Self {
            highest: Some(highest),
            seen: seen | 1,
        }
    }

    /// The index after the highest: for SRTCP, which has no numbers of its own.
    pub fn next(&self) -> u64 {
        self.highest.map_or(0, |highest| highest + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: u64) -> Window {
        let mut window = Window::default();
        window.note(index);
        window
    }

    #[test]
    fn the_round_goes_up_at_the_wrap_and_down_for_a_late_packet() {
        assert_eq!(at(0xffff).estimate(0), 0x1_0000);
        assert_eq!(at(0x1_0002).estimate(0xfffe), 0xfffe);
        assert_eq!(at(0x5_fff0).estimate(3), 0x6_0003);
        assert_eq!(at(0x6_0003).estimate(0xfff0), 0x5_fff0);
        assert_eq!(at(0x6_8000).estimate(0), 0x6_0000);
        assert_eq!(at(0x6_8001).estimate(0), 0x7_0000);
        assert_eq!(at(0x6_8001).estimate(1), 0x6_0001);
        assert_eq!(at(0x6_8002).estimate(1), 0x7_0001);
    }

    #[test]
    fn a_young_stream_has_no_round_before() {
        assert_eq!(Window::default().estimate(0xffff), 0xffff);
        assert_eq!(at(10).estimate(0xfff0), 0xfff0);
    }

    #[test]
    fn each_index_is_fresh_once_within_the_window() {
        let mut window = at(1000);
        assert!(!window.is_fresh(1000));
        assert!(window.is_fresh(1000 - WINDOW + 1));
        assert!(!window.is_fresh(1000 - WINDOW));
        window.note(990);
        assert!(!window.is_fresh(990));
        window.note(1010);
        assert!(!window.is_fresh(990));
        assert!(!window.is_fresh(1000));
        assert!(window.is_fresh(1001));
        window.note(1010 + 2 * WINDOW);
        assert!(window.is_fresh(1010 + WINDOW + 1));
        assert!(!window.is_fresh(1010));
    }
}
