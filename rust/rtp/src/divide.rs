//! Dividing a compound RTCP packet among the streams that share a transport (RFC 9143 section 9.2).

use std::collections::BTreeMap;

use crate::report::RtcpHeader;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Feedback whose entries name the source one by one: TMMBR, TMMBN (RFC 5104 section 4.2), FIR
/// (section 4.3).
const BY_ENTRY: [(u8, u8); 3] = [
    (TRANSPORT_FEEDBACK, 3),
    (TRANSPORT_FEEDBACK, 4),
    (PAYLOAD_FEEDBACK, 4),
];
/// Length of a report block; of the sender's information; of an entry above.
const BLOCK: usize = 24;
const SENDER_INFO: usize = 20;
const ENTRY: usize = 8;

/// Which stream a source belongs to.
pub trait Owners {
    /// Of a source that the peer sends.
    fn of_sent(&self, ssrc: u32) -> Option<usize>;
    /// Of a source that the peer receives.
    fn of_received(&self, ssrc: u32) -> Option<usize>;
}

/// Divides a compound packet: for each stream that it concerns a compound packet of its own.
///
/// Reports go by the source that they are about, feedback by the media source, the rest by its
/// sender; what an unknown source says beside goes to every stream that the packet has concerned so
/// far. Each part begins with a report, as RFC 3550 section 6.1 wants.
#[must_use]
pub fn divide(datagram: &[u8], owners: &impl Owners) -> Vec<(usize, Vec<u8>)> {
    let mut parts = Parts::default();
    for packet in RtcpHeader::compound(datagram) {
        let Some((sender, body)) = packet.body() else {
            continue;
        };
        let (kind, count) = (packet.packet_type(), packet.count());
        let home = owners.of_sent(sender);
        match kind {
            SENDER_REPORT | RECEIVER_REPORT => {
                parts.report(owners, kind, sender, body, usize::from(count));
            }
            DESCRIPTION => parts.describe(owners, sender, body),
            GOODBYE => parts.leave(owners, sender, body, usize::from(count)),
            _ if BY_ENTRY.contains(&(kind, count)) => {
                parts.feed_back(owners, (kind, count), sender, body);
            }
            TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => {
                let about = word(body, 0).and_then(|ssrc| owners.of_received(ssrc));
                parts.add(about.or(home), sender, kind, count, body);
            }
            _ => parts.add(home, sender, kind, count, body),
        }
    }
    parts.streams.into_iter().collect()
}

#[derive(Default)]
struct Parts {
    streams: BTreeMap<usize, Vec<u8>>,
}

impl Parts {
    /// Adds a packet to a stream's part; without a stream to every part that there is.
    fn add(&mut self, stream: Option<usize>, sender: u32, kind: u8, count: u8, body: &[u8]) {
        match stream {
            Some(stream) => self.add_to(stream, sender, kind, count, body),
            None => {
                for stream in self.streams.keys().copied().collect::<Vec<_>>() {
                    self.add_to(stream, sender, kind, count, body);
                }
            }
        }
    }

    fn add_to(&mut self, stream: usize, sender: u32, kind: u8, count: u8, body: &[u8]) {
        let part = self.streams.entry(stream).or_default();
        if part.is_empty() && !matches!(kind, SENDER_REPORT | RECEIVER_REPORT) {
            write(part, sender, RECEIVER_REPORT, 0, &[]);
        }
        write(part, sender, kind, count, body);
    }

    fn report(&mut self, owners: &impl Owners, kind: u8, sender: u32, body: &[u8], count: usize) {
        let info = if kind == SENDER_REPORT {
            SENDER_INFO
        } else {
            0
        };
        let Some((info, blocks)) = body.split_at_checked(info) else {
            return;
        };
        let home = owners.of_sent(sender);
        let mut by_stream: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        if let Some(home) = home {
            by_stream.insert(home, Vec::new());
        }
        for block in blocks.chunks_exact(BLOCK).take(count) {
            let about = word(block, 0).and_then(|ssrc| owners.of_received(ssrc));
            if let Some(stream) = about {
                by_stream.entry(stream).or_default().extend(block);
            }
        }
        for (stream, blocks) in by_stream {
            let count = (blocks.len() / BLOCK) as u8;
            if home == Some(stream) && kind == SENDER_REPORT {
                self.add_to(stream, sender, kind, count, &[info, &blocks].concat());
            } else {
                self.add_to(stream, sender, RECEIVER_REPORT, count, &blocks);
            }
        }
    }

    /// Chunks of a source description, the first of which begins with `sender`.
    fn describe(&mut self, owners: &impl Owners, sender: u32, body: &[u8]) {
        let (mut ssrc, mut rest) = (sender, body);
        loop {
            let Some(length) = items(rest) else {
                return;
            };
            let (chunk, behind) = rest.split_at(length);
            self.add(owners.of_sent(ssrc), ssrc, DESCRIPTION, 1, chunk);
            let Some((next, behind)) = word(behind, 0).zip(behind.get(4..)) else {
                return;
            };
            (ssrc, rest) = (next, behind);
        }
    }

    /// A BYE of several sources; the reason is left out.
    fn leave(&mut self, owners: &impl Owners, sender: u32, body: &[u8], count: usize) {
        if count == 0 {
            return;
        }
        let others = body.chunks_exact(4).take(count - 1);
        let others = others.filter_map(|bytes| word(bytes, 0));
        for ssrc in std::iter::once(sender).chain(others) {
            if let Some(stream) = owners.of_sent(ssrc) {
                self.add_to(stream, ssrc, GOODBYE, 1, &[]);
            }
        }
    }

