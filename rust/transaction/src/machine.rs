//! Runs the tables: the transactions of a layer, their timers and what is to be handed out.
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::carried::{Carried, Flow};
use crate::flows::Flows;
use crate::heap::{Entry, TimerHeap};
use crate::output::Output;
use crate::store::{Id, Key, Side, Store, Transaction};
use crate::table::{Input, State};
use crate::timers::Timers;

/// What an input brings along.
pub(crate) struct Given<'a, C: Carried> {
    /// The message that it is.
    pub message: Option<&'a C::Letter>,
    /// Where that came from, for one from the wire.
    pub arrival: Option<&'a C::Flow>,
}

impl<C: Carried> Given<'_, C> {
    /// A timer, a lost flow, or the transaction's own request.
    pub const NOTHING: Self = Self {
        message: None,
        arrival: None,
    };
}

/// Every running transaction of one layer.
pub(crate) struct Machine<C: Carried> {
    pub carried: C,
    pub timers: Timers,
    pub store: Store<C>,
    pub clients: HashMap<Key, Id>,
    pub servers: HashMap<Key, Id>,
    /// Server transactions by their `merge_key`.
    pub merging: HashMap<Key, Id>,
    pub flows: Flows,
    pub heap: TimerHeap,
    pub out: VecDeque<Output<C>>,
}

impl<C: Carried> Machine<C> {
    pub fn new(carried: C, timers: Timers) -> Self {
        Self {
            carried,
            timers,
            store: Store::new(),
            clients: HashMap::new(),
            servers: HashMap::new(),
            merging: HashMap::new(),
            flows: Flows::default(),
            heap: TimerHeap::default(),
            out: VecDeque::new(),
        }
    }

    /// Transactions now running.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Takes a new transaction in and gives it its request.
    pub fn begin(&mut self, tx: Transaction<C>, now: f64) -> Result<Id, C::Error> {
        let (key, token) = (tx.key.clone(), tx.back.token());
        let (is_client, merge_key) = match &tx.side {
            Side::Client { .. } => (true, None),
            Side::Server { merge_key, .. } => (false, merge_key.clone()),
        };
        let id = self.store.insert(tx);
        if is_client {
            self.clients.insert(key, id);
        } else {
            self.servers.insert(key, id);
        }
        if let Some(merge_key) = merge_key {
            self.merging.insert(merge_key, id);
        }
        self.flows.watch(token, id);
        self.step(id, Input::Request, &Given::NOTHING, now)?;
        Ok(id)
    }

    /// Runs one transition; false when the state absorbs the input.
    pub fn step(
        &mut self,
        id: Id,
        input: Input,
        given: &Given<'_, C>,
        now: f64,
    ) -> Result<bool, C::Error> {
        let Some(tx) = self.store.get_mut(id) else {
            return Ok(false);
        };
        let Some((after, actions)) = tx.table.row(tx.state, input) else {
            return Ok(false);
        };
        tx.enter(after);
        for &action in actions {
            self.act(id, action, given, now)?;
        }
        if after == State::Terminated {
            self.end(id);
        }
        Ok(true)
    }

    /// Writes to the transaction's flow unless it is known to be gone.
    pub fn send(&mut self, id: Id, data: Arc<[u8]>) {
        let Some(tx) = self.store.get(id).filter(|tx| !tx.lost) else {
            return;
        };
        let flow = tx.back.clone();
        self.out.push_back(Output::Send { flow, data });
    }

    /// Starts a timer that runs once; one of zero seconds fires here and now.
    pub fn start(&mut self, id: Id, timer: Input, now: f64) -> Result<(), C::Error> {
        let Some(tx) = self.store.get(id) else {
            return Ok(());
        };
        let delay = self.timers.delay(timer, tx.reliable);
        if delay > 0.0 {
            self.start_at(id, timer, now + delay);
        } else {
            self.step(id, timer, &Given::NOTHING, now)?;
        }
        Ok(())
    }

