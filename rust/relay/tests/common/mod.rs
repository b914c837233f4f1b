//! What the conversations with the relay are made of.
#![allow(dead_code)] // Each conversation takes what it needs.

use std::net::SocketAddr;

/// A receiver report without blocks.
pub const RTCP: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

pub fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A frame of PCMA, 20 ms.
pub fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8, 0, 0, 0, 0, 0, 160, 0, 0, 0, 7];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.resize(172, 0xd5);
    packet
}
