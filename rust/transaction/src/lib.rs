//! The transactions of RFC 3261 section 17 with RFC 6026: four tables and the layer over them.
//!
//! Nothing here does I/O, reads a clock or draws random numbers: `now` (seconds) is given, and so
//! are messages, flows and identifiers (see [`Carried`]). What the layer has to say is taken with
//! [`Layer::pop`] until there is nothing left.
#![forbid(unsafe_code)]

mod actions;
mod answering;
mod arriving;
mod carried;
#[cfg(test)]
mod cells;
mod counters;
mod flows;
mod heap;
mod inside;
pub mod invite_client;
pub mod invite_server;
mod layer;
mod machine;
mod matching;
pub mod non_invite_client;
pub mod non_invite_server;
mod output;
#[cfg(test)]
mod rig;
mod store;
mod table;
mod timers;

pub use carried::{Carried, Flow, Letter, Transport};
pub use counters::Counters;
pub use layer::{Layer, Manner, Options};
pub use output::{Cause, Output};
pub use store::{Id, Side, Transaction};
pub use table::{Action, Input, Row, State, Table};
pub use timers::Timers;
