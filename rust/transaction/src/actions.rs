//! What the tables' actions do.
use sip_wire::{Answer, Message};

use crate::carried::{Carried, Letter};
use crate::inside::{make_ack, make_cancel};
use crate::machine::{Given, Machine};
use crate::matching::client_key;
use crate::non_invite_client;
use crate::output::{Cause, Output};
use crate::store::{Id, Side, Transaction};
use crate::table::{Action, Input, State};

impl<C: Carried> Machine<C> {
    /// Does one thing.
    pub(crate) fn act(
        &mut self,
        id: Id,
        action: Action,
        given: &Given<'_, C>,
        now: f64,
    ) -> Result<(), C::Error> {
        match action {
            Action::SendRequest => self.send_request(id),
            Action::SendResponse => self.send_response(id, given),
            Action::SendAck => self.send_ack(id, given)?,
            Action::Send100 => self.send_100(id)?,
            Action::Resend => self.resend(id),
            Action::Pass => self.pass(id, given),
            Action::TimedOut => self.fail(id, Cause::Timeout),
            Action::Broken => self.fail(id, Cause::Transport),
            Action::Unacknowledged => self.note(id, Cause::Timeout),
            Action::Unreachable => self.note(id, Cause::Transport),
            Action::Lost => self.tell_lost(id),
            Action::Cancel => self.send_cancel(id, now)?,
            Action::StartC => self.persist(id, now),
            Action::StartA => self.repeat(id, Input::TimerA, now, |tx| tx.t1),
            Action::RepeatA => self.repeat(id, Input::TimerA, now, |tx| 2.0 * tx.interval),
            Action::StartE => self.repeat(id, Input::TimerE, now, |tx| tx.t1),
            Action::RepeatE => self.repeat(id, Input::TimerE, now, doubled),
            Action::SlowE => self.repeat(id, Input::TimerE, now, |tx| tx.t2),
            Action::StartG => self.repeat(id, Input::TimerG, now, |tx| tx.t1),
            Action::RepeatG => self.repeat(id, Input::TimerG, now, doubled),
            Action::StartB => self.start(id, Input::TimerB, now)?,
            Action::StartD => self.start(id, Input::TimerD, now)?,
            Action::StartF => self.start(id, Input::TimerF, now)?,
            Action::StartH => self.start(id, Input::TimerH, now)?,
            Action::StartI => self.start(id, Input::TimerI, now)?,
            Action::StartJ => self.start(id, Input::TimerJ, now)?,
            Action::StartK => self.start(id, Input::TimerK, now)?,
            Action::StartL => self.start(id, Input::TimerL, now)?,
            Action::StartM => self.start(id, Input::TimerM, now)?,
            Action::Start100 => self.start(id, Input::Timer100, now)?,
            Action::StartLate => self.start(id, Input::TimerLate, now)?,
        }
        Ok(())
    }

    fn send_new(&mut self, id: Id, data: Vec<u8>) {
        if let Some(tx) = self.store.get_mut(id) {
            let data: std::sync::Arc<[u8]> = data.into();
            tx.data = Some(data.clone());
            self.send(id, data);
        }
    }

    fn send_request(&mut self, id: Id) {
        if let Some(tx) = self.store.get(id) {
            let data = tx.request.read(Message::to_bytes);
            self.send_new(id, data);
        }
    }

    fn send_response(&mut self, id: Id, given: &Given<'_, C>) {
        if let Some(message) = given.message {
            let (data, tag) = message.read(|message| {
                let tag: Box<[u8]> = message.to_tag().into_owned().into();
                (message.to_bytes(), tag)
            });
            self.respond_with(id, data, tag);
        }
    }

    fn respond_with(&mut self, id: Id, data: Vec<u8>, tag: Box<[u8]>) {
        if let Some(tx) = self.store.get_mut(id) {
            if let Side::Server { to_tag, .. } = &mut tx.side {
                *to_tag = tag;
            }
            self.send_new(id, data);
        }
    }

    /// Sends a response that the layer makes itself.
    pub(crate) fn send_made(&mut self, id: Id, response: &Message) {
        let tag = response.to_tag().into_owned().into();
        self.respond_with(id, response.to_bytes(), tag);
    }

    fn send_ack(&mut self, id: Id, given: &Given<'_, C>) -> Result<(), C::Error> {
        let (Some(tx), Some(response)) = (self.store.get(id), given.message) else {
            return Ok(());
        };
        let Side::Client { via, .. } = &tx.side else {
            return Ok(());
        };
        let ack = response.read(|response| {
            let invite = &tx.request;
            invite.read(|invite| make_ack(invite, via, response))
        })?;
        self.send_new(id, ack.to_bytes());
        Ok(())
    }

