//! Messages from the wire: which transaction they go to, and what needs none.
use sip_wire::{Message, Via};

use crate::carried::{Carried, Flow, Letter};
use crate::layer::{kind, Layer};
use crate::machine::Given;
use crate::matching::{client_key, has_cookie, merge_key, note_source, server_key, UDP_PORT};
use crate::output::Output;
use crate::store::{Id, Key, Side, Transaction};
use crate::table::{Input, State, Table};
use crate::{invite_server, non_invite_server};

/// A request on its way to its transaction.
struct Arrival<'a, C: Carried> {
    message: &'a C::Letter,
    via: Via,
    flow: &'a C::Flow,
    now: f64,
}

impl<C: Carried> Layer<C> {
    /// Takes a parsed and validated message. The top Via of a request gets received and rport.
    ///
    /// # Errors
    /// There is no tag for an answer, or a message of the layer's own cannot be written.
    pub fn receive(
        &mut self,
        message: &C::Letter,
        flow: &C::Flow,
        now: f64,
    ) -> Result<(), C::Error> {
        let (via, is_request, is_ack) = message.read(|message| {
            let is_request = message.is_request();
            let is_ack = is_request && message.method() == b"ACK";
            (message.top_via(), is_request, is_ack)
        });
        let Some(via) = via else {
            self.counters.without_via += 1;
            return Ok(());
        };
        let arrival = Arrival {
            message,
            via,
            flow,
            now,
        };
        if is_ack {
            self.receive_ack(&arrival)
        } else if is_request {
            self.receive_request(arrival)
        } else {
            self.receive_response(&arrival)
        }
    }

    /// Goes on with an INVITE that another process had taken; no output tells of it.
    ///
    /// Repetitions, CANCEL and ACK find it. `back`: where answers go. `None`: it is known already,
    /// or the layer is full.
    ///
    /// # Errors
    /// A message of the layer's own cannot be written.
    pub fn take_over(
        &mut self,
        message: &C::Letter,
        flow: &C::Flow,
        back: C::Flow,
        now: f64,
    ) -> Result<Option<Id>, C::Error> {
        let Some(via) = message.read(Message::top_via) else {
            return Ok(None);
        };
        let key = message.read(|message| server_key(message, &via, b"INVITE"));
        if self.machine.servers.contains_key(&key) || self.is_full() {
            return Ok(None);
        }
        let arrival = Arrival {
            message,
            via,
            flow,
            now,
        };
        let mut tx = self.server(&arrival, key, back, &invite_server::TABLE, None);
        tx.silent = true;
        self.machine.begin(tx, now).map(Some)
    }

    fn receive_request(&mut self, arrival: Arrival<'_, C>) -> Result<(), C::Error> {
        let Arrival { message, via, .. } = &arrival;
        let (key, method) = message.read(|message| {
            let method = Box::<[u8]>::from(message.method());
            (server_key(message, via, &method), method)
        });
        if let Some(&known) = self.machine.servers.get(&key) {
            return self.run(known, Input::Request, &arrival).map(|_| ());
        }
        let back = self.way_back(&arrival)?;
        if *method == *b"CANCEL" {
            return self.receive_cancel(&arrival, key, back);
        }
        if self.is_full() {
            return self.refuse(message, back);
        }
        let table: &Table = if *method == *b"INVITE" {
            &invite_server::TABLE
        } else {
            &non_invite_server::TABLE
        };
        let mut copy = None;
        if self.options.merged {
            let merged =
                |message: &Message| message.to_tag().is_empty().then(|| merge_key(message));
            copy = message.read(merged);
        }
        let merged = copy
            .as_ref()
            .is_some_and(|copy| self.machine.merging.contains_key(copy));
        let tx = self.server(&arrival, key, back, table, copy.filter(|_| !merged));
        if merged {
            return self.answer(tx, 482, Vec::new(), arrival.now);
        }
        self.machine.begin(tx, arrival.now).map(|_| ())
    }

    /// Notes where a request came from, and returns where its responses go.
    ///
    /// RFC 3261 section 18.2.2: a connection is answered on itself; UDP to the source address, and
    /// to its port if rport asked for it, else to the Via's port.
    fn way_back(&self, arrival: &Arrival<'_, C>) -> Result<C::Flow, C::Error> {
        let Arrival { via, flow, .. } = arrival;
        let (host, port) = self.machine.carried.remote(flow)?;
        let note = |message: &mut Message| note_source(message, via, &host, port);
        let asks = arrival.message.change(note)?;
        let wanted = via.port().unwrap_or(UDP_PORT);
        if asks || flow.transport().is_reliable() || wanted == port {
            return Ok((*flow).clone());
        }
        self.machine.carried.with_port(flow, wanted)
    }

