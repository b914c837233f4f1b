//! Several streams on one transport (BUNDLE, RFC 9143): whose packet it is that came.
//!
//! Section 9.2: the MID in a header extension says it, and who is known by it keeps its stream; else
//! the payload type does, where only one stream has it. A source stays with its stream.

mod sources;

use rtp::{divide, replace_extensions, Owners, RtpHeader};

use sources::Sources;
pub use sources::MAX_SOURCES;

use crate::types::Datagram;

/// Most streams of a bundle; more are passed over.
pub const MAX_MEMBERS: usize = 16;
/// Sources of one stream that signaling may name.
const MAX_NAMED: usize = 8;

/// A stream of a bundle, as signaling describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The session's number of it.
    pub stream: u16,
    /// `a=mid`
    pub mid: Vec<u8>,
    /// The payload types that the peer may send there, as bits.
    pub payload_types: u128,
    /// Sources that the peer's description names (`a=ssrc`).
    pub sources: Vec<u32>,
}

/// The streams of a transport, and which sources were seen in each.
#[derive(Debug, Default)]
pub struct Bundle {
    /// The identifier of the MID's header extension (RFC 9143 section 15); 0: not agreed.
    mid_extension: u8,
    members: Vec<Member>,
    sent: Sources,
    received: Sources,
}

impl Bundle {
    /// A bundle without streams.
    #[must_use]
    pub fn new(mid_extension: u8) -> Self {
        Self {
            mid_extension,
            ..Self::default()
        }
    }

    /// Takes what signaling says; sources of streams that stay are known as before.
    pub fn describe(&mut self, mid_extension: u8, members: Vec<Member>) {
        self.mid_extension = mid_extension;
        self.members = members;
        self.members.truncate(MAX_MEMBERS);
        let kept: Vec<u16> = self.members.iter().map(|one| one.stream).collect();
        self.sent.keep(&kept);
        self.received.keep(&kept);
        for member in &self.members {
            for ssrc in member.sources.iter().take(MAX_NAMED) {
                self.sent.learn(*ssrc, member.stream, true);
            }
        }
    }

    /// The streams.
    pub(crate) fn streams(&self) -> impl Iterator<Item = u16> + '_ {
        self.members.iter().map(|one| one.stream)
    }

    /// A source that was known to the process before this one.
    pub(crate) fn resume(&mut self, ssrc: u32, stream: u16) {
        if self.streams().any(|one| one == stream) {
            self.sent.learn(ssrc, stream, false);
        }
    }

    /// Whose RTP packet this is, and with true whether its source was not known as that before;
    /// None: nobody's.
    pub fn stream_of(&mut self, packet: &[u8]) -> Option<(u16, bool)> {
        let header = RtpHeader::parse(packet)?;
        let (ssrc, bit) = (header.ssrc(), 1u128 << header.payload_type());
        let mid = match self.mid_extension {
            0 => None,
            identifier => header.extension(identifier),
        };
        let known = self.sent.of(ssrc);
        let member = match (mid, known) {
            (Some(mid), _) => self.members.iter().find(|one| one.mid == mid)?,
            (None, Some(stream)) => self.members.iter().find(|one| one.stream == stream)?,
            (None, None) => self.only(bit)?,
        };
        if member.payload_types & bit == 0 {
            return None;
        }
        let (stream, news) = (member.stream, known != Some(member.stream));
        if news {
            self.sent.learn(ssrc, stream, false);
        }
        Some((stream, news))
    }

    /// Divides a compound RTCP packet among the streams.
    #[must_use]
    pub fn divide(&self, packet: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let parts = divide(packet, self);
        let parts = parts.into_iter();
        parts.map(|(stream, part)| (stream as u16, part)).collect()
    }

    /// Makes a packet of a stream's what the peer is to get: its MID stands in it, and no other
    /// header extension. False: it cannot leave; its source is one of another stream's.
    pub fn stamp(&mut self, stream: u16, data: &mut Datagram<'_>) -> bool {
        let Some(ssrc) = RtpHeader::parse(data.bytes()).map(|header| header.ssrc()) else {
            return false;
        };
        match self.received.of(ssrc) {
            Some(owner) if owner != stream => return false,
            Some(_) => {}
            None => self.received.learn(ssrc, stream, false),
        }
        let member = self.members.iter().find(|one| one.stream == stream);
        let mid = member.map(|one| one.mid.as_slice());
        let element = Some(self.mid_extension).filter(|one| *one != 0).zip(mid);
        let length = replace_extensions(data.room, data.length, element);
        length.is_some_and(|length| {
            data.length = length;
            true
        })
    }

    /// The one stream with a payload type.
    fn only(&self, bit: u128) -> Option<&Member> {
        let mut having = self.members.iter();
        let mut having = having.by_ref().filter(|one| one.payload_types & bit != 0);
        let first = having.next()?;
        having.next().is_none().then_some(first)
    }
}

