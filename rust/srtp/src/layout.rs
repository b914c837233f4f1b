//! Where the parts of a packet are (RFC 3711 sections 3.1 and 3.4).

use crate::error::Error;

/// Length of the fixed RTP header.
const RTP_FIXED: usize = 12;
/// What SRTCP leaves in the clear: the first header with the sender's SSRC.
pub(crate) const RTCP_HEADER: usize = 8;
/// The word with the E flag and the index.
pub(crate) const RTCP_WORD: usize = 4;

/// Length of an RTP header with CSRC list and extension. Padding is not looked at: it is encrypted.
pub(crate) fn rtp_header(packet: &[u8]) -> Result<usize, Error> {
    let first = *packet.first().ok_or(Error::Malformed)?;
    let mut end = RTP_FIXED + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let words = packet.get(end + 2..end + 4).ok_or(Error::Malformed)?;
        end += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    if first >> 6 != 2 || packet.len() < end {
        return Err(Error::Malformed);
    }
    Ok(end)
}

/// Sequence number and SSRC of a packet that `rtp_header` has measured.
pub(crate) fn rtp_numbers(packet: &[u8]) -> (u16, u32) {
    (u16::from_be_bytes([packet[2], packet[3]]), word(packet, 8))
}

/// The SSRC of an RTCP packet of at least `RTCP_HEADER` bytes.
pub(crate) fn rtcp_ssrc(packet: &[u8]) -> u32 {
    word(packet, 4)
}

/// The number in four bytes at `at`.
pub(crate) fn word(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
}
