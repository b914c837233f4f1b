//! AES in counter mode with HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1, RFC 6188).

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::Number;
use crate::aes::Aes;
use crate::error::Error;

pub(crate) struct Cm {
    aes: Aes,
    /// With the key's two blocks already taken in, which is half of the work on a short packet.
    mac: Hmac<Sha1>,
    salt: [u8; 14],
    tag: usize,
}

impl Cm {
    /// Keys of the lengths that the suite has; `tag` bytes of HMAC are sent.
    pub fn new(cipher: &[u8], auth: &[u8], salt: &[u8], tag: usize) -> Self {
        let mut own = [0; 14];
        own.copy_from_slice(salt);
        Self {
            aes: Aes::new(cipher),
            mac: Hmac::new_from_slice(auth).expect("HMAC takes a key of any length"),
            salt: own,
            tag,
        }
    }

    pub fn tag_length(&self) -> usize {
        self.tag
    }

    /// Encrypts or decrypts, which is the same.
    pub fn crypt(&self, number: Number, data: &mut [u8]) {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt);
        let ssrc = number.ssrc.to_be_bytes();
        block[4..8]
            .iter_mut()
            .zip(ssrc)
            .for_each(|(at, byte)| *at ^= byte);
        let index = number.index.to_be_bytes();
        block[8..14]
            .iter_mut()
            .zip(&index[2..])
            .for_each(|(at, byte)| *at ^= byte);
        self.aes.crypt(block, data);
    }

    /// The whole HMAC over a packet and the four bytes after it.
    pub fn tag(&self, packet: &[u8], more: [u8; 4]) -> [u8; 20] {
        self.over(packet, more).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub fn check(&self, packet: &[u8], more: [u8; 4], tag: &[u8]) -> Result<(), Error> {
        let over = self.over(packet, more);
        over.verify_truncated_left(tag)
            .map_err(|_| Error::Unauthentic)
    }

    fn over(&self, packet: &[u8], more: [u8; 4]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(&more);
        mac
    }
}
