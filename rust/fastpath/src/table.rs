//! The kernel's tables as this process keeps them: flows, and the next hops that they share.

use std::collections::HashMap;
use std::net::IpAddr;

use fastpath_abi::{self as abi, MAX_HOPS};
use rustix::time::{clock_gettime, ClockId};

use crate::netlink::{family, Link, Netlink, Route};
use crate::pod::Plain;
use crate::program::Maps;
use crate::types::{ip_of, port, read_count, words, Count, Flow, FlowKey, Refusal};

/// How long link addresses hold without being asked for again, in nanoseconds: a process that is gone
/// leaves the kernel to its own neighbour table.
const LEASE: u64 = 5_000_000_000;

/// A next hop in use.
#[derive(Clone, Copy, Debug)]
struct Known {
    route: Route,
    flows: u32,
}

/// Who routes to whom: our source address and the peer's.
type Way = (IpAddr, IpAddr);

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

    /// Counts a flow to a next hop of an earlier process.
    fn recall(&mut self, number: u32) {
        let Ok(Plain(hop)) = self.maps.hops.get(&number, 0) else {
            return;
        };
        let at = number as usize;
        self.hops.resize(self.hops.len().max(at + 1), None);
        let route = Route {
            interface: hop.interface,
            next: ip_of(hop.next, hop.family == u32::from(crate::netlink::AF_INET)),
            local: false,
        };
        self.hops[at].get_or_insert(Known { route, flows: 0 }).flows += 1;
    }

    /// The interfaces, as they are now.
    pub fn learn_links(&mut self) -> std::io::Result<&[Link]> {
        self.links = self.netlink.links()?;
        Ok(&self.links)
    }

    /// All addresses of this machine, each with its interface's number.
    pub fn addresses(&mut self) -> std::io::Result<Vec<(IpAddr, u32)>> {
        self.netlink.addresses()
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

    /// Renews the leases of the next hops in use.
    pub fn renew(&mut self) {
        for number in 0..self.hops.len() as u32 {
            self.write_hop(number);
        }
    }

    fn route(&mut self, (from, to): Way) -> Result<Route, Refusal> {
        if to.is_loopback() || from.is_loopback() {
            return Err(Refusal::Loopback);
        }
        let route = self.netlink.route(from, to)?;
        let route = route.ok_or(Refusal::NoRoute(to))?;
        let link = self.link(route.interface);
        if route.local || link.is_some_and(|link| link.loopback) {
            return Err(Refusal::Loopback);
        }
        if link.is_none_or(|link| link.ethernet.is_none()) {
            return Err(Refusal::NoInterface(from));
        }
        Ok(route)
    }

    fn link(&self, number: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index == number)
    }

    /// The number of a next hop, which is counted as used once more.
    fn hold(&mut self, route: Route) -> Result<u32, Refusal> {
        let same = |known: &Option<Known>| known.is_some_and(|known| known.route == route);
        let free = |known: &Option<Known>| known.is_none();
        let at = self.hops.iter().position(same);
        let at = at.or_else(|| self.hops.iter().position(free));
        let at = at.unwrap_or(self.hops.len());
        if at >= MAX_HOPS as usize {
            return Err(Refusal::Full);
        }
        self.hops.resize(self.hops.len().max(at + 1), None);
        let known = self.hops[at].get_or_insert(Known { route, flows: 0 });
        known.flows += 1;
        if known.flows == 1 {
            self.write_hop(at as u32);
        }
        Ok(at as u32)
    }

    fn let_go(&mut self, number: u32) {
        let Some(known) = self.hops.get_mut(number as usize) else {
            return;
        };
        *known = known.and_then(|one| {
            let flows = one.flows.saturating_sub(1);
            (flows > 0).then_some(Known { flows, ..one })
        });
    }

    fn write_hop(&mut self, number: u32) {
        let Some(Some(Known { route, .. })) = self.hops.get(number as usize).copied() else {
            return;
        };
        // Not known yet, or not any more: the kernel's own table is asked packet by packet.
        let neighbour = self.netlink.neighbour(route.interface, route.next);
        let neighbour = neighbour.ok().flatten();
        let link = self.link(route.interface).filter(|link| link.up);
        let own = link.and_then(|link| link.ethernet);
        let leased = neighbour.is_some() && own.is_some();
        let value = abi::Hop {
            lease: if leased { monotonic() + LEASE } else { 0 },
            interface: own.map_or(0, |_| route.interface),
            mtu: link.map_or(0, |link| link.mtu),
            next: words(route.next),
            family: family(route.next).into(),
            destination: neighbour.unwrap_or_default(),
            source: own.unwrap_or_default(),
        };
        // An array takes every number below its length.
        drop(self.maps.hops.set(number, Plain(value), 0));
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

/// A flow's name as the kernel has it.
pub enum Keys {
    V4(abi::Key4),
    V6(abi::Key6),
}

pub fn keys(key: &FlowKey) -> Keys {
    let (local, remote) = (words(key.local.ip()), words(key.remote.ip()));
    let (local_port, remote_port) = (port(key.local.port()), port(key.remote.port()));
    if key.local.is_ipv4() {
        Keys::V4(abi::Key4 {
            local: local[0],
            remote: remote[0],
            local_port,
            remote_port,
        })
    } else {
        Keys::V6(abi::Key6 {
            local,
            remote,
            local_port,
            remote_port,
        })
    }
}

fn flow_key(
    local: [u32; 4],
    remote: [u32; 4],
    local_port: u16,
    remote_port: u16,
    is_v4: bool,
) -> FlowKey {
    FlowKey {
        local: (ip_of(local, is_v4), u16::from_be(local_port)).into(),
        remote: (ip_of(remote, is_v4), u16::from_be(remote_port)).into(),
    }
}

/// CLOCK_MONOTONIC in nanoseconds, as the program has it.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
