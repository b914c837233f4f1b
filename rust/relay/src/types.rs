//! The words of the relay's core: keys, what signaling says, counters, verdicts.

use std::net::{IpAddr, SocketAddr};

use crate::observe::Quality;
use crate::offload::Reason;
use crate::{Millis, SideIndex};

/// Names a port of this shard; a key of a closed port is never valid again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Key {
    /// The key as one number, for epoll.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// Where the port stands in a table that is as long as the shard's.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// The reverse of `to_bits`.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self {
            index: (bits & 0xffff_ffff) as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// Which of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// RTP and RTCP: anything else is malformed, and cannot latch.
    Rtp,
    /// Any datagram (T.38 over UDPTL and the like).
    Raw,
}

/// The local addresses of a stream: `[side][kind]`.
pub type StreamPorts = [[SocketAddr; 2]; 2];

/// What signaling says of one side of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// The RTP address in the SDP.
    pub rtp: Option<SocketAddr>,
    /// The RTCP address in the SDP, or the one that follows from RTP's.
    pub rtcp: Option<SocketAddr>,
    /// Where the signaling comes from.
    pub source: Option<IpAddr>,
    /// Send nothing there (hold with the null address, RFC 3264 section 8.4).
    pub muted: bool,
    /// RTCP comes and goes on the RTP port (RFC 5761), as both have agreed.
    pub muxed: bool,
    /// Until it has sent something itself nothing goes elsewhere than where the signaling comes from.
    pub confined: bool,
}

impl Remote {
    /// Where the first packets for an address of the SDP go: where it is confined the signaling's
    /// address, with the port of the SDP. None: that is of the other IP family.
    #[must_use]
    pub fn aim(&self, at: SocketAddr) -> Option<SocketAddr> {
        match self.source.filter(|_| self.confined) {
            Some(source) if source.is_ipv4() != at.is_ipv4() => None,
            Some(source) => Some(SocketAddr::new(source, at.port())),
            None => Some(at),
        }
    }
}

/// Counters of one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets accepted.
    pub received_packets: u64,
    /// Bytes of them (UDP payload).
    pub received_bytes: u64,
    /// Packets sent from this port.
    pub sent_packets: u64,
    /// Bytes of them.
    pub sent_bytes: u64,
    /// Packets from a source that may not send here.
    pub refused_packets: u64,
    /// Packets that are not what the stream carries, or too large.
    pub malformed_packets: u64,
    /// Packets that the system would not take from us, or that could not be protected.
    pub unsent_packets: u64,
    /// Packets of the other side that had nowhere to go: no address is known, or none wanted.
    pub untargeted_packets: u64,
    /// Packets that do not authenticate (SRTP): another key, or changed on the way.
    pub unauthentic_packets: u64,
    /// Packets that came before, or are too old to tell (SRTP).
    pub replayed_packets: u64,
}

/// A snapshot of one port.
#[derive(Clone, Debug, PartialEq)]
pub struct PortStats {
    /// Which m= line, from 0.
    pub stream: u16,
    /// Which side.
    pub side: SideIndex,
    /// RTP or RTCP.
    pub kind: Kind,
    /// Ours.
    pub local: SocketAddr,
    /// It shares its transport with other streams (BUNDLE): addresses and suite are the transport's.
    pub bundled: bool,
    /// The peer's, once a packet was accepted.
    pub latched: Option<SocketAddr>,
    /// Where packets would leave for now.
    pub target: Option<SocketAddr>,
    /// The last source that was refused.
    pub stranger: Option<SocketAddr>,
    /// Signaling wants nothing sent there.
    pub muted: bool,
    /// What was counted.
    pub counters: Counters,
    /// The crypto suite of the side, by SDP's name; None: in the clear, or not agreed yet.
    pub suite: Option<&'static str>,
    /// Why the last DTLS handshake failed, while there are no keys.
    pub handshake: Option<String>,
    /// Milliseconds since the last accepted packet.
    pub idle: Option<Millis>,
    /// Why the relay itself forwards what comes in here; None: the kernel does.
    pub why: Option<Reason>,
    /// What comes in here is transcoded to this codec, by SDP's name; with RTP ports only.
    pub transcoding: Option<&'static str>,
    /// The statistics of the side; with its RTP port only.
    pub quality: Option<Quality>,
}

/// A packet in a buffer with room behind it: SRTP makes it longer or shorter.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// The whole buffer.
    pub room: &'a mut [u8],
    /// How much of it is the packet.
    pub length: usize,
}

impl<'a> Datagram<'a> {
    /// A packet in the first bytes of a buffer, all of it where `length` is beyond.
    #[must_use]
    pub fn new(room: &'a mut [u8], length: usize) -> Self {
        let length = length.min(room.len());
        Self { room, length }
    }

    /// The packet.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.room[..self.length]
    }
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it, as it is now, from the port `via` to `to`.
    Forward {
        /// Our port on the other side.
        via: Key,
        /// The peer there.
        to: SocketAddr,
    },
    /// Counted as received; nobody to send it to yet.
    NoTarget,
    /// From a source that may not send here.
    Refused,
    /// Not what the stream carries.
    Malformed,
    /// It does not authenticate, came before, or the keys are not agreed yet.
    Unauthentic,
    /// It could not be protected for the other side.
    Unprotected,
    /// It was for the relay itself (ICE, DTLS), or is transcoded: `Shard::poll_transmit` has what there
    /// is to send.
    Handled,
    /// The port was closed meanwhile.
    Gone,
}

/// A datagram of the relay's own: an answer to a check, a DTLS flight, a transcoded packet, a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The port to send it from.
    pub via: Key,
    /// The peer.
    pub to: SocketAddr,
    /// The datagram.
    pub bytes: Vec<u8>,
    /// It is media: what becomes of it goes to `Shard::forwarded`.
    pub counted: bool,
}
