//! Header extensions with the one-byte and two-byte headers of RFC 8285.

use crate::header::{RtpHeader, RTP_FIXED};

/// The profiles of the two forms; of the second only the upper 12 bits.
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;
/// Longest value of an element of the one-byte form, and its largest identifier.
const MAX_VALUE: usize = 16;
const MAX_IDENTIFIER: u8 = 14;

impl<'a> RtpHeader<'a> {
    /// The value of the first element with an identifier, in either form.
    #[must_use]
    pub fn extension(&self, identifier: u8) -> Option<&'a [u8]> {
        let (profile, mut rest) = self.extensions()?;
        let long = match profile {
            ONE_BYTE => false,
            _ if profile & 0xfff0 == TWO_BYTE => true,
            _ => return None,
        };
        while let Some((first, behind)) = rest.split_first() {
            if *first == 0 {
                rest = behind; // padding
                continue;
            }
            let (found, length, value) = if long {
                let (length, value) = behind.split_first()?;
                (*first, usize::from(*length), value)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, behind)
            };
            if !long && found == 15 {
                return None; // RFC 8285 section 4.2: nothing more is to be read
            }
            let (value, behind) = value.split_at_checked(length)?;
            if found == identifier {
                return Some(value);
            }
            rest = behind;
        }
        None
    }
}

/// Puts one element in place of all header extensions of the packet in the first `length` bytes of
/// `room`, or none, and returns the new length.
///
/// None: it is no RTP, there is no room, or the element has no one-byte form.
#[must_use]
pub fn replace_extensions(
    room: &mut [u8],
    length: usize,
    element: Option<(u8, &[u8])>,
) -> Option<usize> {
    let header = RtpHeader::parse(room.get(..length)?)?;
    let (begin, end) = (header.fixed_end(), header.payload_at());
    let mut block = [0; 4 + 1 + MAX_VALUE + 3];
    let size = element.map_or(Some(0), |(identifier, value)| {
        let fits = (1..=MAX_IDENTIFIER).contains(&identifier);
        let fits = fits && (1..=MAX_VALUE).contains(&value.len());
        let words = (1 + value.len()).div_ceil(4);
        block[..2].copy_from_slice(&ONE_BYTE.to_be_bytes());
        block[3] = words as u8;
        block[4] = identifier << 4 | value.len().wrapping_sub(1) as u8 & 0x0f;
        block.get_mut(5..5 + value.len())?.copy_from_slice(value);
        fits.then_some(4 + words * 4)
    })?;
    let longer = begin + size + (length - end);
    if longer > room.len() {
        return None;
    }
    room.copy_within(end..length, begin + size);
    room[begin..begin + size].copy_from_slice(&block[..size]);
    room[0] = room[0] & !0x10 | if size == 0 { 0 } else { 0x10 };
    debug_assert!(begin >= RTP_FIXED);
    Some(longer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, 8, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7];
        bytes.extend_from_slice(rest);
        bytes
    }

    fn element(bytes: &[u8], identifier: u8) -> Option<Vec<u8>> {
        let header = RtpHeader::parse(bytes).expect("well formed");
        header.extension(identifier).map(<[u8]>::to_vec)
    }

    #[test]
    fn elements_are_found_in_both_forms() {
        let one = packet(0x90, b"\xbe\xde\x00\x02\x10A\x00\x31BC\x00\x00voice");
        assert_eq!(element(&one, 1), Some(b"A".to_vec()));
        assert_eq!(element(&one, 3), Some(b"BC".to_vec()));
        assert_eq!(element(&one, 2), None);
        let two = packet(0x91, b"CSRC\x10\x00\x00\x02\x01\x01A\x00\x03\x02BCvoice");
        assert_eq!(element(&two, 1), Some(b"A".to_vec()));
        assert_eq!(element(&two, 3), Some(b"BC".to_vec()));
        let other = packet(0x90, b"\xab\xcd\x00\x01\x10A\x00\x00voice");
        assert_eq!(element(&other, 1), None);
        assert_eq!(element(&packet(0x80, b"voice"), 1), None);
    }

    #[test]
    fn an_element_beyond_the_block_is_not_read() {
        let long = packet(0x90, b"\xbe\xde\x00\x01\x1fABCvoice");
        assert_eq!(element(&long, 1), None);
        let stop = packet(0x90, b"\xbe\xde\x00\x01\xf0A\x10Bvoice");
        assert_eq!(element(&stop, 1), None);
        let cut = packet(0x90, b"\x10\x00\x00\x01\x00\x00\x00\x01voice");
        assert_eq!(element(&cut, 1), None);
    }

    #[test]
    fn one_element_takes_the_place_of_all_and_goes_again() {
        for before in [
            packet(0x81, b"CSRCvoice"),
            packet(0x91, b"CSRC\xbe\xde\x00\x02\x10A\x00\x31BC\x00\x00voice"),
        ] {
            let length = before.len();
            let mut room = before;
            room.resize(64, 0);
            let with = replace_extensions(&mut room, length, Some((4, b"audio"))).expect("room");
            assert_eq!(element(&room[..with], 4), Some(b"audio".to_vec()));
            let header = RtpHeader::parse(&room[..with]).expect("well formed");
            assert_eq!((header.payload(), header.ssrc()), (&b"voice"[..], 7));
            let without = replace_extensions(&mut room, with, None).expect("room");
            assert_eq!(room[..without], packet(0x81, b"CSRCvoice"));
        }
    }

    #[test]
    fn what_has_no_one_byte_form_or_no_room_is_refused() {
        let mut room = packet(0x80, b"voice");
        let length = room.len();
        assert_eq!(replace_extensions(&mut room, length, Some((1, b"0"))), None);
        room.resize(64, 0);
        for (identifier, value) in [(0, &b"0"[..]), (15, b"0"), (1, b""), (1, &[b'0'; 17])] {
            let refused = replace_extensions(&mut room, length, Some((identifier, value)));
            assert_eq!(refused, None);
        }
        assert_eq!(replace_extensions(&mut room, 11, None), None);
        assert_eq!(room[..length], packet(0x80, b"voice"));
    }
}
