//! The heap of running timers.
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

use crate::store::Id;
use crate::table::Input;

/// A heap smaller than this is not worth sweeping.
const SWEEP_FROM: usize = 1024;

/// Entries that each start looks at: more than the one it adds, so the heap ends at half as many
/// again as there are live ones.
const SWEPT: usize = 4;

/// A timer that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// When it fires.
    pub at: f64,
    /// No other entry has it: what was started first fires first.
    serial: u64,
    /// Whose.
    pub tx: Id,
    /// Which.
    pub timer: Input,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_time = self.at.total_cmp(&other.at);
        by_time.then_with(|| self.serial.cmp(&other.serial))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Entry {}

/// Running timers, soonest first.
///
/// None is taken out when its transaction goes to a state that does not list it: it is stale then,
/// and is dropped when met. `live` says which are not. The sweep goes round a few entries at a time,
/// so no start takes long, however many there are.
#[derive(Default)]
pub(crate) struct TimerHeap {
    heap: BTreeSet<Entry>,
    serial: u64,
    /// The last entry that the sweep has met; None: it begins anew.
    swept: Option<Entry>,
}

impl TimerHeap {
    /// How many entries there are, stale ones too.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Lets a timer fire at a time.
    pub fn start(&mut self, at: f64, tx: Id, timer: Input, live: impl Fn(&Entry) -> bool) {
        let serial = self.serial;
        self.serial += 1;
        self.heap.insert(Entry {
            at,
            serial,
            tx,
            timer,
        });
        if self.heap.len() >= SWEEP_FROM {
            self.sweep(live);
        }
    }

    /// Drops what is stale of the next few.
    fn sweep(&mut self, live: impl Fn(&Entry) -> bool) {
        let behind = self.swept.map_or(Unbounded, Excluded);
        let mut next = self.heap.range((behind, Unbounded)).copied();
        let met: [Option<Entry>; SWEPT] = std::array::from_fn(|_| next.next());
        self.swept = met[SWEPT - 1];
        for entry in met.into_iter().flatten().filter(|entry| !live(entry)) {
            self.heap.remove(&entry);
        }
    }

    /// The soonest live timer.
    pub fn next(&mut self, live: impl Fn(&Entry) -> bool) -> Option<Entry> {
        while let Some(entry) = self.heap.first() {
            if live(entry) {
                return Some(*entry);
            }
            self.heap.pop_first();
        }
        None
    }

    /// Takes the soonest live timer if it is due.
    pub fn pop_due(&mut self, now: f64, live: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let entry = self.next(live).filter(|entry| entry.at <= now)?;
        self.heap.pop_first();
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{TimerHeap, SWEEP_FROM, SWEPT};
    use crate::rig::{call, layer, response, said, TCP};
    use crate::{Input, State};

    #[test]
    fn the_heap_forgets_stale_timers() {
        let mut layer = layer(false);
        for _ in 0..3 * SWEEP_FROM {
            let id = call(&mut layer, "OPTIONS", TCP);
            let asked = layer.get(id).map(|tx| tx.request.clone()).expect("kept");
            layer
                .receive(&response(&asked, 200), &TCP, 0.0)
                .expect("taken");
            assert_eq!(said(&mut layer), "send response ended");
            assert!(layer.get(id).is_none());
        }
        assert!(layer.is_empty() && layer.connections() == 0);
        assert!(layer.timers_held() < SWEEP_FROM);
        assert_eq!(layer.next_timer(), None);
    }

    #[test]
    fn a_start_looks_at_few_timers_and_the_heap_stays_within_its_bound() {
        let id = call(&mut layer(false), "OPTIONS", TCP);
        let (mut heap, looks) = (TimerHeap::default(), Cell::new(0));
        let living = 10.0 * SWEEP_FROM as f64;
        let mut most = 0;
        for began in 0..40 * SWEEP_FROM {
            let began = began as f64;
            looks.set(0);
            // Each lives as long as `living` starts take, and would fire long after that.
            heap.start(began + 1e6, id, Input::TimerF, |entry| {
                looks.set(looks.get() + 1);
                entry.at - 1e6 > began - living
            });
            assert!(looks.get() <= SWEPT);
            most = most.max(heap.len());
        }
        assert!(most as f64 <= 1.5 * living, "{most}");
    }

    #[test]
    fn what_starts_first_fires_first() {
        let mut layer = layer(false);
        let (first, second) = (
            call(&mut layer, "OPTIONS", TCP),
            call(&mut layer, "OPTIONS", TCP),
        );
        assert_eq!(layer.next_timer(), Some((32.0, Input::TimerF)));
        layer.expire(31.9).expect("nothing is due");
        assert_eq!(said(&mut layer), "send send");
        layer.expire(32.0).expect("both are due");
        let state = |id| layer.get(id).map(|tx| tx.state());
        assert_eq!(
            (state(first), state(second)),
            (Some(State::Terminated), Some(State::Terminated))
        );
        assert_eq!(said(&mut layer), "failed ended failed ended");
    }
}
