//! The one error of this crate.

/// Why a message, a value or a stream cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Status code fit for the answer, 0 where only dropping is right.
    pub status: u16,
    /// For people; never contains bytes of the peer.
    pub reason: &'static str,
    /// The header or part at fault, such as `Via` or `start-line`.
    pub place: &'static str,
}

impl Error {
    /// 400 Bad Request.
    pub const fn bad(reason: &'static str, place: &'static str) -> Self {
        Self {
            status: 400,
            reason,
            place,
        }
    }

    /// Nothing to answer to, or a caller's mistake.
    pub const fn unusable(reason: &'static str, place: &'static str) -> Self {
        Self {
            status: 0,
            reason,
            place,
        }
    }

    /// 513 Message Too Large (RFC 3261 section 21.5.7).
    pub const fn too_large(reason: &'static str, place: &'static str) -> Self {
        Self {
            status: 513,
            reason,
            place,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.status, self.reason, self.place)
    }
}

impl std::error::Error for Error {}
