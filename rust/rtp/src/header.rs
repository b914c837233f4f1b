//! The RTP fixed header (RFC 3550 section 5.1).

/// Length of the fixed part, in bytes.
pub const RTP_FIXED: usize = 12;

/// A view of one RTP packet whose lengths were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader<'a> {
    packet: &'a [u8],
    payload_at: usize,
    payload_end: usize,
}

impl<'a> RtpHeader<'a> {
    /// Reads a packet: version 2, and CSRC list, extension and padding within the datagram.
    #[must_use]
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let first = *packet.first()?;
        if first >> 6 != 2 || packet.len() < RTP_FIXED {
            return None;
        }
        let mut payload_at = RTP_FIXED + usize::from(first & 0x0f) * 4;
        if first & 0x10 != 0 {
            let words = packet.get(payload_at + 2..payload_at + 4)?;
            payload_at += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
        }
        let padding = match first & 0x20 {
            0 => 0,
            _ => usize::from(*packet.last()?).max(1),
        };
        let payload_end = packet.len().checked_sub(padding)?;
        (payload_at <= payload_end).then_some(Self {
            packet,
            payload_at,
            payload_end,
        })
    }

    /// The profile of the header extension and its bytes (RFC 3550 section 5.3.1).
    pub(crate) fn extensions(&self) -> Option<(u16, &'a [u8])> {
        let block = &self.packet[self.fixed_end()..self.payload_at];
        let (head, rest) = block.split_at_checked(4)?;
        Some((u16::from_be_bytes([head[0], head[1]]), rest))
    }

    /// Where the header extension begins, or would.
    pub(crate) fn fixed_end(&self) -> usize {
        RTP_FIXED + usize::from(self.packet[0] & 0x0f) * 4
    }

    pub(crate) fn payload_at(&self) -> usize {
        self.payload_at
    }

    /// The marker bit.
    #[must_use]
    pub fn marker(&self) -> bool {
        self.packet[1] & 0x80 != 0
    }

    /// The payload type, 0 to 127.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        self.packet[1] & 0x7f
    }

    /// The sequence number.
    #[must_use]
    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.packet[2], self.packet[3]])
    }

    /// The timestamp, in units of the payload's clock.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.word(4)
    }

    /// The synchronisation source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.word(8)
    }

    /// The payload without padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.packet[self.payload_at..self.payload_end]
    }

    fn word(&self, at: usize) -> u32 {
        let bytes = &self.packet[at..at + 4];
        u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            first, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef,
        ];
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn fields_are_read() {
        let bytes = packet(0x80, b"voice");
        let header = RtpHeader::parse(&bytes).expect("well formed");
        assert!(header.marker());
        assert_eq!(header.payload_type(), 8);
        assert_eq!(header.sequence(), 0x1234);
        assert_eq!(header.timestamp(), 160);
        assert_eq!(header.ssrc(), 0xdead_beef);
        assert_eq!(header.payload(), b"voice");
    }

    #[test]
    fn csrc_extension_and_padding_are_skipped() {
        let bytes = packet(0xb1, b"CSRC\xbe\xde\x00\x01EXT1voice\x00\x00\x03");
        assert_eq!(
            RtpHeader::parse(&bytes).expect("well formed").payload(),
            b"voice"
        );
    }

    #[test]
    fn lengths_beyond_the_datagram_are_refused() {
        assert_eq!(RtpHeader::parse(&packet(0x8f, b"short")), None);
        assert_eq!(RtpHeader::parse(&packet(0x90, b"\xbe\xde\xff\xffx")), None);
        assert_eq!(RtpHeader::parse(&packet(0x90, b"\xbe")), None);
        assert_eq!(RtpHeader::parse(&packet(0xa0, b"abc\xff")), None);
    }
}
