//! STUN (RFC 8489) as far as ICE needs it (RFC 8445 section 7): messages read and written, their
//! integrity judged. No sockets, no clock, no randomness.
#![forbid(unsafe_code)]

mod address;
mod attribute;
mod integrity;
mod message;
mod writer;

pub use attribute::Attribute;
pub use message::{Message, Transaction};
pub use writer::Writer;

/// The fixed number in every header (RFC 8489 section 5).
pub const MAGIC: u32 = 0x2112_A442;
/// Bytes of the header.
pub const HEADER: usize = 20;

/// What a message is; only Binding's methods have a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0x0001
    BindingRequest,
    /// 0x0011: a keep-alive, which has no answer.
    BindingIndication,
    /// 0x0101
    BindingSuccess,
    /// 0x0111
    BindingError,
    /// Another method (TURN's).
    Other(u16),
}

impl Kind {
    fn from_bits(bits: u16) -> Self {
        match bits {
            0x0001 => Self::BindingRequest,
            0x0011 => Self::BindingIndication,
            0x0101 => Self::BindingSuccess,
            0x0111 => Self::BindingError,
            other => Self::Other(other),
        }
    }

    fn bits(self) -> u16 {
        match self {
            Self::BindingRequest => 0x0001,
            Self::BindingIndication => 0x0011,
            Self::BindingSuccess => 0x0101,
            Self::BindingError => 0x0111,
            Self::Other(bits) => bits,
        }
    }
}
