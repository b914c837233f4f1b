//! RTP headers: what is read lies within the datagram, and the classes agree with the readers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtp::{classify, classify_protected, Class, RtpHeader, RTP_FIXED};

fuzz_target!(|data: &[u8]| {
    let header = RtpHeader::parse(data);
    if let Some(header) = header {
        assert!(header.payload().len() + RTP_FIXED <= data.len());
        let _ = (header.marker(), header.payload_type(), header.sequence());
        let _ = (header.timestamp(), header.ssrc());
    }
    if classify(data) == Class::Rtp {
        assert!(header.is_some());
        assert_eq!(classify_protected(data), Class::Rtp);
    }
});
