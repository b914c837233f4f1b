//! MESSAGE-INTEGRITY (HMAC-SHA1, RFC 8489 section 14.5) and FINGERPRINT (CRC-32, section 14.7).

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// What the CRC is combined with, so that it differs from a CRC of the payload's own.
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// Bytes of an HMAC-SHA1.
pub const DIGEST: usize = 20;

/// An HMAC over a message's beginning, with the length field as given.
fn keyed(password: &[u8], before: &[u8], length: u16) -> Option<Hmac<Sha1>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(password).ok()?;
    mac.update(before.get(..2)?);
    mac.update(&length.to_be_bytes());
    mac.update(before.get(4..)?);
    Some(mac)
}

/// Whether `digest` stands for the bytes before it; compared in constant time.
pub fn is_authentic(password: &[u8], before: &[u8], digest: &[u8]) -> bool {
    let length = (before.len() + 4 + DIGEST).saturating_sub(crate::HEADER);
    u16::try_from(length)
        .ok()
        .and_then(|length| keyed(password, before, length))
        .is_some_and(|mac| mac.verify_slice(digest).is_ok())
}

/// The digest for the bytes before it.
pub fn digest(password: &[u8], before: &[u8]) -> [u8; DIGEST] {
    let length = (before.len() + 4 + DIGEST).saturating_sub(crate::HEADER) as u16;
    keyed(password, before, length).map_or([0; DIGEST], |mac| mac.finalize().into_bytes().into())
}

/// The fingerprint for the bytes before it, whose length field already counts it.
pub fn fingerprint(before: &[u8]) -> u32 {
    let crc = before.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    });
    !crc ^ FINGERPRINT_XOR
}
