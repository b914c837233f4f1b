//! The attributes that ICE uses, by number (RFC 8489 section 18.3, RFC 8445 section 16.1).

/// An attribute's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `answerer's fragment:sender's fragment`
    Username,
    /// HMAC-SHA1 over what stands before it.
    MessageIntegrity,
    /// Class and number, then a phrase.
    ErrorCode,
    /// The numbers of attributes that are not understood.
    UnknownAttributes,
    /// Where the request came from.
    XorMappedAddress,
    /// The priority that a candidate found by this check would have.
    Priority,
    /// The sender wants this pair to be used.
    UseCandidate,
    /// CRC-32, last of all.
    Fingerprint,
    /// The sender is in the controlled role; its tie-breaker.
    IceControlled,
    /// The sender is in the controlling role; its tie-breaker.
    IceControlling,
}

impl Attribute {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Username => 0x0006,
            Self::MessageIntegrity => 0x0008,
            Self::ErrorCode => 0x0009,
            Self::UnknownAttributes => 0x000A,
            Self::XorMappedAddress => 0x0020,
            Self::Priority => 0x0024,
            Self::UseCandidate => 0x0025,
            Self::Fingerprint => 0x8028,
            Self::IceControlled => 0x8029,
            Self::IceControlling => 0x802A,
        }
    }

    /// Whether a reader that does not know a number must refuse the message (the lower half).
    pub(crate) fn must_be_known(number: u16) -> bool {
        const KNOWN: [u16; 7] = [0x0006, 0x0008, 0x0009, 0x000A, 0x0020, 0x0024, 0x0025];
        number < 0x8000 && !KNOWN.contains(&number)
    }
}
