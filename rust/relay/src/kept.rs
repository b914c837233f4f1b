//! The cells of one port: its latch, and for the port with the keys of a side their contexts.

use std::net::SocketAddr;

use srtp::Progress;
use zeroize::Zeroizing;

use crate::bundle::MAX_SOURCES;
use crate::crypto::Guard;
use crate::keeper::{name_of, Entry, Keeper};
use crate::music::Tail;
use crate::voice::Course;

/// Bytes of a secret in one cell.
const PART: usize = 24;

/// Direction and protocol of a context, in this order.
const CONTEXTS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

/// Which cells a port has.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// What names the port in every process; 0: nothing of it is kept.
    identity: u64,
    latch: Option<(SocketAddr, Option<u32>)>,
    /// How far the source of ours has come that leaves here.
    voice: Option<Option<u32>>,
    /// How far the stream has come that music has gone on with: the cell, and how often it was written.
    outlet: Option<(Option<u32>, u32)>,
    /// Of the port with the keys of a side; most ports have none.
    keyed: Option<Box<Keyed>>,
}

/// The cells that go with keys, or with streams that share the port.
#[derive(Debug, Default)]
struct Keyed {
    /// The keys of the two directions, by fingerprint.
    keys: [u64; 2],
    /// The keys of a handshake.
    secret: Vec<u32>,
    /// Which source is which stream's, where streams share the port.
    sources: Vec<(u32, u32)>,
    /// By context and place of the source.
    windows: [Vec<Option<u32>>; 4],
}

impl Kept {
    pub fn identify(&mut self, identity: u64) {
        self.identity = identity;
    }

    /// Keeps the source that the port is locked onto now.
    pub fn note_latch(&mut self, keeper: &mut Keeper, latched: Option<SocketAddr>) {
        if self.identity == 0 || self.latch.map(|(at, _)| at) == latched {
            return;
        }
        if let Some((_, Some(cell))) = self.latch.take() {
            keeper.give_back(cell);
        }
        let name = name_of(("latch", self.identity));
        self.latch = latched.map(|at| (at, keeper.take(name, at.into())));
    }

    /// Where the port was locked onto in the process before this one.
    pub fn latched_before(&self, keeper: &Keeper) -> Option<SocketAddr> {
        let name = name_of(("latch", self.identity));
        keeper.before(name).first().map(|entry| entry.address())
    }

    /// Keeps how far a source of ours has come; None: there is none any more.
    pub fn note_voice(&mut self, keeper: &mut Keeper, course: Option<Course>) {
        match (course, self.voice) {
            (Some(course), Some(Some(cell))) => keeper.write(cell, course.into()),
            (Some(course), None) if self.identity != 0 => {
                let name = name_of(("voice", self.identity));
                self.voice = Some(keeper.take(name, course.into()));
            }
            (None, Some(cell)) => {
                self.voice = None;
                if let Some(cell) = cell {
                    keeper.give_back(cell);
                }
            }
            _ => {}
        }
    }

    /// How far the source of ours had come in the process before this one.
    pub fn voice_before(&self, keeper: &Keeper) -> Option<Course> {
        let name = name_of(("voice", self.identity));
        keeper.before(name).first().map(|entry| entry.course())
    }

    /// Keeps how far the stream has come that music has gone on with; None: its source counts on by
    /// itself.
    pub fn note_outlet(&mut self, keeper: &mut Keeper, tail: Option<Tail>) {
        let Some(tail) = tail.filter(|_| self.identity != 0) else {
            if let Some((Some(cell), _)) = self.outlet.take() {
                keeper.give_back(cell);
            }
            return;
        };
        let written = match self.outlet {
            Some((_, written)) => written,
            None => self.outlet_entry(keeper).map_or(0, |(written, _)| written),
        };
        let written = written.wrapping_add(1);
        let entry = Entry::of_tail(written, tail);
        let cell = match self.outlet {
            Some((cell, _)) => cell.inspect(|cell| keeper.write(*cell, entry)),
            None => keeper.take(name_of(("outlet", self.identity)), entry),
        };
        self.outlet = Some((cell, written));
    }

    /// How far the stream had come in the process before this one.
    pub fn outlet_before(&self, keeper: &Keeper) -> Option<Tail> {
        self.outlet_entry(keeper).map(|(_, tail)| tail)
    }

    /// The same with how often it was written: of what several processes have left the last counts.
    fn outlet_entry(&self, keeper: &Keeper) -> Option<(u32, Tail)> {
        let entries = keeper.before(name_of(("outlet", self.identity))).iter();
        entries
            .map(Entry::as_tail)
            .max_by_key(|(written, _)| *written)
    }

    /// Keeps how far the contexts of one direction have come.
    pub fn note_contexts(&mut self, keeper: &mut Keeper, guard: &Guard, sent: bool) {
        if self.identity == 0 {
            return;
        }
        for rtcp in [false, true] {
            if let Some((place, progress)) = guard.progress(sent, rtcp) {
                self.note(keeper, sent, rtcp, place, progress);
            }
        }
    }

