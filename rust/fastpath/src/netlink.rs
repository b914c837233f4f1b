//! Questions to the kernel's routing (rtnetlink(7)): interfaces, addresses, the next hop to a peer.

mod messages;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{set_socket_timeout, Timeout};
use rustix::net::{
    bind, recv, send, socket_with, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
};

use messages::{
    attribute, failure, ip, octets, read_link, read_neighbour, read_route, split, word, HEADER,
};
pub use messages::{Link, Route};

const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const GET_LINK: u16 = 18;
const GET_ADDRESS: u16 = 22;
const GET_ROUTE: u16 = 26;
const GET_NEIGHBOUR: u16 = 30;
/// Multicast groups: links, IPv4 addresses and routes, IPv6 addresses and routes.
const CHANGES: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
const ROOM: usize = 64 * 1024;
/// A question to the kernel is answered at once; longer means never.
const PATIENCE: Duration = Duration::from_secs(1);

pub const AF_INET: u8 = 2;
pub const AF_INET6: u8 = 10;

/// A socket for questions.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub fn new() -> io::Result<Self> {
        let socket = open(0, SocketFlags::CLOEXEC)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// All interfaces of this network namespace.
    pub fn links(&mut self) -> io::Result<Vec<Link>> {
        let replies = self.ask(GET_LINK, DUMP, &[0; 16], &[])?;
        Ok(replies.iter().filter_map(|body| read_link(body)).collect())
    }

    /// All addresses, each with its interface's number.
    pub fn addresses(&mut self) -> io::Result<Vec<(IpAddr, u32)>> {
        let replies = self.ask(GET_ADDRESS, DUMP, &[0; 8], &[])?;
        let read = |body: &Vec<u8>| {
            let index = word(body, 4)?;
            // The local one of a point-to-point pair; IPv6 has no such attribute.
            let value = attribute(body, 8, 2).or_else(|| attribute(body, 8, 1))?;
            Some((ip(value)?, index))
        };
        Ok(replies.iter().filter_map(read).collect())
    }

    /// The way to `to` for a packet from `from`.
    pub fn route(&mut self, from: IpAddr, to: IpAddr) -> io::Result<Option<Route>> {
        let bits = if to.is_ipv4() { 32 } else { 128 };
        let mut fixed = [0; 12];
        fixed[..3].copy_from_slice(&[family(to), bits, bits]);
        let attributes = [(1, octets(to)), (2, octets(from))];
        let replies = match self.ask(GET_ROUTE, 0, &fixed, &attributes) {
            Err(error) if unreachable(&error) => return Ok(None),
            other => other?,
        };
        Ok(replies.first().and_then(|body| read_route(body, to)))
    }

    /// The link address of a neighbour, where the kernel knows it.
    pub fn neighbour(&mut self, interface: u32, next: IpAddr) -> io::Result<Option<[u8; 6]>> {
        let mut fixed = [0; 12];
        fixed[0] = family(next);
        fixed[4..8].copy_from_slice(&interface.to_ne_bytes());
        let replies = match self.ask(GET_NEIGHBOUR, 0, &fixed, &[(1, octets(next))]) {
            Err(error) if unreachable(&error) => return Ok(None),
            other => other?,
        };
        Ok(replies.first().and_then(|body| read_neighbour(body)))
    }

    /// Sends a question and collects the bodies of the answers.
    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        attributes: &[(u16, Vec<u8>)],
    ) -> io::Result<Vec<Vec<u8>>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = vec![0; HEADER];
        message.extend_from_slice(fixed);
        for (number, value) in attributes {
            message.extend(((value.len() + 4) as u16).to_ne_bytes());
            message.extend(number.to_ne_bytes());
            message.extend(value);
        }
        let length = message.len() as u32;
        message[..4].copy_from_slice(&length.to_ne_bytes());
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message[6..8].copy_from_slice(&(REQUEST | flags).to_ne_bytes());
        message[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        send(&self.socket, &message, SendFlags::empty())?;
        self.answers(flags == DUMP)
    }

    fn answers(&self, dump: bool) -> io::Result<Vec<Vec<u8>>> {
        let mut bodies = Vec::new();
        let mut room = vec![0; ROOM];
        loop {
            let (length, _) = recv(&self.socket, &mut room[..], RecvFlags::empty())?;
            let mut rest = &room[..length];
            while let Some((kind, sequence, body, after)) = split(rest) {
                rest = after;
                match kind {
                    _ if sequence != self.sequence => {} // of a question that was given up
                    DONE => return Ok(bodies),
                    ERROR => return failure(body).map(|()| bodies),
                    _ => bodies.push(body.to_vec()),
                }
            }
            if !dump && !bodies.is_empty() {
                return Ok(bodies);
            }
        }
    }
}

/// A socket that hears of changed links, addresses and routes.
#[derive(Debug)]
pub struct Changes(OwnedFd);

impl Changes {
    pub fn new() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(Self(open(CHANGES, flags)?))
    }

    /// Whether anything changed since the last call. A lost message (ENOBUFS) is a change too.
    pub fn any(&self) -> bool {
        let mut room = [0; 4096];
        let mut found = false;
        loop {
            match recv(&self.0, &mut room[..], RecvFlags::empty()) {
                Ok(_) => found = true,
                Err(rustix::io::Errno::NOBUFS) => found = true,
                Err(_) => return found,
            }
        }
    }
}

fn open(groups: u32, flags: SocketFlags) -> io::Result<OwnedFd> {
    // Netlink's protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// ENETUNREACH, EHOSTUNREACH, ENOENT, ESRCH, EINVAL (a source that is none of ours any more).
fn unreachable(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(101 | 113 | 2 | 3 | 22))
}

/// AF_INET or AF_INET6.
pub fn family(ip: IpAddr) -> u8 {
    if ip.is_ipv4() {
        AF_INET
    } else {
        AF_INET6
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_loopback_interface_has_its_addresses() {
        let mut netlink = Netlink::new().expect("a socket");
        let links = netlink.links().expect("links");
        let lo = links.iter().find(|link| link.loopback).expect("lo");
        assert_eq!((lo.name.as_str(), lo.ethernet), ("lo", None));
        let addresses = netlink.addresses().expect("addresses");
        assert!(addresses.contains(&(Ipv4Addr::LOCALHOST.into(), lo.index)));
    }

    #[test]
    fn a_route_to_this_machine_is_local() {
        let mut netlink = Netlink::new().expect("a socket");
        let here = IpAddr::from(Ipv4Addr::LOCALHOST);
        let route = netlink.route(here, here).expect("answered");
        assert!(route.is_some_and(|route| route.local && route.next == here));
    }
}
