//! Why a packet was not protected or unprotected.

use std::fmt;

/// Why a packet was not protected or unprotected; its bytes are then of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Too short for what its header says, or no room for what protection adds.
    Malformed,
    /// The tag is wrong: another key, or somebody changed the packet.
    Unauthentic,
    /// The packet came before, or is older than the window.
    Replayed,
    /// More sources than one key may serve.
    TooManySources,
    /// The key has served as many packets as it may (RFC 3711 section 9.2).
    Exhausted,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Malformed => "the packet is too short or too long",
            Self::Unauthentic => "the packet does not authenticate",
            Self::Replayed => "the packet came before or is too old",
            Self::TooManySources => "too many sources for one key",
            Self::Exhausted => "the key is used up",
        })
    }
}

impl std::error::Error for Error {}
