//! One recording: what each side says, decoded, put on a line of time and written to its files.

use std::io;
use std::path::PathBuf;

use rtp::RtpHeader;

use super::decoder::{decoder, rate_of};
use super::timeline::{Stamp, Timeline};
use super::wav::{Growing, Place};
use super::Heard;
use crate::format::{Codec, Format};
use crate::report::Progress;
use crate::Millis;

/// Frames that are given to the file at once.
const PIECE: usize = 16_000;

/// One recording.
pub(super) struct Take {
    pub session: String,
    stem: String,
    /// Where its files go, for who reads why one could not be written.
    directory: PathBuf,
    /// Which file, from 1: one that is as long as a WAV file can be is followed by another.
    number: u32,
    open: Option<(Timeline, Growing)>,
    decoders: [Option<(Format, Option<codec::Decoder>)>; 2],
    failed: bool,
    /// A codec that is not decoded was told.
    unheard: bool,
    samples: Vec<i16>,
}

impl Take {
    pub fn new(session: String, stem: String, directory: PathBuf) -> Self {
        Self {
            session,
            stem,
            directory,
            number: 0,
            open: None,
            decoders: [None, None],
            failed: false,
            unheard: false,
            samples: Vec::new(),
        }
    }

    pub fn name(&self) -> String {
        match self.number {
            0 | 1 => format!("{}.wav", self.stem),
            more => format!("{}-{more}.wav", self.stem),
        }
    }

    pub fn hear(&mut self, heard: &Heard, place: &Place) -> Option<Progress> {
        let header = RtpHeader::parse(&heard.packet).filter(|_| !self.failed)?;
        let format = heard.format;
        if format.codec == Codec::TelephoneEvent {
            return None;
        }
        let mut news = None;
        if self.open.is_none() {
            let Some(rate) = rate_of(format.codec) else {
                return self.not_heard(format);
            };
            self.number += 1;
            match Growing::create(place, &self.name(), rate) {
                Ok(file) => self.open = Some((Timeline::new(rate, heard.at), file)),
                Err(error) => return Some(self.fail(&error)),
            }
            self.decoders = [None, None];
            news = Some(Progress::Began);
        }
        let (line, _) = self.open.as_mut()?;
        let known = self.decoders[heard.side].as_ref();
        if known.is_none_or(|(one, _)| *one != format) {
            let decoder = decoder(format.codec, line.rate());
            self.decoders[heard.side] = Some((format, decoder));
        }
        let Some((_, Some(decoder))) = &mut self.decoders[heard.side] else {
            return self.not_heard(format);
        };
        self.samples.clear();
        // A payload that is none of the codec is silence, like one that did not come.
        let _ = decoder.decode(header.payload(), &mut self.samples);
        let stamp = Stamp {
            ssrc: header.ssrc(),
            timestamp: header.timestamp(),
            clock: format.clock,
            at: heard.at,
        };
        line.place(heard.side, stamp, &self.samples);
        self.write(heard.at, false).or(news)
    }

    fn not_heard(&mut self, format: Format) -> Option<Progress> {
        let told = std::mem::replace(&mut self.unheard, true);
        (!told).then(|| Progress::Failed {
            why: format!("{} is not decoded", format.codec.name()),
        })
    }

    /// Writes what is due by now, or all of it.
    fn write(&mut self, now: Millis, all: bool) -> Option<Progress> {
        let (line, file) = self.open.as_mut()?;
        loop {
            if !file.has_room(PIECE) {
                return self.close_file(0);
            }
            let done = match all {
                true => line.finish(now, PIECE, |frame| file.push(frame)),
                false => line.give_out(now, PIECE, |frame| file.push(frame)),
            };
            if file.waiting() >= line.rate() as usize / 5 || all {
                if let Err(error) = file.flush() {
                    return Some(self.fail(&error));
                }
            }
            if done {
                return None;
            }
        }
    }

    pub fn close(&mut self, at: Millis, dropped: u64) -> Option<Progress> {
        self.write(at, true).or_else(|| self.close_file(dropped))
    }

    fn close_file(&mut self, dropped: u64) -> Option<Progress> {
        let (line, mut file) = self.open.take()?;
        let duration = line.done() * 1000 / u64::from(line.rate());
        match file.flush().and_then(|()| file.close()) {
            Ok(()) => Some(Progress::Ended { duration, dropped }),
            Err(error) => Some(self.fail(&error)),
        }
    }

    /// Ends the recording for good. What the disk has taken keeps its name, if that can be.
    fn fail(&mut self, error: &io::Error) -> Progress {
        self.failed = true;
        if let Some((_, file)) = self.open.take() {
            // The reason is told; a file that cannot be finished now is so by the next process.
            let _ = file.close();
        }
        Progress::Failed {
            why: format!("in {}: {error}", self.directory.display()),
        }
    }
}
