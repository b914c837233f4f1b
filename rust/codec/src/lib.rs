//! Speech codecs of telephones, one payload at a time: G.711 (A-law, µ-law), G.722 and Opus.
//!
//! A [`Decoder`] makes samples of payloads, an [`Encoder`] payloads of samples; both work at the rate
//! that the caller wants (8000, 16000 or 48000 samples a second), whatever the codec's own is. Samples
//! are 16-bit linear and mono. There is no I/O and no clock here; time and memory of a call are bounded
//! by the payload, which is bounded by [`MAX_PAYLOAD`].
#![forbid(unsafe_code)]

mod conceal;
mod decoder;
mod encoder;
mod g711;
mod g722;
mod resample;

use std::fmt;

pub use decoder::Decoder;
pub use encoder::{Encoder, Tuning};
pub use resample::Resampler;

/// The longest payload that is decoded: 200 ms of G.711. Opus packets end at 120 ms (RFC 6716).
pub const MAX_PAYLOAD: usize = 1600;

/// A codec with its name in SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711, µ-law.
    Pcmu,
    /// G.711, A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus (RFC 6716, RFC 7587).
    Opus,
}

impl Codec {
    /// Reads an encoding name of SDP, in any case; None: it is another codec.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus];
        all.into_iter()
            .find(|one| one.name().eq_ignore_ascii_case(name))
    }

    /// The encoding name in SDP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// Units of RTP timestamps in a second: for G.722 half its samples, by a mistake that stayed
    /// (RFC 3551 section 4.5.2).
    #[must_use]
    pub fn clock(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// Samples in a second of the speech that the codec carries.
    #[must_use]
    pub fn rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
            Self::G722 => 16_000,
            Self::Opus => 48_000,
        }
    }
}

/// Why something is not coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The rate is none of 8000, 16000 and 48000.
    Rate(u32),
    /// The payload is empty, longer than [`MAX_PAYLOAD`], or none of the codec.
    Payload,
    /// The codec has no frame of that many samples.
    Frame(usize),
    /// libopus has no memory.
    System,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) => write!(out, "{rate} samples a second: 8000, 16000 or 48000 wanted"),
            Self::Payload => out.write_str("the payload is none of the codec"),
            Self::Frame(length) => write!(out, "the codec has no frame of {length} samples"),
            Self::System => out.write_str("libopus has no memory"),
        }
    }
}

impl std::error::Error for Error {}
