//! Recordings: packets leave the shard as copies, a thread of its own makes a WAV file of them.

mod decoder;
mod take;
mod timeline;
mod wav;
mod writer;

pub use wav::Place;
pub(crate) use writer::{Sink, Writer};

use crate::format::Format;
use crate::{Millis, SideIndex};

/// What the shard says of a stream that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tap {
    /// A packet of RTP in the clear that passes.
    Packet(Heard),
    /// Nothing more comes.
    End {
        /// Which recording.
        recording: u64,
        /// When it ended.
        at: Millis,
    },
}

/// A packet that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which recording.
    pub recording: u64,
    /// Who speaks.
    pub side: SideIndex,
    /// When it arrived.
    pub at: Millis,
    /// What its payload type means.
    pub format: Format,
    /// The packet.
    pub packet: Vec<u8>,
}