    /// Runs a transition that a message asks for, and counts what is absorbed.
    fn run(&mut self, id: Id, input: Input, arrival: &Arrival<'_, C>) -> Result<bool, C::Error> {
        let given = Given {
            message: Some(arrival.message),
            arrival: Some(arrival.flow),
        };
        let taken = self.machine.step(id, input, &given, arrival.now)?;
        self.counters.absorbed += u64::from(!taken);
        Ok(taken)
    }

    fn server(
        &self,
        arrival: &Arrival<'_, C>,
        key: Key,
        back: C::Flow,
        table: &'static Table,
        merge_key: Option<Key>,
    ) -> Transaction<C> {
        let to_tag = Box::default();
        let side = Side::Server { to_tag, merge_key };
        let (message, flow) = (arrival.message.clone(), arrival.flow.clone());
        let mut tx = Transaction::new(message, flow, key, table, side, &self.machine.timers);
        tx.back = back;
        tx
    }

    fn is_full(&self) -> bool {
        self.machine.len() >= self.options.limit
    }

    /// The INVITE's transaction that an ACK or CANCEL may belong to.
    fn invite_of(&self, arrival: &Arrival<'_, C>) -> Option<Id> {
        let via = &arrival.via;
        let read = |message: &Message| server_key(message, via, b"INVITE");
        self.machine
            .servers
            .get(&arrival.message.read(read))
            .copied()
    }

    fn to_tag(&self, id: Id) -> &[u8] {
        match self.machine.store.get(id).map(|tx| &tx.side) {
            Some(Side::Server { to_tag, .. }) => to_tag,
            _ => b"",
        }
    }

    /// Answers a CANCEL (section 9.2): 200 for a known INVITE whatever its state, else 481.
    fn receive_cancel(
        &mut self,
        arrival: &Arrival<'_, C>,
        key: Key,
        back: C::Flow,
    ) -> Result<(), C::Error> {
        let invite = self.invite_of(arrival);
        if invite.is_none() && self.is_full() {
            return self.refuse(arrival.message, back);
        }
        let tx = self.server(arrival, key, back, &non_invite_server::TABLE, None);
        let Some(invite) = invite else {
            return self.answer(tx, 481, Vec::new(), arrival.now);
        };
        let tag = self.to_tag(invite).to_vec();
        self.answer(tx, 200, tag, arrival.now)?;
        let state = self.machine.store.get(invite).map(Transaction::state);
        if state == Some(State::Proceeding) {
            let message = arrival.message.clone();
            let output = Output::CancelArrived {
                tx: invite,
                message,
            };
            self.machine.out.push_back(output);
        }
        Ok(())
    }

    fn receive_ack(&mut self, arrival: &Arrival<'_, C>) -> Result<(), C::Error> {
        let message = arrival.message;
        let fits = |&id: &Id| {
            has_cookie(&arrival.via)
                || message.read(|message| *message.to_tag() == *self.to_tag(id))
        };
        if let Some(id) = self.invite_of(arrival).filter(fits) {
            return self.run(id, Input::Ack, arrival).map(|_| ());
        }
        let (message, flow) = (message.clone(), arrival.flow.clone());
        let tx = None;
        let output = Output::AckArrived { message, flow, tx };
        self.machine.out.push_back(output);
        Ok(())
    }

    fn receive_response(&mut self, arrival: &Arrival<'_, C>) -> Result<(), C::Error> {
        let branch = arrival.via.param(b"branch").unwrap_or_default();
        let (key, status, is_invite) = arrival.message.read(|message| {
            let method = message.method();
            let key = client_key(&branch, method);
            (key, message.status(), method == b"INVITE")
        });
        if let Some(&id) = self.machine.clients.get(&key) {
            let taken = self.run(id, kind(status), arrival)?;
            if taken && self.machine.may_cancel(id) {
                self.machine.send_cancel(id, arrival.now)?;
            }
        } else if is_invite && (200..300).contains(&status) {
            let (message, flow) = (arrival.message.clone(), arrival.flow.clone());
            let output = Output::StrayResponse { message, flow };
            self.machine.out.push_back(output);
        } else {
            self.counters.stray += 1;
        }
        Ok(())
    }
}
