//! Music for who is on hold: a piece encoded once a codec, for all calls.

use std::sync::{Arc, OnceLock};
use std::thread;

use codec::{Encoder, Error, Tuning};

use crate::format::Codec;
use crate::Millis;

/// How long one packet of music lasts.
pub(crate) const FRAME: Millis = 20;
const CODECS: [codec::Codec; 4] = [
    codec::Codec::Pcma,
    codec::Codec::Pcmu,
    codec::Codec::G722,
    codec::Codec::Opus,
];

type Frames = Vec<Box<[u8]>>;

/// A piece of music. It is played from its beginning, over and over.
#[derive(Debug, Default)]
pub struct Music {
    coded: [OnceLock<Frames>; CODECS.len()],
}

impl Music {
    /// Encodes a piece of `rate` samples a second (8000, 16000 or 48000), at once.
    ///
    /// # Errors
    /// `Rate`; `Frame` where it is shorter than a packet.
    pub fn new(samples: &[i16], rate: u32) -> Result<Self, Error> {
        let music = Self::default();
        music.encode(samples, rate)?;
        Ok(music)
    }

    /// The same in a thread of its own: a codec that is not there yet is not heard yet.
    ///
    /// # Errors
    /// As `new`; `System` where there is no thread to be had.
    pub fn begin(samples: Vec<i16>, rate: u32) -> Result<Arc<Self>, Error> {
        if samples.len() < frame_length(rate) {
            return Err(Error::Frame(samples.len()));
        }
        Encoder::new(CODECS[0], rate, Tuning::default())?;
        let music = Arc::new(Self::default());
        let ours = Arc::clone(&music);
        let thread = thread::Builder::new().name("music".to_owned());
        // What can fail was tried above.
        let work = move || ours.encode(&samples, rate).unwrap_or_default();
        thread.spawn(work).map_err(|_| Error::System)?;
        Ok(music)
    }

    /// The packets' payloads in a codec; None: it is not encoded in it, or not yet.
    pub(crate) fn frames(&self, codec: Codec) -> Option<&[Box<[u8]>]> {
        let at = CODECS.iter().position(|one| one.name() == codec.name())?;
        self.coded[at].get().map(Vec::as_slice)
    }

    /// Whether it can be heard in a codec, sooner or later.
    pub(crate) fn has(codec: Codec) -> bool {
        CODECS.iter().any(|one| one.name() == codec.name())
    }

    fn encode(&self, samples: &[i16], rate: u32) -> Result<(), Error> {
        if samples.len() < frame_length(rate) {
            return Err(Error::Frame(samples.len()));
        }
        for (codec, place) in CODECS.into_iter().zip(&self.coded) {
            let mut encoder = Encoder::new(codec, rate, Tuning::default())?;
            let mut frames = Frames::new();
            for frame in samples.chunks_exact(frame_length(rate)) {
                let mut payload = Vec::new();
                encoder.encode(frame, &mut payload)?;
                frames.push(payload.into_boxed_slice());
            }
            // Nobody else sets it.
            let _ = place.set(frames);
        }
        Ok(())
    }
}

/// How far a stream has come that music has gone on with; what outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Of the last packet, as it was sent.
    pub ssrc: u32,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    /// It was music.
    pub ours: bool,
    /// A source, and what is added to its sequence numbers and timestamps.
    pub shift: Option<(u32, u16, u32)>,
}

fn frame_length(rate: u32) -> usize {
    (u64::from(rate) * FRAME / 1000).max(1) as usize
}
