//! What the fast path's program in the kernel and its loader both know: keys, flows, next hops.
//!
//! The structures are defined once, here; [`c_header`] is the C that the program is compiled with.
//! Addresses and ports are in network byte order in memory, so `u32::from_ne_bytes(octets)`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod c;

use alloc::string::String;

use c::{CStruct, CType};

/// Changes whenever a structure or the meaning of a field does: pins of another version are not used.
pub const VERSION: u32 = 1;
/// Flows of each address family that the program can hold.
pub const MAX_FLOWS: u32 = 65_536;
/// Next hops that it can hold.
pub const MAX_HOPS: u32 = 4_096;

c_struct! {
    /// Who sends to which of our ports, over IPv4.
    Key4, "key4" {
        /// Our address.
        local: u32,
        /// The peer's.
        remote: u32,
        /// Our port.
        local_port: u16,
        /// The peer's.
        remote_port: u16,
    }
}

c_struct! {
    /// Who sends to which of our ports, over IPv6.
    Key6, "key6" {
        /// Our address.
        local: [u32; 4],
        /// The peer's.
        remote: [u32; 4],
        /// Our port.
        local_port: u16,
        /// The peer's.
        remote_port: u16,
    }
}

c_struct! {
    /// What becomes of a flow's packets, and what was counted of them.
    Flow, "flow" {
        /// Packets relayed.
        packets: u64,
        /// Bytes of them: UDP payload.
        bytes: u64,
        /// CLOCK_MONOTONIC of the last, in nanoseconds; 0: none yet.
        last_seen: u64,
        /// Packets that the sequence numbers of earlier stretches (before a jump, or of another
        /// SSRC) promised.
        expected: u64,
        /// The payload types that are relayed, as bits.
        payload_types: [u64; 2],
        /// RTP clock units in a nanosecond, times 2^32.
        clock: u64,
        /// The new source: our port on the other side. IPv4 is in the first word.
        from: [u32; 4],
        /// The new destination: the peer there.
        to: [u32; 4],
        /// Which next hop.
        hop: u32,
        /// The SSRC of the present stretch.
        ssrc: u32,
        /// The first sequence number of the stretch, as extended by the cycles (RFC 3550 A.1).
        first: u32,
        /// The highest.
        highest: u32,
        /// Arrival less timestamp of the last packet, in clock units (RFC 3550 A.8).
        transit: u32,
        /// Interarrival jitter in sixteenths of a clock unit (RFC 3550 A.8).
        jitter: u32,
        /// The new source's port.
        from_port: u16,
        /// The new destination's.
        to_port: u16,
        /// What the new addresses add to a checksum (RFC 1624), folded.
        address_delta: u16,
        /// What the new ports add.
        port_delta: u16,
        /// The DSCP bits of the DS byte; ECN's two stay the packet's.
        traffic_class: u8,
        /// Whether a stretch has begun.
        started: u8,
        /// Nothing.
        unused: [u8; 6],
    }
}

c_struct! {
    /// Where packets go on their next link.
    Hop, "hop" {
        /// CLOCK_MONOTONIC until which the link addresses hold, in nanoseconds. The kernel's own
        /// neighbour table is asked from then on.
        lease: u64,
        /// The interface; 0: none, leave the packet to the relay.
        interface: u32,
        /// Longest IP packet that it takes.
        mtu: u32,
        /// The neighbour: a gateway, or the peer itself.
        next: [u32; 4],
        /// Its address family, AF_INET or AF_INET6.
        family: u32,
        /// Its link address.
        destination: [u8; 6],
        /// Ours there.
        source: [u8; 6],
    }
}

/// The C that the program includes.
#[must_use]
pub fn c_header() -> String {
    let mut text = String::from(
        "/* Written by fastpath-abi at build time: do not change here. */\n#pragma once\n#include <linux/types.h>\n",
    );
    for (name, value) in [("MAX_FLOWS", MAX_FLOWS), ("MAX_HOPS", MAX_HOPS)] {
        text.push_str(&alloc::format!("#define {name} {value}\n"));
    }
    for one in [
        Key4::c_struct(),
        Key6::c_struct(),
        Flow::c_struct(),
        Hop::c_struct(),
    ] {
        text.push_str(&one);
    }
    text
}