/// Takes the header extensions out of a packet: they belong to the transport that it came by.
pub(crate) fn strip(data: &mut Datagram<'_>) {
    if let Some(length) = replace_extensions(data.room, data.length, None) {
        data.length = length;
    }
}

impl Owners for Bundle {
    fn of_sent(&self, ssrc: u32) -> Option<usize> {
        self.sent.of(ssrc).map(usize::from)
    }

    fn of_received(&self, ssrc: u32) -> Option<usize> {
        self.received.of(ssrc).map(usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MID: u8 = 4;

    fn packet(ssrc: u32, payload_type: u8, mid: Option<&[u8]>) -> Vec<u8> {
        let mut room = vec![0x80, payload_type, 0, 1, 0, 0, 0, 160];
        room.extend(ssrc.to_be_bytes());
        room.extend(b"voice");
        let length = room.len();
        room.resize(64, 0);
        let element = mid.map(|mid| (MID, mid));
        let length = replace_extensions(&mut room, length, element).expect("room");
        room.truncate(length);
        room
    }

    fn member(stream: u16, mid: &[u8], types: &[u8]) -> Member {
        Member {
            stream,
            mid: mid.to_vec(),
            payload_types: types.iter().map(|one| 1u128 << one).sum(),
            sources: Vec::new(),
        }
    }

    /// Audio, and two cameras with the same payload types.
    fn bundle(mid_extension: u8) -> Bundle {
        let mut made = Bundle::new(mid_extension);
        let members = vec![
            member(0, b"a", &[8, 111]),
            member(1, b"v1", &[96]),
            member(2, b"v2", &[96]),
        ];
        made.describe(mid_extension, members);
        made
    }

    #[test]
    fn the_mid_says_whose_a_source_is_and_later_packets_need_none() {
        let mut bundle = bundle(MID);
        assert_eq!(bundle.stream_of(&packet(7, 96, None)), None);
        let named = packet(7, 96, Some(b"v2"));
        assert_eq!(bundle.stream_of(&named), Some((2, true)));
        assert_eq!(bundle.stream_of(&named), Some((2, false)));
        assert_eq!(bundle.stream_of(&packet(7, 96, None)), Some((2, false)));
        // It may move to another stream.
        assert_eq!(
            bundle.stream_of(&packet(7, 96, Some(b"v1"))),
            Some((1, true))
        );
        assert_eq!(bundle.stream_of(&packet(7, 96, None)), Some((1, false)));
    }

    #[test]
    fn without_a_mid_the_payload_type_says_it_where_one_stream_has_it() {
        let mut bundle = bundle(0);
        assert_eq!(bundle.stream_of(&packet(5, 8, None)), Some((0, true)));
        assert_eq!(bundle.stream_of(&packet(5, 111, None)), Some((0, false)));
        assert_eq!(bundle.stream_of(&packet(6, 96, None)), None);
        assert_eq!(bundle.stream_of(&packet(6, 33, None)), None);
        // A source is one stream's: what it may not send there is nobody's.
        assert_eq!(bundle.stream_of(&packet(5, 96, None)), None);
    }

    #[test]
    fn a_mid_of_nobody_or_a_payload_type_of_another_is_nobodys() {
        let mut bundle = bundle(MID);
        assert_eq!(bundle.stream_of(&packet(7, 8, Some(b"x"))), None);
        assert_eq!(bundle.stream_of(&packet(7, 8, Some(b"v1"))), None);
    }

    #[test]
    fn sources_that_signaling_names_need_nothing_else_and_are_not_forgotten() {
        let mut bundle = bundle(0);
        let mut members = bundle.members.clone();
        members[2].sources = vec![77];
        bundle.describe(0, members.clone());
        for ssrc in 1000..1000 + 4 * MAX_SOURCES as u32 {
            assert_eq!(bundle.stream_of(&packet(ssrc, 8, None)), Some((0, true)));
        }
        assert_eq!(bundle.sent.known.len(), MAX_SOURCES);
        assert_eq!(bundle.stream_of(&packet(77, 96, None)), Some((2, false)));
        members.pop();
        bundle.describe(0, members);
        assert_eq!(bundle.stream_of(&packet(77, 96, None)), Some((1, true)));
    }

    #[test]
    fn what_leaves_bears_its_mid_and_no_extension_of_another_transport() {
        let mut bundle = bundle(MID);
        let mut room = packet(9, 96, Some(b"elsewhere"));
        let length = room.len();
        room.resize(80, 0);
        let mut data = Datagram::new(&mut room, length);
        assert!(bundle.stamp(2, &mut data));
        assert_eq!(data.bytes(), packet(9, 96, Some(b"v2")));
        // The source is that stream's now, so RTCP about it goes there.
        assert_eq!(bundle.received.of(9), Some(2));
        assert!(!bundle.stamp(1, &mut data));
        strip(&mut data);
        assert_eq!(data.bytes(), packet(9, 96, None));
    }
}
