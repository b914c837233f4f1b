//! The transactions, and the place that holds them.
use std::sync::Arc;

use crate::carried::{Carried, Flow};
use crate::output::Cause;
use crate::table::{Input, State, Table};
use crate::timers::Timers;

/// Names a transaction of one layer; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    slot: u32,
    turn: u32,
}

/// By what a message finds its transaction: parts of it, each with its length before it.
pub(crate) type Key = Box<[u8]>;

/// What only one side has.
pub enum Side {
    /// A request of ours.
    Client {
        /// Its branch, by which the responses find it.
        branch: Box<[u8]>,
        /// Our Via value, which ACK and CANCEL repeat.
        via: Box<[u8]>,
        /// The CANCEL, while it waits for the first 1xx (RFC 3261 section 9.1).
        cancel: Option<Box<sip_wire::Message>>,
        /// The CANCEL has been sent.
        cancelled: bool,
    },
    /// A request of a peer.
    Server {
        /// To tag of the last response sent.
        to_tag: Box<[u8]>,
        /// What a copy of the request that came another way would share (section 8.2.2.2).
        merge_key: Option<Key>,
    },
}

/// What both sides have.
pub struct Transaction<C: Carried> {
    /// Its request.
    pub request: C::Letter,
    /// Client: where the request goes. Server: where it came from.
    pub flow: C::Flow,
    /// Where messages go. Server: `flow`, but over UDP without rport the port of the Via.
    pub back: C::Flow,
    /// What the user knows it by.
    pub tag: Option<C::Tag>,
    /// What only one side has.
    pub side: Side,
    pub(crate) key: Key,
    pub(crate) table: &'static Table,
    pub(crate) state: State,
    /// What `Resend` sends: the request, the ACK, or the last response.
    pub(crate) data: Option<Arc<[u8]>>,
    pub(crate) t1: f64,
    pub(crate) t2: f64,
    /// Seconds until the next retransmission (A, E, G).
    pub(crate) interval: f64,
    /// When timer C is over; 0.0 while it was never started.
    pub(crate) patience: f64,
    pub(crate) reliable: bool,
    /// The layer itself is the user (CANCEL, 481, 482): no output is made.
    pub(crate) silent: bool,
    /// `back` is gone: nothing is sent until the layer is told another (`reroute`).
    pub(crate) lost: bool,
    /// Why it ends early.
    pub(crate) cause: Option<Cause>,
}

impl<C: Carried> Transaction<C> {
    /// One that has not begun, over the flow that its request takes or came by.
    pub(crate) fn new(
        request: C::Letter,
        flow: C::Flow,
        key: Key,
        table: &'static Table,
        side: Side,
        timers: &Timers,
    ) -> Self {
        Self {
            request,
            back: flow.clone(),
            reliable: flow.transport().is_reliable(),
            flow,
            tag: None,
            side,
            key,
            table,
            state: State::Start,
            data: None,
            t1: timers.t1,
            t2: timers.t2,
            interval: 0.0,
            patience: 0.0,
            silent: false,
            lost: false,
            cause: None,
        }
    }

    /// Whether its transport repeats what is lost by itself.
    pub const fn is_reliable(&self) -> bool {
        self.reliable
    }

    /// Where it is in its table.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether it is a request of ours.
    pub const fn is_client(&self) -> bool {
        matches!(self.side, Side::Client { .. })
    }

    /// Goes to a state; the user sees it by the tag.
    pub(crate) fn enter(&mut self, state: State) {
        self.state = state;
        if let Some(tag) = &self.tag {
            C::entered(tag, state);
        }
    }
}

struct Slot<C: Carried> {
    turn: u32,
    tx: Option<Box<Transaction<C>>>,
}

/// Every transaction that somebody may still ask for.
pub(crate) struct Store<C: Carried> {
    slots: Vec<Slot<C>>,
    free: Vec<u32>,
}

impl<C: Carried> Store<C> {
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    pub fn insert(&mut self, tx: Transaction<C>) -> Id {
        let tx = Some(Box::new(tx));
        if let Some(slot) = self.free.pop() {
            let place = &mut self.slots[slot as usize];
            place.tx = tx;
            return Id {
                slot,
                turn: place.turn,
            };
        }
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { turn: 0, tx });
        Id { slot, turn: 0 }
    }

    pub fn remove(&mut self, id: Id) {
        let Some(place) = self.slots.get_mut(id.slot as usize) else {
            return;
        };
        if place.turn == id.turn && place.tx.take().is_some() {
            place.turn = place.turn.wrapping_add(1);
            self.free.push(id.slot);
        }
    }

    pub fn get(&self, id: Id) -> Option<&Transaction<C>> {
        let place = self.slots.get(id.slot as usize)?;
        place.tx.as_deref().filter(|_| place.turn == id.turn)
    }

    pub fn get_mut(&mut self, id: Id) -> Option<&mut Transaction<C>> {
        let place = self.slots.get_mut(id.slot as usize)?;
        let turn = place.turn;
        place.tx.as_deref_mut().filter(|_| turn == id.turn)
    }

    /// Whether an input means something to a transaction now.
    pub fn takes(&self, id: Id, input: Input) -> bool {
        self.get(id)
            .is_some_and(|tx| tx.table.row(tx.state, input).is_some())
    }

    pub fn iter(&self) -> impl Iterator<Item = (Id, &Transaction<C>)> {
        self.slots.iter().zip(0..).filter_map(|(place, slot)| {
            let turn = place.turn;
            Some((Id { slot, turn }, place.tx.as_deref()?))
        })
    }
}
