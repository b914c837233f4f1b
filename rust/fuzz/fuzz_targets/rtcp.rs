//! Compound RTCP: each packet lies within the datagram, walking over them ends, whatever a report
//! says is read within it, and what is divided among streams is well formed again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtp::{classify, classify_protected, divide, Class, Owners, RtcpHeader, RTCP_FIXED};

/// Sources are streams' by their lowest bits, some nobody's.
struct Some16;

impl Owners for Some16 {
    fn of_sent(&self, ssrc: u32) -> Option<usize> {
        Some(ssrc as usize & 0x1f).filter(|stream| *stream < 16)
    }

    fn of_received(&self, ssrc: u32) -> Option<usize> {
        self.of_sent(ssrc.rotate_left(8))
    }
}

fuzz_target!(|data: &[u8]| {
    let mut whole = 0;
    for header in RtcpHeader::compound(data) {
        assert!(header.length() >= 4);
        whole += header.length();
        let _ = (header.packet_type(), header.report_time(), header.voip_metrics());
        assert!(header.blocks().count() <= usize::from(header.count()));
    }
    assert!(whole <= data.len());
    if let Some(header) = RtcpHeader::parse(data) {
        assert!(header.length() <= data.len() && header.length() >= RTCP_FIXED);
    }
    if classify(data) == Class::Rtcp {
        assert!(data.len() >= RTCP_FIXED);
        assert_eq!(classify_protected(data), Class::Rtcp);
    }
    for (stream, part) in divide(data, &Some16) {
        assert!(stream < 16);
        assert!(matches!(part[1], 200 | 201), "a report comes first");
        let whole: usize = RtcpHeader::compound(&part).map(|one| one.length()).sum();
        assert_eq!(whole, part.len());
    }
});
