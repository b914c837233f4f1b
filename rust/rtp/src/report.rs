//! The header that all RTCP packets share (RFC 3550 section 6.4).

/// Length of the common part with the sender's SSRC, in bytes.
pub const RTCP_FIXED: usize = 8;

/// A view of the first packet of a compound RTCP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpHeader<'a> {
    packet: &'a [u8],
}

impl<'a> RtcpHeader<'a> {
    /// Reads the first packet: version 2, and its length within the datagram.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let fixed = datagram.get(..RTCP_FIXED)?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let length = (usize::from(u16::from_be_bytes([fixed[2], fixed[3]])) + 1) * 4;
        Some(Self {
            packet: datagram.get(..length)?,
        })
    }

    /// 200 SR, 201 RR, 202 SDES, 203 BYE, 204 APP, 205 and 206 feedback.
    #[must_use]
    pub fn packet_type(&self) -> u8 {
        self.packet[1]
    }

    /// Report count, source count or feedback format.
    #[must_use]
    pub fn count(&self) -> u8 {
        self.packet[0] & 0x1f
    }

    /// Length of this packet, in bytes; the next one of the compound follows.
    #[must_use]
    pub fn length(&self) -> usize {
        self.packet.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_report_is_read() {
        let datagram = [0x81, 201, 0, 1, 0, 0, 0, 7, 0x81, 202, 0, 0];
        let header = RtcpHeader::parse(&datagram).expect("well formed");
        assert_eq!(
            (header.packet_type(), header.count(), header.length()),
            (201, 1, 8)
        );
    }

    #[test]
    fn a_length_beyond_the_datagram_is_refused() {
        assert_eq!(RtcpHeader::parse(&[0x80, 200, 0, 6, 0, 0, 0, 7]), None);
        assert_eq!(RtcpHeader::parse(&[0x80, 200, 0, 1]), None);
    }
}
