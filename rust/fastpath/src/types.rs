//! What the relay says to the fast path and hears from it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use fastpath_abi as abi;

/// Names a flow: who sends to which of our ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// Ours.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// A settled flow and what becomes of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Which packets.
    pub key: FlowKey,
    /// Their new source: our port on the other side.
    pub from: SocketAddr,
    /// Their new destination.
    pub to: SocketAddr,
    /// The payload types to relay, as bits; all others go to the relay.
    pub payload_types: u128,
    /// DS byte of what leaves; its ECN bits do not count.
    pub traffic_class: u8,
    /// RTP clock of the payload types, in hertz, for the jitter.
    pub clock_rate: u32,
}

/// What was counted of a flow since it was settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets relayed.
    pub packets: u64,
    /// Bytes of them: UDP payload.
    pub bytes: u64,
    /// Packets that the sequence numbers promised (RFC 3550 A.3).
    pub expected: u64,
    /// Interarrival jitter in microseconds (RFC 3550 A.8).
    pub jitter_us: u32,
    /// Milliseconds since the last packet; None: none yet.
    pub idle: Option<u64>,
}

/// Why a flow stays with the relay.
#[derive(Debug)]
pub enum Refusal {
    /// Its packets do not leave this machine.
    Loopback,
    /// IPv4 on one side, IPv6 on the other.
    Families,
    /// No Ethernet interface of ours that has the address.
    NoInterface(IpAddr),
    /// No way to the peer.
    NoRoute(IpAddr),
    /// The kernel's tables are full.
    Full,
    /// The system refused.
    System(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => out.write_str("loopback"),
            Self::Families => out.write_str("IPv4 and IPv6"),
            Self::NoInterface(ip) => write!(out, "{ip} is on no Ethernet interface"),
            Self::NoRoute(ip) => write!(out, "no route to {ip}"),
            Self::Full => out.write_str("kernel table full"),
            Self::System(error) => write!(out, "kernel: {error}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Payload types that are RTCP's packet types less the marker bit (RFC 5761 section 4).
const RTCP: u128 = ((1 << 32) - 1) << 64;

impl Flow {
    /// The flow as the kernel has it; counters begin at nothing.
    pub(crate) fn to_abi(self, hop: u32) -> abi::Flow {
        let types = self.payload_types & !RTCP;
        let (from, to) = (words(self.from.ip()), words(self.to.ip()));
        let old = [words(self.key.remote.ip()), words(self.key.local.ip())];
        let ports = |one: u16, other: u16| [port(one), port(other)];
        abi::Flow {
            payload_types: [types as u64, (types >> 64) as u64],
            clock: (u64::from(self.clock_rate) << 32) / 1_000_000_000,
            from,
            to,
            hop,
            from_port: port(self.from.port()),
            to_port: port(self.to.port()),
            address_delta: delta(&halves(&old), &halves(&[from, to])),
            port_delta: delta(
                &ports(self.key.remote.port(), self.key.local.port()),
                &ports(self.from.port(), self.to.port()),
            ),
            traffic_class: self.traffic_class & 0xfc,
            ..abi::Flow::default()
        }
    }
}

/// What a flow has counted, at `now` of CLOCK_MONOTONIC in nanoseconds.
pub(crate) fn read_count(flow: &abi::Flow, now: u64) -> Count {
    let stretch = u64::from(flow.highest.wrapping_sub(flow.first)) + 1;
    let units = u64::from(flow.jitter >> 4) << 32;
    let nanoseconds = units.checked_div(flow.clock).unwrap_or_default();
    Count {
        packets: flow.packets,
        bytes: flow.bytes,
        expected: flow.expected + stretch * u64::from(flow.started),
        jitter_us: (nanoseconds / 1_000) as u32,
        idle: (flow.last_seen != 0).then(|| now.saturating_sub(flow.last_seen) / 1_000_000),
    }
}

/// An address as in the packet; IPv4's is the first word.
pub(crate) fn words(ip: IpAddr) -> [u32; 4] {
    match ip {
        IpAddr::V4(ip) => [u32::from_ne_bytes(ip.octets()), 0, 0, 0],
        IpAddr::V6(ip) => {
            let mut words = [0; 4];
            for (word, four) in words.iter_mut().zip(ip.octets().chunks_exact(4)) {
                *word = u32::from_ne_bytes([four[0], four[1], four[2], four[3]]);
            }
            words
        }
    }
}

/// The reverse of `words`.
pub(crate) fn ip_of(words: [u32; 4], is_v4: bool) -> IpAddr {
    if is_v4 {
        return IpAddr::from(words[0].to_ne_bytes());
    }
    let mut octets = [0; 16];
    for (four, word) in octets.chunks_exact_mut(4).zip(words) {
        four.copy_from_slice(&word.to_ne_bytes());
    }
    IpAddr::from(octets)
}

/// A port as in the packet.
pub(crate) fn port(number: u16) -> u16 {
    number.to_be()
}

fn halves(addresses: &[[u32; 4]]) -> Vec<u16> {
    let half = |word: &u32| {
        let four = word.to_ne_bytes();
        [
            u16::from_ne_bytes([four[0], four[1]]),
            u16::from_ne_bytes([four[2], four[3]]),
        ]
    };
    addresses.iter().flatten().flat_map(half).collect()
}

/// What replacing words by others adds to a checksum (RFC 1624 equation 3).
fn delta(old: &[u16], new: &[u16]) -> u16 {
    let removed: u64 = old.iter().map(|word| u64::from(!word)).sum();
    let mut sum = removed + new.iter().map(|word| u64::from(*word)).sum::<u64>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
