//! AES in Galois/Counter mode (RFC 7714).

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};

use super::Number;
use crate::aes::long;
use crate::error::Error;

/// Bytes of a tag; RFC 7714 section 13.2 has no shorter one.
pub(crate) const TAG: usize = 16;

enum Aes {
    Short(Aes128Gcm),
    Long(Aes256Gcm),
}

pub(crate) struct Gcm {
    aes: Aes,
    salt: [u8; 12],
}

impl Gcm {
    /// Keys of the lengths that the suite has.
    pub fn new(cipher: &[u8], salt: &[u8]) -> Self {
        let aes = match <[u8; 16]>::try_from(cipher) {
            Ok(short) => Aes::Short(Aes128Gcm::new(&short.into())),
            Err(_) => Aes::Long(Aes256Gcm::new(&long(cipher).into())),
        };
        let mut own = [0; 12];
        own.copy_from_slice(salt);
        Self { aes, salt: own }
    }

    pub fn seal(&self, number: Number, clear: &[u8], data: &mut [u8]) -> Result<[u8; TAG], Error> {
        let nonce = self.nonce(number).into();
        let tag = match &self.aes {
            Aes::Short(aes) => aes.encrypt_inout_detached(&nonce, clear, data.into()),
            Aes::Long(aes) => aes.encrypt_inout_detached(&nonce, clear, data.into()),
        };
        tag.map(Into::into).map_err(|_| Error::Malformed)
    }

    pub fn open(
        &self,
        number: Number,
        clear: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Error> {
        let nonce = self.nonce(number).into();
        let tag = <[u8; TAG]>::try_from(tag)
            .map_err(|_| Error::Malformed)?
            .into();
        let opened = match &self.aes {
            Aes::Short(aes) => aes.decrypt_inout_detached(&nonce, clear, data.into(), &tag),
            Aes::Long(aes) => aes.decrypt_inout_detached(&nonce, clear, data.into(), &tag),
        };
        opened.map_err(|_| Error::Unauthentic)
    }

    /// Two zero bytes, SSRC and index, with the salt over it (sections 8.1 and 9.1).
    fn nonce(&self, number: Number) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&number.ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&number.index.to_be_bytes()[2..]);
        nonce
            .iter_mut()
            .zip(self.salt)
            .for_each(|(at, byte)| *at ^= byte);
        nonce
    }
}
