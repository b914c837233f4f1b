//! Ethernet frames with right checksums: what comes in, and what must leave.

use std::net::{IpAddr, SocketAddr};

use super::rig::ALAW;
use crate::types::Flow;

/// RTP as a telephone sends it.
pub(super) fn rtp(payload_type: u8, sequence: u16, timestamp: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x1234_5678u32.to_be_bytes());
    packet.extend((0..160).map(|at| at as u8 ^ 0xd5));
    packet
}

pub(super) fn voice() -> Vec<u8> {
    rtp(ALAW, 100, 16_000)
}

fn sum(data: &[u8]) -> u64 {
    let words = data.chunks(2);
    words
        .map(|two| u64::from(two[0]) << 8 | u64::from(*two.get(1).unwrap_or(&0)))
        .sum()
}

pub(super) fn folded(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

pub(super) fn pseudo(from: IpAddr, to: IpAddr, length: usize) -> u64 {
    sum(&octets(from)) + sum(&octets(to)) + 17 + length as u64
}

/// An Ethernet frame to this host, with right checksums.
pub(super) fn frame(from: SocketAddr, to: SocketAddr, payload: &[u8], lifetime: u8) -> Vec<u8> {
    let mut udp = Vec::new();
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    let length = payload.len() + 8;
    udp.extend((length as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    let check = !folded(sum(&udp) + pseudo(from.ip(), to.ip(), length));
    udp[6..8].copy_from_slice(&if check == 0 { 0xffff } else { check }.to_be_bytes());
    let mut frame = vec![0, 0, 0, 0, 0, 0, 2, 9, 9, 9, 9, 9];
    if from.is_ipv4() {
        frame.extend([8, 0, 0x45, 0x03]);
        frame.extend(((length + 20) as u16).to_be_bytes());
        frame.extend([0x12, 0x34, 0x40, 0, lifetime, 17, 0, 0]);
    } else {
        frame.extend([0x86, 0xdd, 0x60, 0x3a, 0xbc, 0xde]);
        frame.extend((length as u16).to_be_bytes());
        frame.extend([17, lifetime]);
    }
    frame.extend(octets(from.ip()));
    frame.extend(octets(to.ip()));
    if from.is_ipv4() {
        fix_header(&mut frame);
    }
    frame.extend(udp);
    frame
}

pub(super) fn fix_header(frame: &mut [u8]) {
    frame[24..26].copy_from_slice(&[0, 0]);
    let check = !folded(sum(&frame[14..34]));
    frame[24..26].copy_from_slice(&check.to_be_bytes());
}

pub(super) fn incoming(flow: &Flow, payload: &[u8]) -> Vec<u8> {
    frame(flow.key.remote, flow.key.local, payload, 64)
}

/// What a relayed packet must be, byte for byte; ECN's bits (0x03 of the test's frames) stay.
pub(super) fn outgoing(flow: &Flow, payload: &[u8]) -> Vec<u8> {
    let mut expected = frame(flow.from, flow.to, payload, 63);
    expected[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0x13]);
    expected[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0x07]);
    if flow.from.is_ipv4() {
        expected[15] = 184 | 3;
        fix_header(&mut expected);
    } else {
        // Traffic class 0x03 of 0x60_3a.. becomes 184 | 3.
        expected[14..16].copy_from_slice(&[0x6b, 0xba]);
    }
    expected
}
