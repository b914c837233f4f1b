//! The media relay: ports, latching, counters; an I/O-free core and its epoll driver.
//!
//! [`Shard`] decides (no sockets, time given), a worker thread reads and writes datagrams for it,
//! and [`Relay`] is what other threads hold. A session lives on one worker, so a packet takes no lock.
#![deny(unsafe_code)]

mod bundle;
mod control;
mod crypto;
mod digits;
mod dtls;
mod error;
mod events;
mod format;
mod ice;
mod keeper;
mod kept;
mod latch;
mod ledger;
mod memory;
mod music;
mod observe;
mod offload;
mod ports;
mod recording;
mod report;
mod shard;
#[allow(unsafe_code)]
mod sys;
mod types;
mod voice;
mod worker;

pub use bundle::{Bundle, Member};
pub use codec::{Codec as Speech, Tuning};
pub use control::{Kernel, Options, Relay};
pub use crypto::Protection;
pub use dtls::{Hash, Identity, Terms};
pub use error::RelayError;
pub use format::{Codec, Format};
pub use ice::Credentials;
pub use keeper::{name_of, Before, Cells, Entry, Keeper, CELL_WORDS};
pub use latch::{Acceptance, Latch};
pub use ledger::Interface;
pub use music::Music;
pub use observe::Quality;
pub use offload::{Offload, Reason};
pub use ports::PortPool;
pub use recording::{Heard, Place, Tap};
pub use report::{Event, Progress, Report};
pub use shard::Shard;
pub use srtp::{MasterKey, Suite};
pub use types::{
    Content, Counters, Datagram, Key, Kind, PortStats, Remote, StreamPorts, Transmit, Verdict,
};

pub use voice::{Course, Origin, Wanted};

/// Monotonic milliseconds; where they begin does not matter.
pub type Millis = u64;

/// One side of a session: 0 is the one that sent the first offer.
pub type SideIndex = usize;
