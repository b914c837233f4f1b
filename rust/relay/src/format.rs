//! What the payload types of a stream mean.

/// A payload type of a session: an rtpmap line (RFC 8866 section 6.6), or a static one (RFC 3551).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The number in the packets.
    pub payload_type: u8,
    /// Units of the timestamps in a second.
    pub clock: u32,
    /// What it is.
    pub codec: Codec,
}

/// The formats that the relay knows something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711, A-law.
    Pcma,
    /// G.711, µ-law.
    Pcmu,
    /// G.722, whose clock is 8000 by a mistake that stayed (RFC 3551 section 4.5.2).
    G722,
    /// G.729.
    G729,
    /// Opus.
    Opus,
    /// Named telephone events (RFC 4733).
    TelephoneEvent,
    /// Comfort noise (RFC 3389).
    ComfortNoise,
    /// Any other.
    Other,
}

impl Codec {
    /// Reads an encoding name of SDP, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "pcma" => Self::Pcma,
            "pcmu" => Self::Pcmu,
            "g722" => Self::G722,
            "g729" => Self::G729,
            "opus" => Self::Opus,
            "telephone-event" => Self::TelephoneEvent,
            "cn" => Self::ComfortNoise,
            _ => Self::Other,
        }
    }

    /// The name in SDP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::G722 => "G722",
            Self::G729 => "G729",
            Self::Opus => "opus",
            Self::TelephoneEvent => "telephone-event",
            Self::ComfortNoise => "CN",
            Self::Other => "other",
        }
    }

    /// The codec that decodes it; None: there is none here.
    #[must_use]
    pub fn voice(self) -> Option<codec::Codec> {
        match self {
            Self::Pcma | Self::Pcmu | Self::G722 | Self::Opus => {
                codec::Codec::from_name(self.name())
            }
            _ => None,
        }
    }
}
