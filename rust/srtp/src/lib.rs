//! SRTP and SRTCP (RFC 3711) with the suites of RFC 4568, 6188 and 7714. No sockets, no clock.
//!
//! A [`Sender`] protects, a [`Receiver`] unprotects, each with one master key. Both know any number of
//! sources (SSRC) up to [`MAX_SOURCES`]: each has its own rollover counter and replay window. Packets
//! are changed in place, in a buffer that the caller owns.
#![forbid(unsafe_code)]

mod aes;
mod error;
mod kdf;
mod layout;
mod master;
mod receiver;
mod sender;
mod sources;
mod suite;
mod transform;
mod window;

pub use error::Error;
pub use master::MasterKey;
pub use receiver::Receiver;
pub use sender::Sender;
pub use sources::{Progress, MAX_SOURCES};
pub use suite::Suite;
pub use window::WINDOW;

/// The most bytes that protection adds to a packet: a GCM tag and the SRTCP word.
pub const MAX_GROWTH: usize = 20;
