//! RTCP packets (RFC 3550 section 6, RFC 3611 section 4.7), read without copying.

/// Length of the common part with the sender's SSRC, in bytes.
pub const RTCP_FIXED: usize = 8;
/// Packet types (RFC 3550 section 12.1, RFC 3611 section 2).
pub(crate) const SENDER_REPORT: u8 = 200;
pub(crate) const RECEIVER_REPORT: u8 = 201;
const EXTENDED_REPORT: u8 = 207;
/// Length of a report block, and of the sender's information before the first.
const BLOCK: usize = 24;
const SENDER_INFO: usize = 20;
/// The block type of VoIP metrics and its length behind the block's header.
const VOIP_METRICS: u8 = 7;
const VOIP_LENGTH: usize = 32;
/// What a metric says that is not known.
const UNAVAILABLE: u8 = 127;

/// A view of one packet of a compound RTCP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpHeader<'a> {
    packet: &'a [u8],
}

/// One reception report block (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that it is about.
    pub ssrc: u32,
    /// Lost of 256 expected since the last report.
    pub fraction_lost: u8,
    /// Lost since the beginning; less than none where packets came twice.
    pub lost: i32,
    /// The highest sequence number that came, with the number of its rounds before it.
    pub highest: u32,
    /// Interarrival jitter, in units of the source's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report; 0: none came.
    pub last_report: u32,
    /// How long ago that was, in 1/65536 seconds.
    pub delay: u32,
}

/// A VoIP metrics block (RFC 3611 section 4.7), as far as it is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetrics {
    /// The source that it is about.
    pub ssrc: u32,
    /// Lost of 256, before the jitter buffer.
    pub loss_rate: u8,
    /// Thrown away by the jitter buffer, of 256.
    pub discard_rate: u8,
    /// Milliseconds between the two RTP end points.
    pub round_trip: u16,
    /// Milliseconds that the end system adds.
    pub end_system_delay: u16,
    /// The listening quality, in tenths of a MOS.
    pub mos_listening: Option<u8>,
}

impl<'a> RtcpHeader<'a> {
    /// Reads the first packet: version 2, and its length within the datagram.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let packet = Self::cut(datagram)?;
        (packet.packet.len() >= RTCP_FIXED).then_some(packet)
    }

    /// Every packet of a compound datagram, up to the first that is malformed.
    pub fn compound(datagram: &'a [u8]) -> impl Iterator<Item = Self> {
        let mut rest = datagram;
        std::iter::from_fn(move || {
            let packet = Self::cut(rest)?;
            rest = &rest[packet.length()..];
            Some(packet)
        })
    }

    /// A packet at the beginning of some bytes. A BYE of nobody has four bytes.
    fn cut(datagram: &'a [u8]) -> Option<Self> {
        let fixed = datagram.get(..4)?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let length = (usize::from(u16::from_be_bytes([fixed[2], fixed[3]])) + 1) * 4;
        Some(Self {
            packet: datagram.get(..length)?,
        })
    }

    /// 200 SR, 201 RR, 202 SDES, 203 BYE, 204 APP, 205 and 206 feedback, 207 XR.
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

    /// The first source, and what follows without padding (RFC 3550 section 6.4.1: its last byte says
    /// how much there is). None: a BYE of nobody, or padding that is not within the packet.
    pub(crate) fn body(&self) -> Option<(u32, &'a [u8])> {
        let body = self.packet.get(RTCP_FIXED..)?;
        let padding = match self.packet[0] & 0x20 {
            0 => 0,
            _ => usize::from(*self.packet.last()?),
        };
        let body = body.get(..body.len().checked_sub(padding)?)?;
        Some((word(self.packet, 4), body))
    }

    /// The middle 32 bits of a sender report's NTP time: what its receivers give back as LSR.
    #[must_use]
    pub fn report_time(&self) -> Option<u32> {
        let info = self.packet.get(RTCP_FIXED..RTCP_FIXED + SENDER_INFO)?;
        (self.packet_type() == SENDER_REPORT).then(|| word(info, 2))
    }

    /// The reception report blocks of a sender or receiver report.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        let begin = match self.packet_type() {
            SENDER_REPORT => RTCP_FIXED + SENDER_INFO,
            RECEIVER_REPORT => RTCP_FIXED,
            _ => self.packet.len(),
        };
        let blocks = self.packet.get(begin..).unwrap_or_default();
        let count = usize::from(self.count());
        blocks.chunks_exact(BLOCK).take(count).map(|block| {
            let lost = i32::from_be_bytes([block[5], block[6], block[7], 0]) >> 8;
            ReportBlock {
                ssrc: word(block, 0),
                fraction_lost: block[4],
                lost,
                highest: word(block, 8),
                jitter: word(block, 12),
                last_report: word(block, 16),
                delay: word(block, 20),
            }
        })
    }

    /// The VoIP metrics of an extended report; the first such block counts.
    #[must_use]
    pub fn voip_metrics(&self) -> Option<VoipMetrics> {
        let mut rest = match self.packet_type() {
            EXTENDED_REPORT => self.packet.get(RTCP_FIXED..)?,
            _ => return None,
        };
        loop {
            let header = rest.get(..4)?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
            let body = rest.get(4..4 + length)?;
            if header[0] == VOIP_METRICS && length == VOIP_LENGTH {
                return Some(metrics(body));
            }
            rest = &rest[4 + length..];
        }
    }
}

