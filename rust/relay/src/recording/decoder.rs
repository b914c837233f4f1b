//! Payloads as samples at the rate of a file.

use crate::format::Codec;

/// What files have at most: more than this is in no codec's speech that is worth its room.
const WIDEBAND: u32 = 16_000;

fn known(codec: Codec) -> Option<codec::Codec> {
    codec::Codec::from_name(codec.name())
}

/// The rate that suits a codec; None: it cannot be decoded.
pub fn rate_of(codec: Codec) -> Option<u32> {
    Some(known(codec)?.rate().min(WIDEBAND))
}

/// A decoder whose samples have the rate of the file; None: the codec cannot be decoded.
pub fn decoder(codec: Codec, rate: u32) -> Option<codec::Decoder> {
    codec::Decoder::new(known(codec)?, rate).ok()
}
