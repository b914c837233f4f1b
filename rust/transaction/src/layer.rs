//! The transaction layer: finds the transaction of a message and runs its table (RFC 3261 17).
use crate::carried::{Carried, Flow, Letter};
use crate::counters::Counters;
use crate::machine::{Given, Machine};
use crate::matching::{client_key, COOKIE};
use crate::output::Output;
use crate::store::{Id, Side, Transaction};
use crate::table::{Input, State, Table};
use crate::timers::Timers;
use crate::{invite_client, non_invite_client};

/// How a layer works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Transactions at once: more requests get 503.
    pub limit: usize,
    /// Seconds in the Retry-After of that 503.
    pub retry_after: u32,
    /// Answer 482 to a request that came by two ways (RFC 3261 8.2.2.2); for a UAS.
    pub merged: bool,
    /// Ask for rport over TCP and TLS too, as the guide's office does (RFC 3581).
    pub rport: bool,
}

/// How requests go to one peer that wants it otherwise; `None`: as the layer does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Round-trip estimate, in seconds.
    pub t1: Option<f64>,
    /// Longest interval between retransmissions, in seconds.
    pub t2: Option<f64>,
    /// As RFC 2543 knew it: no rport, and a branch without the cookie of RFC 3261.
    pub old_via: bool,
}

/// All transactions of one core. Call `pop` until `None` after every other call.
pub struct Layer<C: Carried> {
    pub(crate) options: Options,
    pub(crate) counters: Counters,
    pub(crate) machine: Machine<C>,
}

impl<C: Carried> Layer<C> {
    /// A layer without transactions.
    pub fn new(carried: C, timers: Timers, options: Options) -> Self {
        Self {
            options,
            counters: Counters::default(),
            machine: Machine::new(carried, timers),
        }
    }

    /// Sends a request (not ACK, not CANCEL) with a Via of ours prepended.
    ///
    /// The Via is SIP/2.0/<transport> <`sent_by`>;branch=...; over UDP with rport. How long a
    /// transaction lives is the layer's, whatever the manner.
    ///
    /// # Errors
    /// There is no branch, or the Via cannot be written.
    pub fn request(
        &mut self,
        message: C::Letter,
        flow: C::Flow,
        now: f64,
        sent_by: &str,
        manner: Manner,
    ) -> Result<Id, C::Error> {
        let method = message.read(|message| Box::<[u8]>::from(message.method()));
        let (via, branch) = self.push_via(&message, &flow, sent_by, manner.old_via)?;
        let table: &Table = if *method == *b"INVITE" {
            &invite_client::TABLE
        } else {
            &non_invite_client::TABLE
        };
        let key = client_key(branch.as_bytes(), &method);
        let side = Side::Client {
            branch: branch.into_bytes().into(),
            via: via.into_bytes().into(),
            cancel: None,
            cancelled: false,
        };
        let mut tx = Transaction::new(message, flow, key, table, side, &self.machine.timers);
        // Zero seconds are no interval: then it is as the layer does.
        tx.t1 = manner.t1.filter(|&t1| t1 > 0.0).unwrap_or(tx.t1);
        tx.t2 = manner.t2.filter(|&t2| t2 > 0.0).unwrap_or(tx.t2);
        self.machine.begin(tx, now)
    }

    /// Sends a response: any number of 1xx, one final, and for INVITE the 2xx again and again.
    ///
    /// What no longer fits (a response after the final one, an ended transaction) is not sent.
    ///
    /// # Errors
    /// A message of the layer's own cannot be written.
    pub fn respond(&mut self, id: Id, response: &C::Letter, now: f64) -> Result<(), C::Error> {
        let input = kind(response.read(sip_wire::Message::status));
        let given = Given {
            message: Some(response),
            arrival: None,
        };
        if !self.machine.step(id, input, &given, now)? {
            self.counters.late += 1;
        }
        Ok(())
    }

    /// Cancels an INVITE: at once after a 1xx, else when one comes; nothing after a final one.
    ///
    /// `headers` go into the CANCEL (Reason). The final response arrives as ever, usually 487; the
    /// answer to the CANCEL is not shown.
    ///
    /// # Errors
    /// A header cannot be written.
    pub fn cancel(&mut self, id: Id, now: f64, headers: &[(&[u8], &[u8])]) -> Result<(), C::Error> {
        let machine = &mut self.machine;
        let is_invite = |tx: &Transaction<C>| std::ptr::eq(tx.table, &invite_client::TABLE);
        if !machine.store.get(id).is_some_and(is_invite) {
            return Ok(());
        }
        machine.prepare_cancel(id, headers)?;
        if machine.may_cancel(id) {
            machine.send_cancel(id, now)?;
        }
        Ok(())
    }

