//! What the relay tells unasked.

use crate::{Millis, SideIndex};

/// News of one session: named by its number within the relay, by its name outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<S = String> {
    /// Whose news it is.
    pub session: S,
    /// What happened.
    pub event: Event,
}

/// What can happen to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing came on any of its ports for the configured time; once a silence.
    Silence {
        /// For how long.
        idle: Millis,
    },
    /// Somebody dialled (RFC 4733); once an event.
    Digit {
        /// Which m= line's stream.
        stream: u16,
        /// Who dialled.
        side: SideIndex,
        /// 0 to 9, *, #, A to D; ! is flash.
        digit: char,
        /// How long the key was pressed.
        duration: Millis,
    },
    /// One side sends and the other has been silent for some seconds; once a silence.
    OneWay {
        /// Which m= line's stream.
        stream: u16,
        /// Who is silent.
        side: SideIndex,
        /// For how long; since the call was answered where nothing ever came.
        idle: Millis,
    },
    /// It did not get the ports that it wanted: the range of a media interface is used up. Told once,
    /// and again after a session has got ports there.
    Exhausted {
        /// The media interface.
        interface: String,
    },
    /// Of a recording; told also after its session has ended.
    Recording {
        /// The file's name, without its directory.
        file: String,
        /// What became of it.
        progress: Progress,
    },
}

/// How far a recording is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The first packet has come.
    Began,
    /// The file is whole.
    Ended {
        /// How long it is.
        duration: Millis,
        /// Packets that are not in it because the disk was too slow.
        dropped: u64,
    },
    /// Nothing more will be recorded of the stream, or nothing of that codec.
    Failed {
        /// Why.
        why: String,
    },
}

impl<S> Report<S> {
    /// The same news under another name.
    pub(crate) fn named<T>(self, session: T) -> Report<T> {
        Report {
            session,
            event: self.event,
        }
    }
}
