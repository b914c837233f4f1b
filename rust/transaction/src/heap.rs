//! The heap of running timers.
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::store::Id;
use crate::table::Input;

/// A heap smaller than this is not worth sweeping.
pub const SWEEP_FROM: usize = 1024;

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
/// None is ever taken out early: one whose transaction has gone to a state that does not list it
/// is stale, and is dropped when met or by a sweep. `live` says which are not.
#[derive(Default)]
pub(crate) struct TimerHeap {
    heap: BinaryHeap<Reverse<Entry>>,
    serial: u64,
    sweep_at: usize,
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
        self.heap.push(Reverse(Entry {
            at,
            serial,
            tx,
            timer,
        }));
        if self.heap.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.heap.retain(|Reverse(entry)| live(entry));
            self.sweep_at = 2 * self.heap.len();
        }
    }

    /// The soonest live timer.
    pub fn next(&mut self, live: impl Fn(&Entry) -> bool) -> Option<Entry> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if live(entry) {
                return Some(*entry);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the soonest live timer if it is due.
    pub fn pop_due(&mut self, now: f64, live: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let entry = self.next(live).filter(|entry| entry.at <= now)?;
        self.heap.pop();
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::SWEEP_FROM;
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
