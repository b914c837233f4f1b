//! The program run on packets in memory (BPF_PROG_TEST_RUN): nothing is attached or sent.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{mem, process};

use fastpath_abi::Hop;

use crate::place;
use crate::pod::Plain;
use crate::program::{Maps, Program};
use crate::table::{keys, Keys};
use crate::types::{read_count, Count, Flow, FlowKey};
use crate::Hook;

const UP: u32 = u32::MAX; // TC_ACT_UNSPEC
const REDIRECTED: u32 = 7; // TC_ACT_REDIRECT
const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;
const ALAW: u8 = 8;

/// A loaded program with one flow, its pins in a directory of its own.
struct Rig {
    program: Program,
    maps: Maps,
    directory: PathBuf,
    flow: Flow,
}

impl Drop for Rig {
    fn drop(&mut self) {
        place::clear(&self.directory).expect("the test's pins");
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn flow4() -> Flow {
    Flow {
        key: FlowKey {
            local: at("192.168.64.96:35000"),
            remote: at("192.168.67.61:40001"),
        },
        from: at("10.10.10.7:35002"),
        to: at("10.10.10.13:40752"),
        payload_types: 1 << 0 | 1 << ALAW,
        traffic_class: 184,
        clock_rate: 8000,
    }
}

fn flow6() -> Flow {
    Flow {
        key: FlowKey {
            local: at("[2001:db8:1::96]:35000"),
            remote: at("[2001:db8:9::61]:40001"),
        },
        from: at("[2001:db8:2::7]:35002"),
        to: at("[2001:db8:2::13]:40752"),
        ..flow4()
    }
}

impl Rig {
    /// None where this user may not load programs: these tests need root.
    fn new(flow: Flow) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}", process::id());
        let directory = place::prepare(&name).expect("a directory for pins");
        let (program, maps) = Program::load(&directory, Hook::Xdp).expect("the program loads");
        let mut rig = Self {
            program,
            maps,
            directory,
            flow,
        };
        rig.hop(u64::MAX, 1500);
        let value = Plain(flow.to_abi(3));
        match keys(&flow.key) {
            Keys::V4(key) => rig.maps.flows4.insert(Plain(key), value, 0),
            Keys::V6(key) => rig.maps.flows6.insert(Plain(key), value, 0),
        }
        .expect("room for a flow");
        Some(rig)
    }

    fn hop(&mut self, lease: u64, mtu: u32) {
        let hop = Hop {
            lease,
            interface: 1,
            mtu,
            next: crate::types::words(self.flow.to.ip()),
            family: crate::netlink::family(self.flow.to.ip()).into(),
            destination: [2, 0, 0, 0, 0, 0x13],
            source: [2, 0, 0, 0, 0, 0x07],
        };
        self.maps.hops.set(3, Plain(hop), 0).expect("in range");
    }

    fn count(&self) -> Count {
        let found = match keys(&self.flow.key) {
            Keys::V4(key) => self.maps.flows4.get(&Plain(key), 0),
            Keys::V6(key) => self.maps.flows6.get(&Plain(key), 0),
        };
        let flow = found.expect("the flow is there").0;
        read_count(&flow, flow.last_seen)
    }

    fn tc(&mut self, packet: &[u8]) -> (u32, Vec<u8>) {
        run(self.program.classifier_fd(), packet)
    }

    fn xdp(&mut self, packet: &[u8]) -> (u32, Vec<u8>) {
        run(self.program.xdp_fd(), packet)
    }

    /// Asserts that a packet goes up as it came, in both programs.
    fn goes_up(&mut self, packet: &[u8]) {
        assert_eq!(self.tc(packet), (UP, packet.to_vec()));
        assert_eq!(self.xdp(packet), (XDP_PASS, packet.to_vec()));
        assert_eq!(self.count().packets, 0);
    }
}

/// bpf(2)'s attribute for BPF_PROG_TEST_RUN.
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    result: u32,
    length_in: u32,
    length_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context: [u64; 3],
    flags: [u32; 3],
    unused: u32,
}

fn run(program: BorrowedFd<'_>, packet: &[u8]) -> (u32, Vec<u8>) {
    const PROG_TEST_RUN: libc::c_int = 10;
    let mut out = vec![0u8; 2048];
    let mut wanted = TestRun {
        program: program.as_raw_fd() as u32,
        length_in: packet.len() as u32,
        length_out: out.len() as u32,
        data_in: packet.as_ptr() as u64,
        data_out: out.as_mut_ptr() as u64,
        ..TestRun::default()
    };
    // SAFETY: the attribute is as bpf(2) has it, and both buffers live through the call with their
    // true lengths.
    let done = unsafe {
        let size = mem::size_of::<TestRun>();
        libc::syscall(libc::SYS_bpf, PROG_TEST_RUN, &raw mut wanted, size)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    out.truncate(wanted.length_out as usize);
    (wanted.result, out)
}

/// RTP as a telephone sends it.
fn rtp(payload_type: u8, sequence: u16, timestamp: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x1234_5678u32.to_be_bytes());
    packet.extend((0..160).map(|at| at as u8 ^ 0xd5));
    packet
}

