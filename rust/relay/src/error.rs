//! Why the relay did not do what was asked.

use std::fmt;
use std::io;

/// Why the relay did not do what was asked.
#[derive(Debug)]
pub enum RelayError {
    /// No media interface of that name.
    NoInterface(String),
    /// Every port pair of the interface is in use or rests.
    Exhausted(String),
    /// The session has no such stream, or the stream is there already.
    NoStream(String, u16),
    /// DTLS was asked for, and the relay has no certificate.
    NoIdentity,
    /// No music of that name was given.
    NoMusic(String),
    /// It cannot be encoded.
    Unplayable(codec::Error),
    /// A recording was asked for, and there is no place for it.
    NoRecorder,
    /// The system refused a socket or a thread.
    System(io::Error),
    /// A worker thread has ended or does not answer.
    Stuck,
}

impl fmt::Display for RelayError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterface(name) => write!(out, "no media interface is called {name:?}"),
            Self::Exhausted(name) => write!(out, "no free ports on media interface {name:?}"),
            Self::NoStream(id, stream) => {
                write!(out, "session {id:?} has no stream {stream} to change")
            }
            Self::NoIdentity => write!(out, "the relay has no certificate for DTLS"),
            Self::NoMusic(name) => write!(out, "there is no music {name:?}"),
            Self::Unplayable(why) => write!(out, "music that cannot be played: {why}"),
            Self::NoRecorder => write!(out, "the relay has no place for recordings"),
            Self::System(error) => write!(out, "the system refused: {error}"),
            Self::Stuck => write!(out, "a relay thread does not answer"),
        }
    }
}

impl std::error::Error for RelayError {}
