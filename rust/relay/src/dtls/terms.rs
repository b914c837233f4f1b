//! What signaling says of a handshake.

use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::keeper::name_of;

/// A hash function of `a=fingerprint` that is still good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, std::hash::Hash)]
pub enum Hash {
    /// `sha-256`
    Sha256,
    /// `sha-384`
    Sha384,
    /// `sha-512`
    Sha512,
}

impl Hash {
    /// The function of a name in SDP.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha-256" => Some(Self::Sha256),
            "sha-384" => Some(Self::Sha384),
            "sha-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(super) fn of(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }
}

/// What signaling says of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What the peer's certificate must hash to: any of these.
    pub fingerprints: Vec<(Hash, Vec<u8>)>,
    /// We begin (`a=setup:active` is ours), else the peer does.
    pub active: bool,
}

impl Terms {
    /// What names keys that were agreed on these terms.
    pub(crate) fn name(&self) -> u64 {
        name_of(&self.fingerprints)
    }
}
