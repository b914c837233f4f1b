//! Why bytes are no document.

use std::fmt;

use crate::{MAX_DEPTH, MAX_SIZE, MAX_VALUES};

/// Bytes that are no bencoded document, or one that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// More than `MAX_SIZE` bytes.
    Long,
    /// More than `MAX_VALUES` values, or `MAX_DEPTH` inside each other.
    Large,
    /// Something stands behind the document: so many bytes.
    Rest(usize),
    /// It ends inside a value.
    Early,
    /// No number where one must be, at this byte.
    NoNumber(usize),
    /// A string is longer than what is there.
    Beyond,
    /// A dictionary has a key twice.
    Twice,
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(to, "longer than {MAX_SIZE} bytes"),
            Self::Large => write!(
                to,
                "more than {MAX_VALUES} values, or {MAX_DEPTH} inside each other"
            ),
            Self::Rest(count) => write!(to, "{count} bytes after the document"),
            Self::Early => to.write_str("the document ends early"),
            Self::NoNumber(at) => write!(to, "no number at byte {at}"),
            Self::Beyond => to.write_str("a string is longer than the document"),
            Self::Twice => to.write_str("a key is there twice"),
        }
    }
}

impl std::error::Error for Error {}