    /// Feedback with an entry for each source.
    fn feed_back(&mut self, owners: &impl Owners, what: (u8, u8), sender: u32, body: &[u8]) {
        let Some((about, entries)) = body.split_at_checked(4) else {
            return;
        };
        let mut by_stream: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        for entry in entries.chunks_exact(ENTRY) {
            let stream = word(entry, 0).and_then(|ssrc| owners.of_received(ssrc));
            if let Some(stream) = stream {
                by_stream.entry(stream).or_default().extend(entry);
            }
        }
        for (stream, entries) in by_stream {
            self.add_to(stream, sender, what.0, what.1, &[about, &entries].concat());
        }
    }
}

/// Length of the items of a chunk with its end and padding.
fn items(chunk: &[u8]) -> Option<usize> {
    let mut at = 0;
    while *chunk.get(at)? != 0 {
        at += 2 + usize::from(*chunk.get(at + 1)?);
    }
    let length = (at + 1).next_multiple_of(4);
    (length <= chunk.len()).then_some(length)
}

/// A packet; the body is of whole words.
fn write(part: &mut Vec<u8>, sender: u32, kind: u8, count: u8, body: &[u8]) {
    let words = (1 + body.len() / 4) as u16;
    part.extend([0x80 | count & 0x1f, kind]);
    part.extend(words.to_be_bytes());
    part.extend(sender.to_be_bytes());
    part.extend(&body[..body.len() / 4 * 4]);
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two streams: the peer sends 11 and 12, and receives 21 and 22.
    struct Two;

    impl Owners for Two {
        fn of_sent(&self, ssrc: u32) -> Option<usize> {
            [11, 12].iter().position(|one| *one == ssrc)
        }

        fn of_received(&self, ssrc: u32) -> Option<usize> {
            [21, 22].iter().position(|one| *one == ssrc)
        }
    }

    fn packet(kind: u8, count: u8, words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0x80 | count, kind, 0, (words.len()) as u8];
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes
    }

    fn block(ssrc: u32) -> Vec<u32> {
        vec![ssrc, 1, 2, 3, 4, 5]
    }

    fn report(kind: u8, sender: u32, about: &[u32]) -> Vec<u8> {
        let info = if kind == SENDER_REPORT { 5 } else { 0 };
        let mut words = vec![sender];
        words.extend(vec![9; info]);
        words.extend(about.iter().flat_map(|ssrc| block(*ssrc)));
        packet(kind, about.len() as u8, &words)
    }

    #[test]
    fn a_sender_report_goes_to_its_stream_and_blocks_to_theirs() {
        let datagram = report(200, 11, &[21, 22, 99]);
        let parts = divide(&datagram, &Two);
        let first = report(200, 11, &[21]);
        let second = report(201, 11, &[22]);
        assert_eq!(parts, [(0, first), (1, second)]);
    }

    #[test]
    fn a_receiver_without_a_source_of_its_own_is_heard() {
        // Chrome's receivers call themselves 1.
        let name = packet(202, 1, &[1, 0x0102_6162, 0]);
        let datagram = [report(201, 1, &[22]), name.clone()].concat();
        let parts = divide(&datagram, &Two);
        assert_eq!(parts, [(1, [report(201, 1, &[22]), name].concat())]);
        assert_eq!(divide(&report(201, 1, &[]), &Two), []);
    }

    #[test]
    fn descriptions_and_goodbyes_go_by_source() {
        let datagram = [
            report(200, 12, &[]),
            packet(202, 2, &[11, 0x0102_6162, 0, 12, 0x0101_6300]),
            packet(203, 3, &[11, 12, 99]),
        ]
        .concat();
        let first = [
            packet(201, 0, &[11]),
            packet(202, 1, &[11, 0x0102_6162, 0]),
            packet(203, 1, &[11]),
        ];
        let second = [
            report(200, 12, &[]),
            packet(202, 1, &[12, 0x0101_6300]),
            packet(203, 1, &[12]),
        ];
        let parts = divide(&datagram, &Two);
        assert_eq!(parts, [(0, first.concat()), (1, second.concat())]);
    }

    #[test]
    fn feedback_goes_by_the_media_source() {
        let datagram = [
            packet(206, 1, &[11, 22]),                 // PLI
            packet(205, 1, &[11, 21, 0x0001_0000]),    // NACK
            packet(206, 4, &[11, 0, 22, 0x0100_0000]), // FIR
        ]
        .concat();
        let parts = divide(&datagram, &Two);
        let first = [
            packet(201, 0, &[11]),
            packet(205, 1, &[11, 21, 0x0001_0000]),
        ];
        let second = [
            packet(201, 0, &[11]),
            packet(206, 1, &[11, 22]),
            packet(206, 4, &[11, 0, 22, 0x0100_0000]),
        ];
        assert_eq!(parts, [(0, first.concat()), (1, second.concat())]);
    }

    #[test]
    fn no_cut_is_read_beyond_its_end_and_every_part_is_well_formed() {
        let datagram = [
            report(200, 11, &[21, 22]),
            packet(202, 2, &[11, 0x0102_6162, 0, 12, 0x0101_6300]),
            packet(206, 4, &[11, 0, 22, 0x0100_0000]),
            packet(207, 0, &[12, 7]),
        ]
        .concat();
        for length in 0..=datagram.len() {
            for (_, part) in divide(&datagram[..length], &Two) {
                let whole: usize = RtcpHeader::compound(&part).map(|one| one.length()).sum();
                assert_eq!(whole, part.len());
            }
        }
    }
}
