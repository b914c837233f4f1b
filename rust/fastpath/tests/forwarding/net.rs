//! The namespaces: phones, the relay and the office in a row.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, thread};

use fastpath::{Fastpath, Hook};
use rustix::thread::{move_into_link_name_space, LinkNameSpaceType};

use super::{settings, PATIENCE};

/// Phones (a), the relay (r) and the office (b) in a row.
pub struct Net {
    pub name: String,
}

impl Drop for Net {
    fn drop(&mut self) {
        for end in ["a", "r", "b"] {
            ip(&format!("netns del {}{end}", self.name));
        }
    }
}

pub fn ip(words: &str) {
    let done = Command::new("ip").args(words.split(' ')).status();
    assert!(done.expect("iproute2").success(), "ip {words}");
}

impl Net {
    /// None where this user may not.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let net = Self {
            name: format!("fastpath{}x{number}", process::id()),
        };
        for end in ["a", "r", "b"] {
            ip(&format!("netns add {}{end}", net.name));
        }
        for (end, side) in [("a", 1), ("b", 2)] {
            let (ours, theirs) = (format!("{}r", net.name), format!("{}{end}", net.name));
            ip(&format!(
                "link add r{side} netns {ours} type veth peer name p0 netns {theirs}"
            ));
            for (space, device, host) in [(&ours, format!("r{side}"), 1), (&theirs, "p0".into(), 2)]
            {
                ip(&format!("-n {space} link set lo up"));
                ip(&format!(
                    "-n {space} addr add 10.91.{side}.{host}/24 dev {device}"
                ));
                ip(&format!(
                    "-n {space} addr add fd91:{side}::{host}/64 dev {device} nodad"
                ));
                ip(&format!("-n {space} link set {device} up"));
            }
        }
        Some(net)
    }

    /// Runs something in a namespace; sockets keep it.
    pub fn within<T: Send>(&self, end: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}{end}", self.name);
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let space = fs::File::open(path).expect("the namespace");
                move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root");
                work()
            });
            inside.join().expect("the work is done")
        })
    }

    pub fn socket(&self, end: &str, text: &str) -> UdpSocket {
        let socket = self.within(end, || UdpSocket::bind(text).expect("free"));
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket
    }

    pub fn start(&self, hook: Hook) -> Fastpath {
        self.within("r", || Fastpath::start(&settings(&self.name, hook)))
            .expect("a fast path")
    }

    /// Checksums of what leaves a node are finished there. The relay's are, so that the office's stack
    /// checks them; the phones' are not, as a rule (CHECKSUM_PARTIAL).
    pub fn finish_checksums(&self, end: &str, devices: &str) {
        let tool = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../src/farline/lab/offload.py"
        );
        let space = format!("{}{end}", self.name);
        ip(&format!("netns exec {space} python3 -I {tool} {devices}"));
    }
}