    /// Sends without a transaction (ACK to a 2xx, a 2xx forwarded late).
    ///
    /// With `sent_by` a Via of ours with a fresh branch is prepended first.
    ///
    /// # Errors
    /// There is no branch, or the Via cannot be written.
    pub fn send_stateless(
        &mut self,
        message: &C::Letter,
        flow: C::Flow,
        sent_by: Option<&str>,
        manner: Manner,
    ) -> Result<(), C::Error> {
        if let Some(sent_by) = sent_by {
            self.push_via(message, &flow, sent_by, manner.old_via)?;
        }
        let data = message.read(sip_wire::Message::to_bytes).into();
        self.machine.out.push_back(Output::Send { flow, data });
        Ok(())
    }

    /// Sends the responses of a server transaction to another flow, its own one being lost.
    pub fn reroute(&mut self, id: Id, flow: C::Flow) {
        self.machine.reroute(id, flow);
    }

    /// A connection is gone: requests on it fail, servers hear `ResponseLost`.
    ///
    /// # Errors
    /// A message of the layer's own cannot be written.
    pub fn flow_lost(&mut self, flow: &C::Flow, now: f64) -> Result<(), C::Error> {
        self.machine.lose(flow, now)
    }

    /// Runs the timers due at `now`.
    ///
    /// # Errors
    /// A message of the layer's own cannot be written.
    pub fn expire(&mut self, now: f64) -> Result<(), C::Error> {
        self.machine.expire(now)
    }

    /// The next timer: when, and which.
    pub fn next_timer(&mut self) -> Option<(f64, Input)> {
        self.machine
            .next_timer()
            .map(|entry| (entry.at, entry.timer))
    }

    /// The next output, `None` when there is none left.
    pub fn pop(&mut self) -> Option<Output<C>> {
        self.machine.out.pop_front()
    }

    /// Looks at a transaction; until it is forgotten, also one that has ended.
    pub fn get(&self, id: Id) -> Option<&Transaction<C>> {
        self.machine.store.get(id)
    }

    /// The user knows a transaction by this from here on.
    pub fn tag(&mut self, id: Id, tag: C::Tag) {
        if let Some(tx) = self.machine.store.get_mut(id) {
            C::entered(&tag, tx.state());
            tx.tag = Some(tag);
        }
    }

    /// Nobody will ask for a transaction any more; `Output::Ended` has been seen.
    pub fn forget(&mut self, id: Id) {
        let ended = |tx: &Transaction<C>| tx.state() == State::Terminated;
        if self.machine.store.get(id).is_some_and(ended) {
            self.machine.store.remove(id);
        }
    }

    /// All that are kept, for looking at.
    pub fn kept(&self) -> impl Iterator<Item = (Id, &Transaction<C>)> {
        self.machine.store.iter()
    }

    /// All that are running, for looking at.
    pub fn running(&self) -> Vec<Id> {
        self.machine.running().collect()
    }

    /// How many are running.
    pub fn len(&self) -> usize {
        self.machine.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections that some transaction depends on.
    pub fn connections(&self) -> usize {
        self.machine.flows.len()
    }

    /// Timers held, those that have become meaningless too.
    pub fn timers_held(&self) -> usize {
        self.machine.heap.len()
    }

    /// What has been counted.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Where its user's things come from.
    pub const fn carried(&self) -> &C {
        &self.machine.carried
    }

    /// Prepends our Via; its value and its branch.
    fn push_via(
        &self,
        message: &C::Letter,
        flow: &C::Flow,
        sent_by: &str,
        old: bool,
    ) -> Result<(String, String), C::Error> {
        let token = self.machine.carried.token()?;
        let branch = if old {
            token
        } else {
            format!("{COOKIE}{token}")
        };
        let transport = flow.transport();
        let asks = (self.options.rport || !transport.is_reliable()) && !old;
        let via = [
            "SIP/2.0/",
            transport.name(),
            " ",
            sent_by,
            ";branch=",
            &branch,
            if asks { ";rport" } else { "" },
        ]
        .concat();
        message.change(|message| message.prepend(b"Via", via.as_bytes()))?;
        Ok((via, branch))
    }
}

/// The class of a response.
pub(crate) const fn kind(status: u16) -> Input {
    match status {
        0..200 => Input::Provisional,
        200..300 => Input::Success,
        _ => Input::Rejection,
    }
}
