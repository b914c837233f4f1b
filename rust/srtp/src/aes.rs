//! AES in counter mode, with either key length.

use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128Enc, Aes256Enc};
use ctr::flavors::Ctr128BE;
use ctr::CtrCore;

/// A key schedule.
pub(crate) enum Aes {
    Short(Aes128Enc),
    Long(Aes256Enc),
}

impl Aes {
    /// A key of 16 or 32 bytes.
    pub fn new(key: &[u8]) -> Self {
        match <[u8; 16]>::try_from(key) {
            Ok(short) => Self::Short(Aes128Enc::new(&short.into())),
            Err(_) => Self::Long(Aes256Enc::new(&long(key).into())),
        }
    }

    /// Adds the keystream that begins with the counter `block` (RFC 3711 section 4.1.1).
    pub fn crypt(&self, block: [u8; 16], data: &mut [u8]) {
        match self {
            Self::Short(aes) => {
                let core = CtrCore::<_, Ctr128BE>::inner_iv_init(aes, &block.into());
                StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
            }
            Self::Long(aes) => {
                let core = CtrCore::<_, Ctr128BE>::inner_iv_init(aes, &block.into());
                StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
            }
        }
    }
}

/// The 32 bytes of a long key.
pub(crate) fn long(key: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(key);
    bytes
}
