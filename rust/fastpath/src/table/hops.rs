//! Next hops, which flows share: found by routing, counted, and lent to the kernel's program.

use std::net::IpAddr;

use fastpath_abi::{self as abi, MAX_HOPS};

use super::{monotonic, Table};
use crate::netlink::{family, Link, Route};
use crate::pod::Plain;
use crate::types::{ip_of, words, Refusal};

/// How long link addresses hold without being asked for again, in nanoseconds: a process that is gone
/// leaves the kernel to its own neighbour table.
const LEASE: u64 = 5_000_000_000;

/// A next hop in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    route: Route,
    flows: u32,
}

/// Who routes to whom: our source address and the peer's.
pub(super) type Way = (IpAddr, IpAddr);

impl Table {
    /// The interfaces, as they are now.
    pub fn learn_links(&mut self) -> std::io::Result<&[Link]> {
        self.links = self.netlink.links()?;
        Ok(&self.links)
    }

    /// All addresses of this machine, each with its interface's number.
    pub fn addresses(&mut self) -> std::io::Result<Vec<(IpAddr, u32)>> {
        self.netlink.addresses()
    }

    /// Renews the leases of the next hops in use.
    pub fn renew(&mut self) {
        for number in 0..self.hops.len() as u32 {
            self.write_hop(number);
        }
    }

    pub(super) fn route(&mut self, (from, to): Way) -> Result<Route, Refusal> {
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
    pub(super) fn hold(&mut self, route: Route) -> Result<u32, Refusal> {
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

    pub(super) fn let_go(&mut self, number: u32) {
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

    /// Counts a flow to a next hop of an earlier process.
    pub(super) fn recall(&mut self, number: u32) {
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
}
