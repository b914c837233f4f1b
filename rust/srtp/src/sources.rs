//! The windows of all sources that a key serves.

use crate::error::Error;
use crate::window::Window;

/// Most sources (SSRC) of one key in one direction. A call has one or two; each transfer or hold
/// music may bring another. To forget one would let its packets be played again.
pub const MAX_SOURCES: usize = 256;

/// How far a source has come under one key: what another process needs to go on where this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The source.
    pub ssrc: u32,
    /// Its highest index: for RTP the rollover counter and sequence number.
    pub highest: u64,
    /// Bit n: the index `highest - n` has come.
    pub seen: u128,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    known: Vec<(u32, Window)>,
    /// Where the source of the last packet is: nearly always the next one's too.
    last: usize,
}

impl Sources {
    /// A copy of a source's window, a new one for a new source.
    pub fn window(&mut self, ssrc: u32) -> Result<Window, Error> {
        if let Some((known, window)) = self.known.get(self.last) {
            if *known == ssrc {
                return Ok(*window);
            }
        }
        match self.known.iter().position(|(known, _)| *known == ssrc) {
            Some(at) => {
                self.last = at;
                Ok(self.known[at].1)
            }
            None if self.known.len() >= MAX_SOURCES => Err(Error::TooManySources),
            None => Ok(Window::default()),
        }
    }

    /// Notes an index of a source: only of packets that authenticate, so nobody else makes sources.
    pub fn note(&mut self, ssrc: u32, index: u64) {
        let at = self
            .known
            .iter()
            .skip(self.last)
            .position(|(known, _)| *known == ssrc);
        let at = at.map(|at| at + self.last);
        let at = at.or_else(|| self.known.iter().position(|(known, _)| *known == ssrc));
        self.last = at.unwrap_or_else(|| {
            self.known.push((ssrc, Window::default()));
            self.known.len() - 1
        });
        self.known[self.last].1.note(index);
    }
}

impl Sources {
    /// The source of the last packet that was noted: its place in the table, and how far it is.
    pub fn last(&self) -> Option<(usize, Progress)> {
        let (ssrc, window) = self.known.get(self.last)?;
        let (highest, seen) = window.state()?;
        let progress = Progress {
            ssrc: *ssrc,
            highest,
            seen,
        };
        Some((self.last, progress))
    }

    /// Goes on where a source was; one that has come further here stays.
    pub fn resume(&mut self, progress: Progress) -> Result<(), Error> {
        let window = self.window(progress.ssrc)?;
        if window
            .state()
            .is_none_or(|(highest, _)| highest < progress.highest)
        {
            self.note(progress.ssrc, progress.highest);
            self.known[self.last].1 = Window::resumed(progress.highest, progress.seen);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_window_of_its_own_and_there_is_an_end() {
        let mut sources = Sources::default();
        for ssrc in 0..MAX_SOURCES as u32 {
            assert!(sources.window(ssrc).expect("room").is_fresh(7));
            sources.note(ssrc, 7);
        }
        assert_eq!(sources.window(9999), Err(Error::TooManySources));
        assert!(!sources.window(3).expect("known").is_fresh(7));
        sources.note(3, 8);
        assert!(sources.window(4).expect("known").is_fresh(8));
        assert!(!sources.window(3).expect("known").is_fresh(8));
    }
}