fn voice() -> Vec<u8> {
    rtp(ALAW, 100, 16_000)
}

fn sum(data: &[u8]) -> u64 {
    let words = data.chunks(2);
    words
        .map(|two| u64::from(two[0]) << 8 | u64::from(*two.get(1).unwrap_or(&0)))
        .sum()
}

fn folded(mut sum: u64) -> u16 {
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

fn pseudo(from: IpAddr, to: IpAddr, length: usize) -> u64 {
    sum(&octets(from)) + sum(&octets(to)) + 17 + length as u64
}

/// An Ethernet frame to this host, with right checksums.
fn frame(from: SocketAddr, to: SocketAddr, payload: &[u8], lifetime: u8) -> Vec<u8> {
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

fn fix_header(frame: &mut [u8]) {
    frame[24..26].copy_from_slice(&[0, 0]);
    let check = !folded(sum(&frame[14..34]));
    frame[24..26].copy_from_slice(&check.to_be_bytes());
}

fn incoming(flow: &Flow, payload: &[u8]) -> Vec<u8> {
    frame(flow.key.remote, flow.key.local, payload, 64)
}

/// What a relayed packet must be, byte for byte; ECN's bits (0x03 of the test's frames) stay.
fn outgoing(flow: &Flow, payload: &[u8]) -> Vec<u8> {
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

#[test]
fn a_settled_packet_is_the_other_sides_and_both_checksums_are_right() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let packet = incoming(&flow, &voice());
        assert_eq!(rig.tc(&packet), (REDIRECTED, outgoing(&flow, &voice())));
        assert_eq!(rig.xdp(&packet), (XDP_REDIRECT, outgoing(&flow, &voice())));
        let count = rig.count();
        assert_eq!((count.packets, count.bytes), (2, 344));
        assert_eq!(count.idle, Some(0));
    }
}

#[test]
fn checksums_are_right_whatever_the_payload() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        for number in 0..600u16 {
            let payload = rtp(ALAW, number, u32::from(number).wrapping_mul(0x9e37_79b9));
            let packet = incoming(&flow, &payload);
            assert_eq!(rig.tc(&packet), (REDIRECTED, outgoing(&flow, &payload)));
        }
    }
}

/// The sender leaves the sum to its device: only the pseudo header's is there.
#[test]
fn a_checksum_like_an_unfinished_one_is_patched_by_the_kernel_and_never_in_xdp() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let at = if flow.from.is_ipv4() { 40 } else { 60 };
        // A complete packet whose sum is by chance what the pseudo header's would be.
        let length = voice().len() + 8;
        let seed = folded(pseudo(flow.key.remote.ip(), flow.key.local.ip(), length));
        let payload = (0..=u16::MAX)
            .map(|word| [&rtp(ALAW, 1, 160)[..170], &word.to_be_bytes()].concat())
            .find(|payload| incoming(&flow, payload)[at..at + 2] == seed.to_be_bytes())
            .expect("one of 65,536");
        let packet = incoming(&flow, &payload);
        assert_eq!(rig.xdp(&packet), (XDP_PASS, packet.clone()));
        assert_eq!(rig.tc(&packet), (REDIRECTED, outgoing(&flow, &payload)));
    }
}

#[test]
fn no_checksum_stays_none_over_ipv4_and_is_for_the_relay_over_ipv6() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    let mut packet = incoming(&flow4(), &voice());
    packet[40..42].copy_from_slice(&[0, 0]);
    let mut expected = outgoing(&flow4(), &voice());
    expected[40..42].copy_from_slice(&[0, 0]);
    assert_eq!(rig.tc(&packet), (REDIRECTED, expected));
    let mut rig = Rig::new(flow6()).expect("root");
    let mut packet = incoming(&flow6(), &voice());
    packet[60..62].copy_from_slice(&[0, 0]);
    rig.goes_up(&packet);
}

#[test]
fn a_stranger_and_a_strange_port_go_up() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let other = |mut at: SocketAddr, ip: bool| {
            let stranger = if at.is_ipv4() {
                "192.0.2.66"
            } else {
                "2001:db8::66"
            };
            if ip {
                at.set_ip(stranger.parse().expect("an address"));
            } else {
                at.set_port(at.port() + 2);
            }
            at
        };
        let FlowKey { local, remote } = flow.key;
        for is_ip in [true, false] {
            rig.goes_up(&frame(other(remote, is_ip), local, &voice(), 64));
            rig.goes_up(&frame(remote, other(local, is_ip), &voice(), 64));
        }
    }
}

