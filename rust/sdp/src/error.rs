//! What can be wrong with a description.

use std::fmt;

use crate::{MAX_LINE, MAX_LINES, MAX_MEDIA, MAX_SIZE};

/// A description that cannot be used, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1; 0: the description as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has more than `MAX_SIZE` bytes.
    Long,
    /// Nothing is there.
    Empty,
    /// Not `letter=value`.
    NoLine,
    /// More than `MAX_LINE` bytes.
    LongLine,
    /// One of more than `MAX_LINES`.
    ManyLines,
    /// One of more than `MAX_MEDIA` sections.
    ManyMedia,
    /// So it does not begin.
    NoVersion,
    /// The second line is another.
    NoOrigin,
    /// An o= line of other words.
    Origin,
    /// Another count of words, in the lines that the text names.
    Words(&'static str),
    /// A multicast address.
    Multicast,
    /// A c= line where one was.
    SecondConnection,
    /// An m= line without any.
    NoConnection,
    /// Neither IN IP4 nor IN IP6.
    AddressType,
    /// An address that cannot be one.
    Address,
    /// Several ports in an m= line.
    SeveralPorts,
    /// No number where a port must be, in the line that the text names.
    NoPort(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(to, "longer than {MAX_SIZE} bytes"),
            Self::Empty => to.write_str("empty"),
            Self::NoLine => to.write_str("not of the form letter=value"),
            Self::LongLine => write!(to, "longer than {MAX_LINE} bytes"),
            Self::ManyLines => write!(to, "more than {MAX_LINES} lines"),
            Self::ManyMedia => write!(to, "more than {MAX_MEDIA} m= lines"),
            Self::NoVersion => to.write_str("a description begins with v=0"),
            Self::NoOrigin => to.write_str("o= must follow v="),
            Self::Origin => to.write_str("o= is not: user, id, version, IN, IP4 or IP6, address"),
            Self::Words(said) => to.write_str(said),
            Self::Multicast => to.write_str("c= names a multicast group"),
            Self::SecondConnection => to.write_str("a second c= line"),
            Self::NoConnection => to.write_str("no c= line for this m= line"),
            Self::AddressType => to.write_str("address is neither IN IP4 nor IN IP6"),
            Self::Address => to.write_str("address is unreadable or does not fit its type"),
            Self::SeveralPorts => to.write_str("m= asks for several ports"),
            Self::NoPort(line) => write!(to, "{line} has no port"),
        }
    }
}
