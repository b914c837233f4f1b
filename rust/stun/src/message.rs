//! Reading a message without copying it.

use std::net::SocketAddr;

use crate::attribute::Attribute;
use crate::integrity::{self, DIGEST};
use crate::{address, Kind, HEADER, MAGIC};

/// Names one request and its answer.
pub type Transaction = [u8; 12];

/// A well-formed message: every attribute lies within it, and a fingerprint, where there is one, is
/// last and right.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    fingerprinted: bool,
}

impl<'a> Message<'a> {
    /// Reads a datagram; None for what is no STUN message, or a broken one.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let is_stun = header[0] >> 6 == 0
            && header[4..8] == MAGIC.to_be_bytes()
            && length % 4 == 0
            && HEADER + length == bytes.len();
        if !is_stun {
            return None;
        }
        let (mut at, mut fingerprinted) = (HEADER, false);
        while at < bytes.len() {
            let (number, value, next) = attribute_at(bytes, at)?;
            if number == Attribute::Fingerprint.number() {
                let right = integrity::fingerprint(&bytes[..at]).to_be_bytes();
                fingerprinted = value == right && next == bytes.len();
                if !fingerprinted {
                    return None;
                }
            }
            at = next;
        }
        Some(Self {
            bytes,
            fingerprinted,
        })
    }

    /// Method and class.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_bits(u16::from_be_bytes([self.bytes[0], self.bytes[1]]))
    }

    /// Its transaction.
    #[must_use]
    pub fn transaction(&self) -> Transaction {
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&self.bytes[8..HEADER]);
        transaction
    }

    /// Whether it has a FINGERPRINT (which is then right).
    #[must_use]
    pub fn is_fingerprinted(&self) -> bool {
        self.fingerprinted
    }

    /// The first attribute of a name. Of what follows the integrity only the fingerprint counts, for
    /// nothing vouches for the rest (RFC 8489 section 14.5).
    #[must_use]
    pub fn get(&self, wanted: Attribute) -> Option<&'a [u8]> {
        self.vouched()
            .find(|(number, _)| *number == wanted.number())
            .map(|(_, value)| value)
    }

    /// Whether the integrity is there, and made with this password.
    #[must_use]
    pub fn is_authentic(&self, password: &[u8]) -> bool {
        let mut at = HEADER;
        while let Some((number, value, next)) = attribute_at(self.bytes, at) {
            if number == Attribute::MessageIntegrity.number() {
                return value.len() == DIGEST
                    && integrity::is_authentic(password, &self.bytes[..at], value);
            }
            at = next;
        }
        false
    }

    /// Numbers of attributes that must be understood and are not.
    pub fn unknown(&self) -> impl Iterator<Item = u16> + 'a {
        self.vouched()
            .map(|(number, _)| number)
            .filter(|number| Attribute::must_be_known(*number))
    }

    /// The address in XOR-MAPPED-ADDRESS.
    #[must_use]
    pub fn mapped(&self) -> Option<SocketAddr> {
        let value = self.get(Attribute::XorMappedAddress)?;
        address::read(value, self.transaction())
    }

    /// The number in ERROR-CODE.
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        let value = self.get(Attribute::ErrorCode)?;
        let (class, number) = (value.get(2)?, value.get(3)?);
        Some(u16::from(class & 7) * 100 + u16::from(*number))
    }

    /// The attributes up to the integrity, itself included.
    fn vouched(&self) -> impl Iterator<Item = (u16, &'a [u8])> + 'a {
        let (bytes, mut at, mut ended) = (self.bytes, HEADER, false);
        std::iter::from_fn(move || {
            let (number, value, next) = attribute_at(bytes, at).filter(|_| !ended)?;
            at = next;
            ended = number == Attribute::MessageIntegrity.number();
            Some((number, value))
        })
    }
}

/// Number and value of the attribute at a place, and where the next begins; None: none, or beyond
/// the end.
fn attribute_at(bytes: &[u8], at: usize) -> Option<(u16, &[u8], usize)> {
    let head = bytes.get(at..at + 4)?;
    let number = u16::from_be_bytes([head[0], head[1]]);
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let value = bytes.get(at + 4..at + 4 + length)?;
    let next = at + 4 + length.next_multiple_of(4);
    (next <= bytes.len()).then_some((number, value, next))
}