fn metrics(body: &[u8]) -> VoipMetrics {
    let short = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    VoipMetrics {
        ssrc: word(body, 0),
        loss_rate: body[4],
        discard_rate: body[5],
        round_trip: short(12),
        end_system_delay: short(14),
        mos_listening: Some(body[22]).filter(|mos| *mos != UNAVAILABLE),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
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
        assert_eq!(header.blocks().count(), 0, "a count beyond the packet");
        assert_eq!(header.report_time(), None);
        assert_eq!(RtcpHeader::compound(&datagram).count(), 2);
    }

    #[test]
    fn a_length_beyond_the_datagram_is_refused() {
        assert_eq!(RtcpHeader::parse(&[0x80, 200, 0, 6, 0, 0, 0, 7]), None);
        assert_eq!(RtcpHeader::parse(&[0x80, 200, 0, 1]), None);
        assert_eq!(RtcpHeader::parse(&[0x80, 203, 0, 0, 0, 0, 0, 0]), None);
    }

    /// A sender report with one block, and an extended report with VoIP metrics behind a block of
    /// another type.
    fn compound() -> Vec<u8> {
        let mut bytes = vec![0x81, 200, 0, 12, 0, 0, 0, 7];
        bytes.extend([0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0]); // NTP
        bytes.extend([0; 12]);
        bytes.extend([0, 0, 0, 9, 64, 0xff, 0xff, 0xfe]); // 9: a quarter lost, minus 2 in all
        bytes.extend([0, 1, 0, 2, 0, 0, 0, 80]);
        bytes.extend([1, 2, 3, 4, 0, 1, 0, 0]);
        bytes.extend([0x80, 207, 0, 12, 0, 0, 0, 7]);
        bytes.extend([4, 0, 0, 1, 0, 0, 0, 0]);
        bytes.extend([7, 0, 0, 8, 0, 0, 0, 9, 26, 13, 0, 0]);
        bytes.extend([0, 0, 0, 0, 0, 50, 0, 120]); // durations, round trip, end system delay
        bytes.extend([127, 127, 127, 16, 93, 127, 43, 42, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_compound_report_is_read() {
        let bytes = compound();
        let packets: Vec<_> = RtcpHeader::compound(&bytes).collect();
        assert_eq!(packets[0].report_time(), Some(0x1234_5678));
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 64,
            lost: -2,
            highest: 0x0001_0002,
            jitter: 80,
            last_report: 0x0102_0304,
            delay: 65_536,
        };
        assert_eq!(packets[0].blocks().collect::<Vec<_>>(), [block]);
        assert_eq!(packets[0].voip_metrics(), None);
        let metrics = packets[1].voip_metrics().expect("they are there");
        assert_eq!(
            (metrics.ssrc, metrics.loss_rate, metrics.discard_rate),
            (9, 26, 13)
        );
        assert_eq!((metrics.round_trip, metrics.end_system_delay), (50, 120));
        assert_eq!(metrics.mos_listening, Some(43));
    }

    #[test]
    fn no_cut_of_a_compound_report_is_read_beyond_its_end() {
        let bytes = compound();
        for length in 0..bytes.len() {
            for packet in RtcpHeader::compound(&bytes[..length]) {
                let _ = (
                    packet.report_time(),
                    packet.blocks().count(),
                    packet.voip_metrics(),
                );
            }
        }
    }
}
