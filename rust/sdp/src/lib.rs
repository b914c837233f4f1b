//! Session descriptions (RFC 8866) as a middlebox needs them: read within bounds, and rewritten: o=, c=,
//! the ports of m= and a=rtcp, and where encryption ends here, what a section says of its transport. All
//! else keeps its bytes.
#![forbid(unsafe_code)]

mod address;
mod description;
mod error;
mod line;
mod read;
mod rewrite;
mod transport;
mod value;

pub use description::{Description, Direction, Media};
pub use error::{Fault, Reason};
pub use read::read;
pub use rewrite::{rewrite, Ours, Profile, Section, Security};

/// Largest description, in bytes. WebRTC offers with candidates reach 10 kB.
pub const MAX_SIZE: usize = 32_768;
/// Longest line, in bytes without its kind and its end.
pub const MAX_LINE: usize = 4_096;
/// Most lines.
pub const MAX_LINES: usize = 1_024;
/// Most m= lines: each costs four ports. Browsers offer a handful.
pub const MAX_MEDIA: usize = 16;
