//! What is done with a session's streams besides passing them on: transcoding, digits, recordings,
//! music, copies.

use std::sync::atomic::Ordering;

use super::{lock, Relay};
use crate::error::RelayError;
use crate::music::Music;
use crate::voice::{Origin, Wanted};
use crate::worker::Command;
use crate::{Millis, SideIndex};

impl Relay {
    /// Transcodes a stream: what each side gets, as a source of ours with that origin. The same origin
    /// again goes on with the source. None: packets pass as they are.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn transcode(
        &self,
        session: &str,
        stream: u16,
        sides: Option<[(Wanted, Origin); 2]>,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Transcode {
                session: number,
                stream,
                sides: sides.map(Box::new),
            },
        )
    }

    /// Sets whether telephone-events are kept from one side of a stream.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn withhold(
        &self,
        session: &str,
        stream: u16,
        side: SideIndex,
        withheld: bool,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Withhold {
                session: number,
                stream,
                side,
                withheld,
            },
        )
    }

    /// Puts a digit into what leaves towards one side, in place of speech (RFC 4733).
    ///
    /// # Errors
    /// `NoStream` where there is no such session, `Stuck`.
    pub fn dial(
        &self,
        session: &str,
        side: SideIndex,
        digit: char,
        duration: Millis,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, None)?;
        self.tell(
            worker,
            Command::Dial {
                session: number,
                side,
                digit,
                duration,
            },
        )
    }

    /// Records what passes on a stream, both ways, into the file `stem`.wav of two channels: left is
    /// side 0. None: no longer. It is told as `Event::Recording`, and ends with the stream.
    ///
    /// # Errors
    /// `NoRecorder`, `NoStream`, `Stuck`.
    pub fn record(&self, session: &str, stream: u16, stem: Option<&str>) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        let writer = self.writer.as_ref().ok_or(RelayError::NoRecorder)?;
        let recording = stem.map(|stem| {
            let recording = self.recordings.fetch_add(1, Ordering::Relaxed);
            let sink = &writer.sink;
            sink.begin(recording, session.to_owned(), stem.to_owned());
            recording
        });
        self.tell(
            worker,
            Command::Record {
                session: number,
                stream,
                recording,
            },
        )
    }

    /// Takes a piece of music: samples of 16 bits, 8000, 16000 or 48000 a second. It is encoded in a
    /// thread of its own; until then it is not heard.
    ///
    /// # Errors
    /// `Unplayable`.
    pub fn music(&self, name: &str, samples: Vec<i16>, rate: u32) -> Result<(), RelayError> {
        let music = Music::begin(samples, rate).map_err(RelayError::Unplayable)?;
        lock(&self.music).insert(name.to_owned(), music);
        Ok(())
    }

    /// Plays music towards one side of a stream while the other sends nothing; None: no longer.
    ///
    /// # Errors
    /// `NoMusic`, `NoStream`, `Stuck`.
    pub fn play(
        &self,
        session: &str,
        stream: u16,
        side: SideIndex,
        name: Option<&str>,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        let missing = |name: &str| RelayError::NoMusic(name.to_owned());
        let music = name.map(|name| {
            let known = lock(&self.music);
            known.get(name).cloned().ok_or_else(|| missing(name))
        });
        self.tell(
            worker,
            Command::Play {
                session: number,
                stream,
                side,
                music: music.transpose()?,
            },
        )
    }

    /// Sends copies of what passes on a stream, side by side, through another stream of the session,
    /// which then carries nothing else; None: no longer.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn fork(&self, session: &str, stream: u16, to: Option<u16>) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Fork {
                session: number,
                stream,
                to,
            },
        )
    }
}
