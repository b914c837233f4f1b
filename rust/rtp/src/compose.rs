//! Reports of a source of our own (RFC 3550 section 6.4 to 6.5).

use crate::report::{ReportBlock, RECEIVER_REPORT, SENDER_REPORT};

/// Packet type of a source description, and its item with the canonical name.
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;

/// What a sender says of itself (section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Seconds and their fractions, on a clock that goes on evenly.
    pub ntp: u64,
    /// The same moment in the clock of the source.
    pub timestamp: u32,
    /// Packets sent since the beginning.
    pub packets: u32,
    /// Payload bytes in them.
    pub octets: u32,
}

/// A compound packet: a sender report (or a receiver report without `info`) with at most one block,
/// and a description with the canonical name, of which 255 bytes count.
#[must_use]
pub fn compose(
    ssrc: u32,
    info: Option<SenderInfo>,
    block: Option<ReportBlock>,
    name: &str,
) -> Vec<u8> {
    let kind = if info.is_some() {
        SENDER_REPORT
    } else {
        RECEIVER_REPORT
    };
    let mut report = vec![0x80 | u8::from(block.is_some()), kind, 0, 0];
    report.extend(ssrc.to_be_bytes());
    if let Some(info) = info {
        report.extend(info.ntp.to_be_bytes());
        for word in [info.timestamp, info.packets, info.octets] {
            report.extend(word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        report.extend(block.ssrc.to_be_bytes());
        let lost = block.lost.clamp(-0x0080_0000, 0x007f_ffff).to_be_bytes();
        report.extend([block.fraction_lost, lost[1], lost[2], lost[3]]);
        for word in [block.highest, block.jitter, block.last_report, block.delay] {
            report.extend(word.to_be_bytes());
        }
    }
    finish(&mut report);
    let name = &name.as_bytes()[..name.len().min(255)];
    let mut description = vec![0x81, SOURCE_DESCRIPTION, 0, 0];
    description.extend(ssrc.to_be_bytes());
    description.extend([CNAME, name.len() as u8]);
    description.extend(name);
    // The list ends with at least one zero, at a word's end.
    description.resize(description.len() / 4 * 4 + 4, 0);
    finish(&mut description);
    report.extend(description);
    report
}

/// The length of a packet, in words less one.
fn finish(packet: &mut [u8]) {
    let words = (packet.len() / 4 - 1) as u16;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{classify, Class, RtcpHeader};

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 9,
        fraction_lost: 64,
        lost: -2,
        highest: 0x0001_0002,
        jitter: 80,
        last_report: 0x0102_0304,
        delay: 65_536,
    };

    #[test]
    fn what_is_written_is_read() {
        let info = SenderInfo {
            ntp: 0x0000_1234_5678_0000,
            timestamp: 160,
            packets: 50,
            octets: 8000,
        };
        let bytes = compose(7, Some(info), Some(BLOCK), "0123456789abcdef");
        assert_eq!(classify(&bytes), Class::Rtcp);
        let packets: Vec<_> = RtcpHeader::compound(&bytes).collect();
        let lengths: usize = packets.iter().map(RtcpHeader::length).sum();
        assert_eq!((packets.len(), lengths), (2, bytes.len()));
        assert_eq!(packets[0].report_time(), Some(0x1234_5678));
        assert_eq!(packets[0].blocks().collect::<Vec<_>>(), [BLOCK]);
        assert_eq!(packets[1].packet_type(), 202);
        assert_eq!(
            &bytes[bytes.len() - 18..bytes.len() - 2],
            b"0123456789abcdef"
        );
    }

    #[test]
    fn a_receiver_has_no_sender_info() {
        let bytes = compose(7, None, None, "x");
        let types: Vec<_> = RtcpHeader::compound(&bytes)
            .map(|one| (one.packet_type(), one.count()))
            .collect();
        assert_eq!(types, [(201, 0), (202, 1)]);
    }
}