    /// Starts a retransmission timer (A, E, G), which only UDP has.
    pub fn repeat(&mut self, id: Id, timer: Input, now: f64, next: fn(&Transaction<C>) -> f64) {
        let Some(tx) = self.store.get_mut(id).filter(|tx| !tx.reliable) else {
            return;
        };
        tx.interval = next(tx);
        let at = now + tx.interval;
        self.start_at(id, timer, at);
    }

    /// Starts timer C, or lets it last from now on.
    pub fn persist(&mut self, id: Id, now: f64) {
        let Some(tx) = self.store.get_mut(id) else {
            return;
        };
        let started = tx.patience > 0.0;
        tx.patience = now + self.timers.c;
        let at = tx.patience;
        if !started {
            self.start_at(id, Input::TimerC, at);
        }
    }

    fn start_at(&mut self, id: Id, timer: Input, at: f64) {
        let store = &self.store;
        let live = |entry: &Entry| store.takes(entry.tx, entry.timer);
        self.heap.start(at, id, timer, live);
    }

    /// The soonest timer.
    pub fn next_timer(&mut self) -> Option<Entry> {
        let store = &self.store;
        self.heap.next(|entry| store.takes(entry.tx, entry.timer))
    }

    /// Runs the timers due. Timer C is not moved when it is restarted: it is put back when it
    /// comes up before the transaction's `patience` is over.
    pub fn expire(&mut self, now: f64) -> Result<(), C::Error> {
        loop {
            let store = &self.store;
            let live = |entry: &Entry| store.takes(entry.tx, entry.timer);
            let Some(entry) = self.heap.pop_due(now, live) else {
                return Ok(());
            };
            let patience = store.get(entry.tx).map_or(0.0, |tx| tx.patience);
            if entry.timer == Input::TimerC && patience > now {
                self.start_at(entry.tx, entry.timer, patience);
            } else {
                self.step(entry.tx, entry.timer, &Given::NOTHING, now)?;
            }
        }
    }

    /// Tells every transaction on a flow that it is gone.
    pub fn lose(&mut self, flow: &C::Flow, now: f64) -> Result<(), C::Error> {
        let there = match flow.token() {
            0 => self.running().collect(), // nobody closes UDP
            token => self.flows.on(token),
        };
        for id in there {
            if self.store.get(id).is_some_and(|tx| tx.back == *flow) {
                self.step(id, Input::TransportError, &Given::NOTHING, now)?;
            }
        }
        Ok(())
    }

    /// Every running transaction.
    pub fn running(&self) -> impl Iterator<Item = Id> + '_ {
        let all = self.store.iter();
        all.filter_map(|(id, tx)| (tx.state != State::Terminated).then_some(id))
    }

    /// Answers a transaction over another flow.
    pub fn reroute(&mut self, id: Id, flow: C::Flow) {
        let running = |tx: &&mut Transaction<C>| tx.state != State::Terminated;
        let Some(tx) = self.store.get_mut(id).filter(running) else {
            return;
        };
        self.flows.unwatch(tx.back.token(), id);
        self.flows.watch(flow.token(), id);
        tx.back = flow;
        tx.lost = false;
    }

    fn end(&mut self, id: Id) {
        let Some(tx) = self.store.get(id) else {
            return;
        };
        self.flows.unwatch(tx.back.token(), id);
        match &tx.side {
            Side::Client { .. } => {
                self.clients.remove(&tx.key);
            }
            Side::Server { merge_key, .. } => {
                self.servers.remove(&tx.key);
                if let Some(key) = merge_key {
                    if self.merging.get(key) == Some(&id) {
                        self.merging.remove(key);
                    }
                }
            }
        }
        if tx.silent {
            self.store.remove(id);
        } else {
            let cause = tx.cause;
            self.out.push_back(Output::Ended { tx: id, cause });
        }
    }
}
