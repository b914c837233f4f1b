//! What only packets tell, kept where the process after this one finds it: cells of shared memory.
//!
//! A cell holds the source that a port is locked onto, or how far an SSRC has come under one key
//! (rollover counter, highest index, replay window). It is written for every packet, by plain stores,
//! before the packet leaves: a killed process leaves memory behind as its last instruction made it.
//! So nothing passes twice and no SRTP index is used twice, however sudden the end.
//!
//! A cell is eight words: a name, which half is valid, and two halves of three words. The half that
//! is not valid is written, then made valid: there is no moment without a whole one. Names are hashes
//! of what a cell is about, the key included, so that a process with other keys does not find it.

mod entry;

use std::collections::hash_map::DefaultHasher;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

pub use entry::Entry;
use entry::HALF;

/// Words of a cell; the first cell of a file is its head.
pub const CELL_WORDS: usize = 8;
/// What a file begins with: the form of its cells.
const MAGIC: u64 = u64::from_be_bytes(*b"FARLRLY1");
const TURN: u32 = 63;

/// The memory of the cells.
pub type Cells = Box<dyn Deref<Target = [AtomicU64]> + Send>;

/// What another process has left, by name.
pub type Before = HashMap<u64, Vec<Entry>>;

/// The cells of one worker.
pub struct Keeper {
    cells: Cells,
    free: Vec<u32>,
    next: u32,
    before: Before,
}

impl Keeper {
    /// Takes memory that is all zeroes, and what the process before this one has left.
    #[must_use]
    pub fn new(cells: Cells, before: Before) -> Self {
        if let Some(head) = cells.first() {
            head.store(MAGIC, Ordering::Release);
        }
        Self {
            cells,
            free: Vec::new(),
            next: 1,
            before,
        }
    }

    /// Adds what stands in the memory of a process that has ended; false: it is of another form.
    ///
    /// Of an SSRC that is found twice the one that has come further counts.
    pub fn read(words: &[AtomicU64], found: &mut Before) -> bool {
        let load = |at: usize| words[at].load(Ordering::Acquire);
        if words.first().map(|head| head.load(Ordering::Acquire)) != Some(MAGIC) {
            return false;
        }
        for at in (CELL_WORDS..words.len().saturating_sub(CELL_WORDS - 1)).step_by(CELL_WORDS) {
            let (name, state) = (load(at), load(at + 1));
            if name == 0 {
                continue;
            }
            let half = at + 2 + HALF * (state >> TURN) as usize;
            let words = [load(half), load(half + 1), load(half + 2)];
            let tag = state as u32;
            let entries = found.entry(name).or_default();
            match entries.iter_mut().find(|one| one.tag == tag) {
                Some(one) if one.words[0] >= words[0] => {}
                Some(one) => one.words = words,
                None => entries.push(Entry { tag, words }),
            }
        }
        true
    }

    /// What was kept under a name before.
    #[must_use]
    pub fn before(&self, name: u64) -> &[Entry] {
        self.before.get(&name).map_or(&[], Vec::as_slice)
    }

    /// Takes a cell; None: there is none left, and this entry does not outlive the process.
    pub fn take(&mut self, name: u64, entry: Entry) -> Option<u32> {
        let cell = self.free.pop().or_else(|| {
            let fits = (self.next as usize + 1) * CELL_WORDS <= self.cells.len();
            fits.then(|| {
                self.next += 1;
                self.next - 1
            })
        })?;
        self.write(cell, entry);
        self.word(cell, 0).store(name, Ordering::Release);
        Some(cell)
    }

    /// Writes a cell anew.
    pub fn write(&self, cell: u32, entry: Entry) {
        let state = self.word(cell, 1);
        let turn = 1 - (state.load(Ordering::Relaxed) >> TURN);
        for (at, word) in entry.words.into_iter().enumerate() {
            let place = self.word(cell, 2 + HALF * turn as usize + at);
            place.store(word, Ordering::Relaxed);
        }
        state.store(turn << TURN | u64::from(entry.tag), Ordering::Release);
    }

    /// Gives back a cell that holds a secret: nothing of it stays.
    pub fn wipe(&mut self, cell: u32) {
        for at in 0..CELL_WORDS {
            self.word(cell, at).store(0, Ordering::Release);
        }
        self.free.push(cell);
    }

    /// Gives a cell back.
    pub fn give_back(&mut self, cell: u32) {
        self.word(cell, 0).store(0, Ordering::Release);
        self.free.push(cell);
    }

    fn word(&self, cell: u32, at: usize) -> &AtomicU64 {
        &self.cells[cell as usize * CELL_WORDS + at]
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Keeper({} cells)", self.next)
    }
}

/// A name made of parts; never 0, which is a free cell.
#[must_use]
pub fn name_of(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use srtp::Progress;

    use super::*;

    fn memory(cells: usize) -> Vec<AtomicU64> {
        (0..cells * CELL_WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    fn progress(highest: u64) -> Entry {
        Entry::from(Progress {
            ssrc: 7,
            highest,
            seen: 1 << 100 | 5,
        })
    }

    #[test]
    fn cells_are_taken_written_given_back_and_read() {
        let shared: &'static [AtomicU64] = memory(4).leak();
        let mut keeper = Keeper::new(Box::new(shared), Before::new());
        let mut found = Before::new();
        let first = keeper.take(11, progress(1)).expect("a cell");
        let second = keeper
            .take(
                12,
                "[2001:db8::7]:40000"
                    .parse::<SocketAddr>()
                    .expect("one")
                    .into(),
            )
            .expect("a cell");
        keeper.take(13, progress(9)).expect("a cell");
        assert_eq!(keeper.take(14, progress(1)), None);
        keeper.write(first, progress(2));
        keeper.write(first, progress(0x3_0001));
        assert!(Keeper::read(shared, &mut found));
        assert_eq!(found[&11], [progress(0x3_0001)]);
        assert_eq!(found[&11][0].progress().seen, 1 << 100 | 5);
        assert_eq!(found[&12][0].address().to_string(), "[2001:db8::7]:40000");
        keeper.give_back(second);
        keeper
            .take(14, "10.0.0.1:5".parse::<SocketAddr>().expect("one").into())
            .expect("the same cell");
        let mut found = Before::from([(11, vec![progress(0x9_0000)])]);
        Keeper::read(shared, &mut found);
        assert_eq!(found[&11], [progress(0x9_0000)]);
        assert!(!found.contains_key(&12));
        assert_eq!(found[&14][0].address().to_string(), "10.0.0.1:5");
    }

    #[test]
    fn other_memory_is_not_read() {
        let mut found = Before::new();
        assert!(!Keeper::read(&memory(2), &mut found));
        assert!(!Keeper::read(&[], &mut found));
        let torn = memory(2);
        torn[0].store(MAGIC, Ordering::Relaxed);
        torn[CELL_WORDS].store(5, Ordering::Relaxed);
        assert!(Keeper::read(&torn[..CELL_WORDS + 3], &mut found));
        assert!(found.is_empty());
    }
}