    fn send_100(&mut self, id: Id) -> Result<(), C::Error> {
        let Some(tx) = self.store.get(id).filter(|tx| tx.data.is_none()) else {
            return Ok(());
        };
        let trying = tx
            .request
            .read(|request| request.answer(&Answer::new(100)))?;
        self.send_made(id, &trying);
        Ok(())
    }

    fn resend(&mut self, id: Id) {
        if let Some(data) = self.store.get(id).and_then(|tx| tx.data.clone()) {
            self.send(id, data);
        }
    }

    fn pass(&mut self, id: Id, given: &Given<'_, C>) {
        let Some(tx) = self.store.get(id).filter(|tx| !tx.silent) else {
            return;
        };
        let output = match (tx.is_client(), given.message) {
            (true, Some(message)) => Output::ResponseArrived {
                tx: id,
                message: message.clone(),
            },
            (false, Some(message)) if tx.state == State::Accepted => Output::AckArrived {
                message: message.clone(),
                flow: given.arrival.unwrap_or(&tx.flow).clone(),
                tx: Some(id),
            },
            (false, None) => Output::RequestArrived(id),
            _ => return,
        };
        self.out.push_back(output);
    }

    /// The request gets no final response.
    fn fail(&mut self, id: Id, cause: Cause) {
        self.note(id, cause);
        if self.store.get(id).is_some_and(|tx| !tx.silent) {
            self.out.push_back(Output::RequestFailed { tx: id, cause });
        }
    }

    /// `Ended` will bear the cause.
    fn note(&mut self, id: Id, cause: Cause) {
        if let Some(tx) = self.store.get_mut(id) {
            tx.cause = Some(cause);
        }
    }

    fn tell_lost(&mut self, id: Id) {
        let Some(tx) = self.store.get_mut(id).filter(|tx| !tx.lost) else {
            return;
        };
        tx.lost = true;
        if !tx.silent {
            let cause = Cause::Transport;
            self.out.push_back(Output::ResponseLost { tx: id, cause });
        }
    }

    /// Makes the CANCEL of an INVITE of ours, to be sent when it may be.
    pub(crate) fn prepare_cancel(
        &mut self,
        id: Id,
        headers: &[(&[u8], &[u8])],
    ) -> Result<(), C::Error> {
        let Some(tx) = self.store.get_mut(id) else {
            return Ok(());
        };
        if let Side::Client { via, cancel, .. } = &mut tx.side {
            let invite = &tx.request;
            let made = invite.read(|invite| make_cancel(invite, via, headers))?;
            *cancel = Some(Box::new(made));
        }
        Ok(())
    }

    /// Whether a CANCEL waits for its first 1xx, and there has been one.
    pub(crate) fn may_cancel(&self, id: Id) -> bool {
        self.store.get(id).is_some_and(|tx| {
            let waits = matches!(
                &tx.side,
                Side::Client {
                    cancel: Some(_),
                    ..
                }
            );
            waits && tx.state == State::Proceeding
        })
    }

    /// Sends CANCEL once, in a transaction of its own, and gives the INVITE 64*T1 to end (9.1).
    pub(crate) fn send_cancel(&mut self, id: Id, now: f64) -> Result<(), C::Error> {
        if !self.may_cancel(id) {
            self.prepare_cancel(id, &[])?;
        }
        let Some(tx) = self.store.get_mut(id) else {
            return Ok(());
        };
        let Side::Client {
            branch,
            via,
            cancel,
            cancelled,
        } = &mut tx.side
        else {
            return Ok(());
        };
        let Some(request) = cancel.take().filter(|_| !*cancelled) else {
            return Ok(());
        };
        *cancelled = true;
        let key = client_key(branch, b"CANCEL");
        let side = Side::Client {
            branch: branch.clone(),
            via: via.clone(),
            cancel: None,
            cancelled: false,
        };
        let (flow, request) = (tx.flow.clone(), self.carried.letter(*request)?);
        let table = &non_invite_client::TABLE;
        let mut cancel = Transaction::new(request, flow, key, table, side, &self.timers);
        cancel.silent = true;
        self.start(id, Input::TimerCancel, now)?;
        self.begin(cancel, now)?;
        Ok(())
    }
}

fn doubled<C: Carried>(tx: &Transaction<C>) -> f64 {
    (2.0 * tx.interval).min(tx.t2)
}
