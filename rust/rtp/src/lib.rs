//! RTP and RTCP headers (RFC 3550), read without copying; reports, written.
#![forbid(unsafe_code)]

mod compose;
mod divide;
mod extension;
mod header;
mod report;

pub use compose::{compose, SenderInfo};
pub use divide::{divide, Owners};
pub use extension::replace_extensions;
pub use header::{RtpHeader, RTP_FIXED};
pub use report::{ReportBlock, RtcpHeader, VoipMetrics, RTCP_FIXED};

/// What a datagram on a media port is (RFC 3550 section 5.1, RFC 5761 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A well-formed RTP packet.
    Rtp,
    /// A well-formed first RTCP packet of a compound one.
    Rtcp,
    /// Neither: STUN, DTLS, a keep-alive, noise.
    Other,
}

/// Says what a datagram is by version, packet type and length.
///
/// RFC 5761 section 4: with the version 2, a second byte of 192 to 223 is an RTCP packet type (the
/// RTP payload types 64 to 95 that would look the same are not to be used).
#[must_use]
pub fn classify(datagram: &[u8]) -> Class {
    match datagram.get(1) {
        Some(192..=223) if RtcpHeader::parse(datagram).is_some() => Class::Rtcp,
        Some(192..=223) | None => Class::Other,
        Some(_) if RtpHeader::parse(datagram).is_some() => Class::Rtp,
        Some(_) => Class::Other,
    }
}

/// The same for SRTP and SRTCP (RFC 3711), whose headers are in the clear and whose padding is not.
#[must_use]
pub fn classify_protected(datagram: &[u8]) -> Class {
    match datagram.get(1) {
        Some(192..=223) | None => classify(datagram),
        Some(_) if datagram[0] >> 6 == 2 && datagram.len() >= RTP_FIXED => Class::Rtp,
        Some(_) => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_that_is_encrypted_is_not_judged() {
        let mut packet = [0xff; 40];
        (packet[0], packet[1]) = (0xa0, 8);
        assert_eq!(classify(&packet), Class::Other);
        assert_eq!(classify_protected(&packet), Class::Rtp);
        assert_eq!(classify_protected(&packet[..11]), Class::Other);
        packet[0] = 0x20;
        assert_eq!(classify_protected(&packet), Class::Other);
        assert_eq!(
            classify_protected(&[0x80, 200, 0, 1, 0, 0, 0, 7]),
            Class::Rtcp
        );
        assert_eq!(classify_protected(&[]), Class::Other);
    }

    #[test]
    fn the_second_byte_parts_rtp_from_rtcp() {
        let mut rtp = [0u8; 172];
        rtp[0] = 0x80;
        rtp[1] = 8;
        assert_eq!(classify(&rtp), Class::Rtp);
        rtp[1] = 0x80 | 101;
        assert_eq!(classify(&rtp), Class::Rtp);
        assert_eq!(classify(&[0x80, 200, 0, 1, 0, 0, 0, 7]), Class::Rtcp);
    }

    #[test]
    fn what_is_too_short_or_of_another_version_is_neither() {
        assert_eq!(classify(&[]), Class::Other);
        assert_eq!(classify(b"\r\n"), Class::Other);
        assert_eq!(classify(&[0x80; 11]), Class::Other);
        assert_eq!(
            classify(&[0x40, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            Class::Other
        );
        // An RTCP packet that claims more words than there are.
        assert_eq!(classify(&[0x80, 200, 0, 9, 0, 0, 0, 7]), Class::Other);
        // A STUN binding request (RFC 8489 section 5).
        let stun = [
            0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        ];
        assert_eq!(classify(&stun), Class::Other);
    }
}