    /// The keys have changed: cells of other keys go, contexts go on where the same keys were before.
    pub fn change_keys(&mut self, keeper: &mut Keeper, guard: &mut Guard) {
        let keys = guard.fingerprints();
        let known = self.keyed.as_ref().map_or([0; 2], |one| one.keys);
        if self.identity == 0 || keys == known {
            return;
        }
        let before = std::mem::replace(&mut self.keyed().keys, keys);
        for (at, (sent, rtcp)) in CONTEXTS.into_iter().enumerate() {
            let key = keys[usize::from(sent)];
            if key == before[usize::from(sent)] {
                continue;
            }
            for cell in self.keyed().windows[at].drain(..).flatten() {
                keeper.give_back(cell);
            }
            let kept = keeper.before(self.name(at, key)).to_vec();
            for progress in kept.iter().map(|entry| entry.progress()) {
                guard.resume(sent, rtcp, progress);
                if let Some((place, progress)) = guard.progress(sent, rtcp) {
                    self.note(keeper, sent, rtcp, place, progress);
                }
            }
        }
    }

    /// Keeps the keys that came out of a handshake on these terms, in as many cells as they need.
    /// Behind them stands a hash, so that what was written in part only is not taken for whole.
    pub fn note_secret(&mut self, keeper: &mut Keeper, terms: u64, secret: &[u8]) {
        self.wipe_secret(keeper);
        if self.identity == 0 {
            return;
        }
        let whole = [secret, &name_of(secret).to_ne_bytes()].concat();
        let whole = Zeroizing::new(whole);
        let name = name_of(("secret", self.identity, terms));
        for (number, part) in whole.chunks(PART).enumerate() {
            let mut words = [0; 3];
            for (word, bytes) in words.iter_mut().zip(part.chunks(8)) {
                let mut room = [0; 8];
                room[..bytes.len()].copy_from_slice(bytes);
                *word = u64::from_ne_bytes(room);
            }
            let length = (whole.len() as u32) << 8;
            let entry = Entry::part(length | number as u32, words);
            self.keyed().secret.extend(keeper.take(name, entry));
        }
    }

    /// The keys of a handshake of the process before this one.
    pub fn secret_before(&self, keeper: &Keeper, terms: u64) -> Option<Zeroizing<Vec<u8>>> {
        let name = name_of(("secret", self.identity, terms));
        let mut parts: Vec<_> = keeper.before(name).iter().map(Entry::as_part).collect();
        parts.sort_by_key(|(tag, _)| *tag);
        let length = (parts.first()?.0 >> 8) as usize;
        let words = parts.iter().flat_map(|(_, words)| words);
        let mut whole = Zeroizing::new(Vec::new());
        whole.extend(words.flat_map(|word| word.to_ne_bytes()));
        whole.truncate(length);
        let at = length.checked_sub(8)?;
        let sum = whole.get(at..)? == name_of(&whole[..at]).to_ne_bytes();
        whole.truncate(at);
        sum.then_some(whole)
    }

    /// The keys of a handshake are no more used.
    pub fn wipe_secret(&mut self, keeper: &mut Keeper) {
        for cell in self.keyed.iter_mut().flat_map(|one| one.secret.drain(..)) {
            keeper.wipe(cell);
        }
    }

    /// Keeps whose a source is, of streams that share the port.
    pub fn note_source(&mut self, keeper: &mut Keeper, ssrc: u32, stream: u16) {
        if self.identity == 0 {
            return;
        }
        let entry = Entry::part(ssrc, [u64::from(stream), 0, 0]);
        let name = name_of(("sources", self.identity));
        let sources = &mut self.keyed().sources;
        if let Some((_, cell)) = sources.iter().find(|(known, _)| *known == ssrc) {
            keeper.write(*cell, entry);
            return;
        }
        if sources.len() >= MAX_SOURCES {
            let (_, oldest) = sources.remove(0);
            keeper.give_back(oldest);
        }
        let cell = keeper.take(name, entry);
        sources.extend(cell.map(|cell| (ssrc, cell)));
    }

    /// Whose the sources were in the process before this one.
    pub fn sources_before(&self, keeper: &Keeper) -> Vec<(u32, u16)> {
        let entries = keeper.before(name_of(("sources", self.identity))).iter();
        let parts = entries.map(Entry::as_part);
        parts.map(|(ssrc, words)| (ssrc, words[0] as u16)).collect()
    }

    /// Gives every cell back.
    pub fn release(&mut self, keeper: &mut Keeper) {
        self.wipe_secret(keeper);
        let latch = self.latch.take().and_then(|(_, cell)| cell);
        let keyed = self.keyed.take().unwrap_or_default();
        let sources = keyed.sources.into_iter().map(|(_, cell)| cell);
        let windows = keyed.windows.into_iter().flatten().flatten();
        let voice = self.voice.take().flatten();
        let outlet = self.outlet.take().and_then(|(cell, _)| cell);
        let rest = latch.into_iter().chain(voice).chain(outlet);
        for cell in sources.chain(windows).chain(rest) {
            keeper.give_back(cell);
        }
    }

    fn note(
        &mut self,
        keeper: &mut Keeper,
        sent: bool,
        rtcp: bool,
        place: usize,
        progress: Progress,
    ) {
        let at = usize::from(sent) * 2 + usize::from(rtcp);
        let keyed = self.keyed();
        if let Some(cell) = keyed.windows[at].get(place) {
            if let Some(cell) = cell {
                keeper.write(*cell, progress.into());
            }
            return;
        }
        let key = keyed.keys[usize::from(sent)];
        let cell = keeper.take(self.name(at, key), progress.into());
        let window = &mut self.keyed().windows[at];
        window.resize(place, None);
        window.push(cell);
    }

    fn keyed(&mut self) -> &mut Keyed {
        self.keyed.get_or_insert_default()
    }

    fn name(&self, context: usize, key: u64) -> u64 {
        name_of(("context", self.identity, context, key))
    }
}
