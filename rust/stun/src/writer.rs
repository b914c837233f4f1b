//! Writing a message.

use std::net::SocketAddr;

use crate::attribute::Attribute;
use crate::message::Transaction;
use crate::{address, integrity, Kind, HEADER, MAGIC};

/// A message being written: attributes in order, then `finish`.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    transaction: Transaction,
}

impl Writer {
    /// Begins a message.
    #[must_use]
    pub fn new(kind: Kind, transaction: Transaction) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(kind.bits().to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(MAGIC.to_be_bytes());
        bytes.extend(transaction);
        Self { bytes, transaction }
    }

    /// Adds an attribute; a value longer than 64 kB is cut.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: &[u8]) -> Self {
        self.add(attribute.number(), value);
        self
    }

    /// Adds XOR-MAPPED-ADDRESS.
    #[must_use]
    pub fn with_mapped(self, at: SocketAddr) -> Self {
        let value = address::write(at, self.transaction);
        self.with(Attribute::XorMappedAddress, &value)
    }

    /// Adds ERROR-CODE, 300 to 699.
    #[must_use]
    pub fn with_error(self, code: u16, phrase: &str) -> Self {
        let mut value = vec![0, 0, (code / 100) as u8, (code % 100) as u8];
        value.extend(phrase.as_bytes());
        self.with(Attribute::ErrorCode, &value)
    }

    /// Ends the message with integrity by this password, and a fingerprint.
    #[must_use]
    pub fn finish(mut self, password: &[u8]) -> Vec<u8> {
        let digest = integrity::digest(password, &self.bytes);
        self.add(Attribute::MessageIntegrity.number(), &digest);
        let length = (self.bytes.len() + 8 - HEADER) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let fingerprint = integrity::fingerprint(&self.bytes);
        self.add(Attribute::Fingerprint.number(), &fingerprint.to_be_bytes());
        self.bytes
    }

    fn add(&mut self, number: u16, value: &[u8]) {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        self.bytes.extend(number.to_be_bytes());
        self.bytes.extend((value.len() as u16).to_be_bytes());
        self.bytes.extend(value);
        let padded = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(padded, 0);
        let length = (self.bytes.len() - HEADER).min(usize::from(u16::MAX)) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }
}
