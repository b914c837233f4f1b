//! A loaded program with one flow, and the system call that runs it on bytes.

use std::net::SocketAddr;
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

pub(super) const UP: u32 = u32::MAX; // TC_ACT_UNSPEC
pub(super) const REDIRECTED: u32 = 7; // TC_ACT_REDIRECT
pub(super) const XDP_PASS: u32 = 2;
pub(super) const XDP_REDIRECT: u32 = 4;
pub(super) const ALAW: u8 = 8;

/// A loaded program with one flow, its pins in a directory of its own.
pub(super) struct Rig {
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

pub(super) fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(super) fn flow4() -> Flow {
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

pub(super) fn flow6() -> Flow {
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
    pub(super) fn new(flow: Flow) -> Option<Self> {
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

    pub(super) fn hop(&mut self, lease: u64, mtu: u32) {
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

    pub(super) fn count(&self) -> Count {
        let found = match keys(&self.flow.key) {
            Keys::V4(key) => self.maps.flows4.get(&Plain(key), 0),
            Keys::V6(key) => self.maps.flows6.get(&Plain(key), 0),
        };
        let flow = found.expect("the flow is there").0;
        read_count(&flow, flow.last_seen)
    }

    pub(super) fn tc(&mut self, packet: &[u8]) -> (u32, Vec<u8>) {
        run(self.program.classifier_fd(), packet)
    }

    pub(super) fn xdp(&mut self, packet: &[u8]) -> (u32, Vec<u8>) {
        run(self.program.xdp_fd(), packet)
    }

    /// Asserts that a packet goes up as it came, in both programs.
    pub(super) fn goes_up(&mut self, packet: &[u8]) {
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
