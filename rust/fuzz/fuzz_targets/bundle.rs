//! Packets of streams that share a transport: whose they are, what leaves, and bounded tables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relay::{Bundle, Datagram, Member};
use rtp::{replace_extensions, RtpHeader};

const MIDS: [&[u8]; 3] = [b"0", b"audio", b"a name of 16 byt"];

fuzz_target!(|data: &[u8]| {
    let Some((&first, mut rest)) = data.split_first() else {
        return;
    };
    let extension = first & 0x0f;
    let members = MIDS.iter().zip(0..).map(|(mid, stream)| Member {
        stream,
        mid: mid.to_vec(),
        payload_types: if stream == 0 { 1 << 8 } else { 7 << 96 },
        sources: vec![u32::from(first)],
    });
    let mut bundle = Bundle::new(extension);
    bundle.describe(extension, members.collect());
    while let Some((&length, behind)) = rest.split_first() {
        let (packet, behind) = behind.split_at(behind.len().min(usize::from(length)));
        rest = behind;
        if let Some((stream, _)) = bundle.stream_of(packet) {
            assert!(stream < 3);
            let header = RtpHeader::parse(packet).expect("RTP");
            let again = bundle.stream_of(packet);
            assert_eq!(again, Some((stream, false)), "a source stays");
            let _ = header.extension(extension);
        }
        for (stream, part) in bundle.divide(packet) {
            assert!(stream < 3 && part.len() >= 8);
        }
        leave(&mut bundle, packet, u16::from(first >> 4) % 3, extension);
    }
});

/// What leaves has its MID and the payload that it had.
fn leave(bundle: &mut Bundle, packet: &[u8], stream: u16, extension: u8) {
    let mut room = packet.to_vec();
    room.resize(packet.len() + 32, 0);
    let mut data = Datagram::new(&mut room, packet.len());
    if !bundle.stamp(stream, &mut data) {
        return;
    }
    let (before, after) = (RtpHeader::parse(packet), RtpHeader::parse(data.bytes()));
    let (before, after) = (before.expect("RTP"), after.expect("RTP"));
    assert_eq!(before.payload(), after.payload());
    let mid = Some(MIDS[usize::from(stream)]).filter(|_| extension != 0);
    assert_eq!(after.extension(extension), mid);
    let length = data.length;
    let plain = replace_extensions(&mut room, length, None).expect("RTP");
    let plain = RtpHeader::parse(&room[..plain]).expect("RTP");
    assert_eq!(plain.payload(), before.payload());
}
