//! Every cell of the four machines, against facts written from RFC 3261 section 17 and RFC 6026.
//!
//! A fact is: state, input -> next state: what is seen outside. An input not listed for a state
//! must change nothing and show nothing. The machines are driven through the layer over UDP.
use std::cell::Cell;
use std::rc::Rc;

use crate::machine::Given;
use crate::rig::{call, layer, request, response, said, Rig, UDP};
use crate::{Id, Input, Layer, State};

/// One transaction of a layer over UDP, driven by inputs.
struct Stage {
    method: &'static str,
    is_client: bool,
    layer: Layer<Rig>,
    id: Id,
    state: Rc<Cell<State>>,
    /// What was said at the start.
    first: String,
}

impl Stage {
    fn new(method: &'static str, is_client: bool) -> Self {
        let mut layer = layer(false);
        let id = if is_client {
            call(&mut layer, method, UDP)
        } else {
            let message = request(method, "z9hG4bK1");
            layer.receive(&message, &UDP, 0.0).expect("taken");
            layer.running()[0]
        };
        let state = Rc::new(Cell::new(State::Start));
        layer.tag(id, state.clone());
        let first = said(&mut layer);
        Self {
            method,
            is_client,
            layer,
            id,
            state,
            first,
        }
    }

    /// What is seen of an input.
    fn give(&mut self, input: Input) -> String {
        let status = match input {
            Input::Provisional => 180,
            Input::Success => 200,
            Input::Rejection => 486,
            _ => 0,
        };
        let layer = &mut self.layer;
        let taken = match (layer.get(self.id).map(|tx| tx.request.clone()), input) {
            (Some(asked), _) if status > 0 && self.is_client => {
                layer.receive(&response(&asked, status), &UDP, 0.0)
            }
            (Some(asked), _) if status > 0 => {
                layer.respond(self.id, &response(&asked, status), 0.0)
            }
            (_, Input::TransportError) => layer.flow_lost(&UDP, 0.0),
            (_, Input::Request) if !self.is_client => {
                layer.receive(&request(self.method, "z9hG4bK1"), &UDP, 0.0)
            }
            (_, Input::Ack) if !self.is_client && self.method == "INVITE" => {
                layer.receive(&request("ACK", "z9hG4bK1"), &UDP, 0.0)
            }
            _ => {
                let stepped = layer.machine.step(self.id, input, &Given::NOTHING, 0.0);
                stepped.map(|_| ())
            }
        };
        taken.expect("nothing goes wrong");
        said(layer)
    }
}

struct Machine {
    table: &'static crate::Table,
    method: &'static str,
    is_client: bool,
    facts: &'static str,
    /// One way into every state, from Start.
    ways: &'static [(State, &'static [Input])],
}

fn facts(machine: &Machine) -> Vec<(State, Input, State, &'static str)> {
    let state = |name: &str| {
        State::ALL
            .iter()
            .find(|one| one.name() == name.trim())
            .copied()
    };
    let input = |name: &str| {
        Input::ALL
            .iter()
            .find(|one| one.name() == name.trim())
            .copied()
    };
    let fact = |line: &'static str| {
        let (left, right) = line.split_once("->")?;
        let (before, given) = left.trim().split_once(' ')?;
        let (after, shown) = right.split_once(':')?;
        Some((state(before)?, input(given)?, state(after)?, shown.trim()))
    };
    let lines = machine.facts.trim().lines();
    lines.map(|line| fact(line).expect("a fact")).collect()
}

fn check(machine: &Machine) {
    let facts = facts(machine);
    let start = Stage::new(machine.method, machine.is_client);
    let (state, input, after, shown) = facts[0];
    assert_eq!((state, input), (State::Start, Input::Request));
    assert_eq!((start.state.get(), start.first.as_str()), (after, shown));
    for &(state, way) in machine.ways {
        for &input in Input::ALL {
            let mut stage = Stage::new(machine.method, machine.is_client);
            for &before in way {
                stage.give(before);
            }
            assert_eq!(stage.state.get(), state);
            let is_message = (input as u8) < Input::TransportError as u8;
            if state == State::Terminated && is_message {
                continue; // a message for an ended transaction is the layer's matter
            }
            let fact = facts.iter().find(|fact| (fact.0, fact.1) == (state, input));
            let (after, shown) = fact.map_or((state, ""), |fact| (fact.2, fact.3));
            let cell = format!("{} in {}", input.name(), state.name());
            assert_eq!(stage.give(input), shown, "{cell}");
            assert_eq!(stage.state.get(), after, "{cell}");
        }
    }
    for &(state, input, ..) in machine.table.rows() {
        let known = facts.iter().any(|fact| (fact.0, fact.1) == (state, input));
        assert!(
            known,
            "a cell too many: {} in {}",
            input.name(),
            state.name()
        );
    }
    assert_eq!(machine.table.rows().len(), facts.len());
}

