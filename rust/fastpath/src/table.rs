//! The kernel's tables as this process keeps them: flows, and the next hops that they share.

mod hops;
mod keys;

use std::collections::HashMap;

use fastpath_abi::{self as abi, MAX_HOPS};
use rustix::time::{clock_gettime, ClockId};

use hops::{Known, Way};
use keys::flow_key;
pub use keys::{keys, Keys};

use crate::netlink::{Link, Netlink};
use crate::pod::Plain;
use crate::program::Maps;
use crate::types::{ip_of, read_count, Count, Flow, FlowKey, Refusal};

pub struct Table {
    maps: Maps,
    netlink: Netlink,
    links: Vec<Link>,
    hops: Vec<Option<Known>>,
    flows: HashMap<FlowKey, (u32, Way)>,
    /// Flows of an earlier process that nobody has asked for yet.
    orphans: Vec<FlowKey>,
}

impl Table {
    /// The tables as they are found: what an earlier process left goes on.
    pub fn new(maps: Maps, netlink: Netlink) -> Self {
        let mut table = Self {
            maps,
            netlink,
            links: Vec::new(),
            hops: Vec::new(),
            flows: HashMap::new(),
            orphans: Vec::new(),
        };
        table.take_over();
        table
    }

    /// Puts a flow into the kernel. One that is there (an earlier process's, or the same with other
    /// words) keeps its counters.
    pub fn settle(&mut self, flow: &Flow) -> Result<(), Refusal> {
        let way = (flow.from.ip(), flow.to.ip());
        let route = self.route(way)?;
        let before = self.read(&flow.key);
        let hop = self.hold(route)?;
        let wanted = flow.to_abi(hop);
        let value = before.map_or(wanted, |before| abi::Flow {
            packets: before.packets,
            bytes: before.bytes,
            last_seen: before.last_seen,
            expected: before.expected,
            ssrc: before.ssrc,
            first: before.first,
            highest: before.highest,
            transit: before.transit,
            jitter: before.jitter,
            started: before.started,
            ..wanted
        });
        if let Err(refusal) = self.write(&flow.key, value) {
            self.let_go(hop);
            return Err(refusal);
        }
        self.orphans.retain(|key| *key != flow.key);
        if let Some((old, _)) = self.flows.insert(flow.key, (hop, way)) {
            self.let_go(old);
        }
        Ok(())
    }

    /// Takes a flow out of the kernel, and gives what it counted last.
    pub fn withdraw(&mut self, key: &FlowKey) -> Option<Count> {
        let (hop, _) = self.flows.remove(key)?;
        let count = self.count(key);
        // A flow that the kernel does not have is as good as removed.
        match keys(key) {
            Keys::V4(key) => drop(self.maps.flows4.remove(&Plain(key))),
            Keys::V6(key) => drop(self.maps.flows6.remove(&Plain(key))),
        }
        self.let_go(hop);
        count
    }

    pub fn count(&self, key: &FlowKey) -> Option<Count> {
        self.read(key).map(|flow| read_count(&flow, monotonic()))
    }

    /// Takes the flows of an earlier process out that nobody has settled again; says how many.
    pub fn forget_orphans(&mut self) -> usize {
        let orphans = std::mem::take(&mut self.orphans);
        for key in &orphans {
            self.withdraw(key);
        }
        orphans.len()
    }

    /// Takes every flow out.
    pub fn clear(&mut self) {
        let keys: Vec<_> = self.flows.keys().copied().collect();
        for key in keys {
            self.withdraw(&key);
        }
    }

    /// The flows of an earlier process that nobody has settled again.
    pub fn orphans(&self) -> &[FlowKey] {
        &self.orphans
    }

    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Finds every way again, after interfaces, addresses or routes have changed.
    pub fn reroute(&mut self) {
        let flows: Vec<_> = self.flows.iter().map(|(key, flow)| (*key, *flow)).collect();
        for (key, (old, way)) in flows {
            let hop = self.route(way).and_then(|route| self.hold(route));
            // Without a way the packets go up, where the system says so to the relay.
            let hop = hop.unwrap_or(MAX_HOPS);
            let moved = self.read(&key).filter(|_| hop != old);
            if let Some(value) = moved {
                if self.write(&key, abi::Flow { hop, ..value }).is_ok() {
                    self.flows.insert(key, (hop, way));
                    self.let_go(old);
                    continue;
                }
            }
            self.let_go(hop);
        }
    }

    fn take_over(&mut self) {
        let read4 = |key: Plain<abi::Key4>| {
            let v6 = |word| [word, 0, 0, 0];
            flow_key(
                v6(key.0.local),
                v6(key.0.remote),
                key.0.local_port,
                key.0.remote_port,
                true,
            )
        };
        let read6 = |key: Plain<abi::Key6>| {
            let key = key.0;
            flow_key(
                key.local,
                key.remote,
                key.local_port,
                key.remote_port,
                false,
            )
        };
        let keys4 = self.maps.flows4.keys().flatten().map(read4);
        let keys6 = self.maps.flows6.keys().flatten().map(read6);
        self.orphans = keys4.chain(keys6).collect();
        for key in self.orphans.clone() {
            if let Some(flow) = self.read(&key) {
                let is_v4 = key.local.is_ipv4();
                let way = (ip_of(flow.from, is_v4), ip_of(flow.to, is_v4));
                self.recall(flow.hop);
                self.flows.insert(key, (flow.hop, way));
            }
        }
    }

    fn read(&self, key: &FlowKey) -> Option<abi::Flow> {
        let found = match keys(key) {
            Keys::V4(key) => self.maps.flows4.get(&Plain(key), 0),
            Keys::V6(key) => self.maps.flows6.get(&Plain(key), 0),
        };
        found.ok().map(|Plain(flow)| flow)
    }

    fn write(&mut self, key: &FlowKey, value: abi::Flow) -> Result<(), Refusal> {
        let done = match keys(key) {
            Keys::V4(key) => self.maps.flows4.insert(Plain(key), Plain(value), 0),
            Keys::V6(key) => self.maps.flows6.insert(Plain(key), Plain(value), 0),
        };
        done.map_err(|error| match error {
            aya::maps::MapError::SyscallError(error)
                if error.io_error.raw_os_error() == Some(E2BIG) =>
            {
                Refusal::Full
            }
            other => Refusal::System(std::io::Error::other(other)),
        })
    }
}

/// What bpf(2) says of a full table.
const E2BIG: i32 = 7;

/// CLOCK_MONOTONIC in nanoseconds, as the program has it.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
