//! For the tests of this crate: things to carry, and what a layer said, in words.
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sip_wire::{Answer, Error, Message};

use crate::{Carried, Layer, Manner, Options, Output, State, Timers, Transport};

/// A message that tests hold too.
#[derive(Clone)]
pub struct Shared(pub Rc<RefCell<Message>>);

impl crate::Letter for Shared {
    fn read<R>(&self, look: impl FnOnce(&Message) -> R) -> R {
        look(&self.0.borrow())
    }

    fn change<R>(&self, edit: impl FnOnce(&mut Message) -> R) -> R {
        edit(&mut self.0.borrow_mut())
    }
}

/// Token, transport and the peer's port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way(pub u64, pub Transport, pub u16);

impl crate::Flow for Way {
    fn token(&self) -> u64 {
        self.0
    }

    fn transport(&self) -> Transport {
        self.1
    }
}

/// Over UDP, from the peer's usual port.
pub const UDP: Way = Way(0, Transport::Udp, 5060);
/// A connection.
pub const TCP: Way = Way(1, Transport::Tcp, 5060);

/// Counts the tokens given.
#[derive(Default)]
pub struct Rig(Cell<u32>);

impl Carried for Rig {
    type Letter = Shared;
    type Flow = Way;
    type Tag = Rc<Cell<State>>;
    type Error = Error;

    fn letter(&self, message: Message) -> Result<Shared, Error> {
        Ok(shared(message))
    }

    fn token(&self) -> Result<String, Error> {
        self.0.set(self.0.get() + 1);
        Ok(format!("token{}", self.0.get()))
    }

    fn remote(&self, flow: &Way) -> Result<(String, u16), Error> {
        Ok(("192.0.2.1".to_owned(), flow.2))
    }

    fn with_port(&self, flow: &Way, port: u16) -> Result<Way, Error> {
        Ok(Way(flow.0, flow.1, port))
    }

    fn entered(tag: &Self::Tag, state: State) {
        tag.set(state);
    }
}

/// One to hand in.
pub fn shared(message: Message) -> Shared {
    Shared(Rc::new(RefCell::new(message)))
}

/// A request as it comes from the peer, by the branch.
pub fn request(method: &str, branch: &str) -> Shared {
    let text = format!(
        "{method} sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=a\r\nTo: <sip:b@example.com>\r\n\
         Call-ID: call\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    );
    shared(Message::parse(text.as_bytes()).expect("a request"))
}

/// The response to a request.
pub fn response(request: &Shared, status: u16) -> Shared {
    let answer = Answer {
        to_tag: b"b",
        ..Answer::new(status)
    };
    shared(request.0.borrow().answer(&answer).expect("a response"))
}

/// A layer without transactions.
pub fn layer(merged: bool) -> Layer<Rig> {
    let options = Options {
        limit: 100_000,
        retry_after: 5,
        merged,
        rport: false,
    };
    Layer::new(Rig::default(), Timers::default(), options)
}

/// A request of ours at second 0.
pub fn call(layer: &mut Layer<Rig>, method: &str, flow: Way) -> crate::Id {
    let message = request(method, "z9hG4bKours");
    message.0.borrow_mut().remove(b"Via");
    let begun = layer.request(message, flow, 0.0, "192.0.2.9:5060", Manner::default());
    begun.expect("a transaction")
}

/// All that a layer has to say, a word each; what has ended is forgotten.
pub fn said(layer: &mut Layer<Rig>) -> String {
    let mut words = Vec::new();
    while let Some(output) = layer.pop() {
        words.push(match output {
            Output::Send { .. } => "send",
            Output::RequestArrived(_) => "request",
            Output::AckArrived { .. } => "ack",
            Output::CancelArrived { .. } => "cancel",
            Output::ResponseArrived { .. } => "response",
            Output::RequestFailed { .. } => "failed",
            Output::ResponseLost { .. } => "lost",
            Output::StrayResponse { .. } => "stray",
            Output::Ended { tx, .. } => {
                layer.forget(tx);
                "ended"
            }
        });
    }
    words.join(" ")
}