#[test]
fn invite_client() {
    check(&Machine {
        table: &crate::invite_client::TABLE,
        method: "INVITE",
        is_client: true,
        facts: "
            Start      request         -> Calling    : send
            Calling    A               -> Calling    : send
            Calling    B               -> Terminated : failed ended
            Calling    transport error -> Terminated : failed ended
            Calling    1xx             -> Proceeding : response
            Calling    2xx             -> Accepted   : response
            Calling    300-699         -> Completed  : send response
            Proceeding 1xx             -> Proceeding : response
            Proceeding 2xx             -> Accepted   : response
            Proceeding 300-699         -> Completed  : send response
            Proceeding transport error -> Terminated : failed ended
            Proceeding C               -> Proceeding : send
            Proceeding CANCEL          -> Terminated : failed ended
            Completed  300-699         -> Completed  : send
            Completed  transport error -> Terminated : ended
            Completed  D               -> Terminated : ended
            Accepted   2xx             -> Accepted   : response
            Accepted   M               -> Terminated : ended
        ",
        ways: &[
            (State::Calling, &[]),
            (State::Proceeding, &[Input::Provisional]),
            (State::Completed, &[Input::Rejection]),
            (State::Accepted, &[Input::Success]),
            (State::Terminated, &[Input::TimerB]),
        ],
    });
}

#[test]
fn invite_server() {
    check(&Machine {
        table: &crate::invite_server::TABLE,
        method: "INVITE",
        is_client: false,
        facts: "
            Start      request         -> Proceeding : request
            Proceeding request         -> Proceeding : send
            Proceeding 100             -> Proceeding :
            Proceeding 1xx             -> Proceeding : send
            Proceeding 2xx             -> Accepted   : send
            Proceeding 300-699         -> Completed  : send
            Proceeding transport error -> Proceeding : lost
            Completed  request         -> Completed  : send
            Completed  G               -> Completed  : send
            Completed  H               -> Terminated : ended
            Completed  ACK             -> Confirmed  :
            Completed  transport error -> Completed  : lost
            Confirmed  I               -> Terminated : ended
            Accepted   2xx             -> Accepted   : send
            Accepted   ACK             -> Accepted   : ack
            Accepted   L               -> Terminated : ended
            Accepted   transport error -> Accepted   : lost
        ",
        ways: &[
            (State::Proceeding, &[Input::Provisional]),
            (State::Completed, &[Input::Rejection]),
            (State::Confirmed, &[Input::Rejection, Input::Ack]),
            (State::Accepted, &[Input::Success]),
            (State::Terminated, &[Input::Rejection, Input::TimerH]),
        ],
    });
}

#[test]
fn non_invite_client() {
    check(&Machine {
        table: &crate::non_invite_client::TABLE,
        method: "OPTIONS",
        is_client: true,
        facts: "
            Start      request         -> Trying     : send
            Trying     E               -> Trying     : send
            Trying     F               -> Terminated : failed ended
            Trying     transport error -> Terminated : failed ended
            Trying     1xx             -> Proceeding : response
            Trying     2xx             -> Completed  : response
            Trying     300-699         -> Completed  : response
            Proceeding E               -> Proceeding : send
            Proceeding F               -> Terminated : failed ended
            Proceeding transport error -> Terminated : failed ended
            Proceeding 1xx             -> Proceeding : response
            Proceeding 2xx             -> Completed  : response
            Proceeding 300-699         -> Completed  : response
            Completed  K               -> Terminated : ended
        ",
        ways: &[
            (State::Trying, &[]),
            (State::Proceeding, &[Input::Provisional]),
            (State::Completed, &[Input::Success]),
            (State::Terminated, &[Input::TimerF]),
        ],
    });
}

#[test]
fn non_invite_server() {
    check(&Machine {
        table: &crate::non_invite_server::TABLE,
        method: "OPTIONS",
        is_client: false,
        facts: "
            Start      request         -> Trying     : request
            Trying     LATE            -> Proceeding : send
            Trying     1xx             -> Proceeding : send
            Trying     2xx             -> Completed  : send
            Trying     300-699         -> Completed  : send
            Trying     transport error -> Trying     : lost
            Proceeding request         -> Proceeding : send
            Proceeding 1xx             -> Proceeding : send
            Proceeding 2xx             -> Completed  : send
            Proceeding 300-699         -> Completed  : send
            Proceeding transport error -> Proceeding : lost
            Completed  request         -> Completed  : send
            Completed  J               -> Terminated : ended
            Completed  transport error -> Completed  : lost
        ",
        ways: &[
            (State::Trying, &[]),
            (State::Proceeding, &[Input::Provisional]),
            (State::Completed, &[Input::Success]),
            (State::Terminated, &[Input::Success, Input::TimerJ]),
        ],
    });
}

#[test]
fn nothing_is_left_of_merged_requests() {
    let mut layer = layer(true);
    layer
        .receive(&request("INVITE", "z9hG4bK1"), &UDP, 0.0)
        .expect("taken");
    let first = layer.running()[0];
    assert_eq!(said(&mut layer), "request");
    layer
        .receive(&request("INVITE", "z9hG4bK2"), &UDP, 0.0)
        .expect("taken");
    assert_eq!(said(&mut layer), "send");
    let asked = layer.get(first).map(|tx| tx.request.clone()).expect("kept");
    layer
        .respond(first, &response(&asked, 200), 0.0)
        .expect("sent");
    for now in [100.0, 200.0] {
        layer.expire(now).expect("ended");
        said(&mut layer);
    }
    assert!(layer.is_empty() && layer.machine.merging.is_empty());
    assert_eq!(layer.kept().count(), 0);
}
