//! Compound RTCP: each packet lies within the datagram, and walking over them ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtp::{classify, classify_protected, Class, RtcpHeader, RTCP_FIXED};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Some(header) = RtcpHeader::parse(rest) {
        assert!(header.length() <= rest.len() && header.length() >= 4);
        let _ = (header.packet_type(), header.count());
        rest = &rest[header.length()..];
    }
    if classify(data) == Class::Rtcp {
        assert!(data.len() >= RTCP_FIXED);
        assert_eq!(classify_protected(data), Class::Rtcp);
    }
});