#[test]
fn only_plain_rtp_of_the_rules_payload_types_is_relayed() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let with = |at: usize, byte: u8| {
            let mut packet = voice();
            packet[at] = byte;
            packet
        };
        let others = [
            ("telephone-event", rtp(101, 1, 160)),
            ("another codec", rtp(9, 1, 160)),
            ("RTCP, a receiver report", with(1, 201)),
            ("RTCP by its low bits", with(1, 72)),
            ("STUN", with(0, 0x00)),
            ("DTLS", with(0, 22)),
            ("version 1", with(0, 0x40)),
            ("padding", with(0, 0xa0)),
            ("an extension", with(0, 0x90)),
            ("a CSRC", with(0, 0x81)),
            ("a keepalive", vec![0; 4]),
            ("a cut header", voice()[..11].to_vec()),
            ("nothing", Vec::new()),
        ];
        for (what, payload) in others {
            eprintln!("{what}");
            rig.goes_up(&incoming(&flow, &payload));
        }
        let marked = with(1, ALAW | 0x80);
        assert_eq!(
            rig.tc(&incoming(&flow, &marked)).1,
            outgoing(&flow, &marked)
        );
    }
}

#[test]
fn rtcp_types_are_never_relayed_even_where_a_rule_names_them() {
    let flow = Flow {
        payload_types: u128::MAX,
        ..flow4()
    };
    let Some(mut rig) = Rig::new(flow) else {
        return;
    };
    for kind in 192..=223 {
        rig.goes_up(&incoming(&flow, &rtp(kind, 1, 160)));
    }
}

#[test]
fn what_is_unusual_in_the_ip_header_goes_up() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    let changed = |at: usize, bytes: &[u8]| {
        let mut packet = incoming(&flow4(), &voice());
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        fix_header(&mut packet);
        packet
    };
    let mut options = incoming(&flow4(), &voice());
    options[14] = 0x46;
    options.splice(34..34, [1, 1, 1, 0]);
    let old = [
        ("options", options),
        ("a first fragment", changed(20, &[0x20, 0])),
        ("a later fragment", changed(20, &[0, 0x10])),
        ("the last hop", changed(22, &[1])),
        ("TCP", changed(23, &[6])),
        ("a length that is not UDP's", changed(16, &[0, 190])),
        ("UDP's length beyond", changed(38, &[0, 190])),
        ("ARP", changed(12, &[8, 6])),
        ("not for this host", changed(0, &[2, 7])),
    ];
    for (what, packet) in old {
        eprintln!("{what}");
        assert_eq!(rig.tc(&packet), (UP, packet.clone()));
    }
    for length in 34..54 {
        rig.goes_up(&incoming(&flow4(), &voice())[..length]);
    }
    let mut rig = Rig::new(flow6()).expect("root");
    let changed = |at: usize, byte: u8| {
        let mut packet = incoming(&flow6(), &voice());
        packet[at] = byte;
        packet
    };
    let new = [
        ("a fragment header", changed(20, 44)),
        ("hop-by-hop options", changed(20, 0)),
        ("the last hop", changed(21, 1)),
        ("a length that is not UDP's", changed(19, 1)),
    ];
    for (what, packet) in new {
        eprintln!("{what}");
        rig.goes_up(&packet);
    }
    for length in 54..74 {
        rig.goes_up(&incoming(&flow6(), &voice())[..length]);
    }
}

#[test]
fn a_packet_longer_than_the_next_link_takes_goes_up() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let length = incoming(&flow, &voice()).len() as u32 - 14;
        rig.hop(u64::MAX, length - 1);
        rig.goes_up(&incoming(&flow, &voice()));
        rig.hop(u64::MAX, length);
        assert_eq!(rig.tc(&incoming(&flow, &voice())).0, REDIRECTED);
    }
}

#[test]
fn without_a_lease_the_kernel_finds_the_neighbour_and_xdp_leaves_it_to_tc() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        rig.hop(0, 1500);
        let packet = incoming(&flow, &voice());
        assert_eq!(rig.xdp(&packet), (XDP_PASS, packet.clone()));
        let (result, sent) = rig.tc(&packet);
        assert_eq!(result, REDIRECTED);
        assert_eq!(sent[..12], packet[..12]);
        assert_eq!(sent[12..], outgoing(&flow, &voice())[12..]);
    }
}

#[test]
fn loss_is_what_sequence_numbers_promise_across_a_wrap_a_jump_and_a_new_source() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    let mut send = |sequence: u16, ssrc: u8| {
        let mut payload = rtp(ALAW, sequence, u32::from(sequence) * 160);
        payload[11] = ssrc;
        assert_eq!(rig.tc(&incoming(&flow4(), &payload)).0, REDIRECTED);
        rig.count().expected
    };
    assert_eq!(send(65_534, 1), 1);
    assert_eq!(send(1, 1), 4, "65535, 0 are missing");
    assert_eq!(send(0, 1), 4, "late, and no new promise");
    assert_eq!(send(30_000, 1), 5, "a jump begins a new stretch");
    assert_eq!(send(30_002, 1), 7);
    assert_eq!(send(7, 2), 8, "and so does another source");
    assert_eq!(rig.count().packets, 6);
}

#[test]
fn jitter_is_rfc_3550s() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    // All at once, stamped 20 ms apart: the deviation of each is 20 ms, less what the test takes.
    for number in 0..200u16 {
        rig.tc(&incoming(
            &flow4(),
            &rtp(ALAW, number, u32::from(number) * 160),
        ));
    }
    let jitter = rig.count().jitter_us;
    assert!((10_000..=20_100).contains(&jitter), "{jitter}");
    assert_eq!(rig.count().expected, 200);
}
