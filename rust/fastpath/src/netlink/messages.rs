//! The messages of rtnetlink(7): what stands where.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Length of a message's head.
pub(super) const HEADER: usize = 16;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub up: bool,
    pub loopback: bool,
    /// Its link address, where it is Ethernet.
    pub ethernet: Option<[u8; 6]>,
    pub mtu: u32,
}

/// Where packets to a peer go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    pub interface: u32,
    /// The gateway, or the peer itself.
    pub next: IpAddr,
    /// The peer is this machine.
    pub local: bool,
}

/// The first message: its type, number and body, and what follows it.
pub(super) fn split(data: &[u8]) -> Option<(u16, u32, &[u8], &[u8])> {
    let length = word(data, 0)? as usize;
    let body = data.get(HEADER..length)?;
    let after = data.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((half(data, 4)?, word(data, 8)?, body, after))
}

pub(super) fn failure(body: &[u8]) -> io::Result<()> {
    match word(body, 0).map(|number| number as i32) {
        Some(0) | None => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(-number)),
    }
}

pub(super) fn read_link(body: &[u8]) -> Option<Link> {
    let (kind, index, flags) = (half(body, 2)?, word(body, 4)?, word(body, 8)?);
    let name = attribute(body, 16, 3)?.split(|byte| *byte == 0).next()?;
    let address = attribute(body, 16, 1).and_then(|value| value.try_into().ok());
    Some(Link {
        index,
        name: String::from_utf8_lossy(name).into_owned(),
        up: flags & 1 != 0,
        loopback: flags & 8 != 0,
        ethernet: address.filter(|_| kind == 1),
        mtu: word(attribute(body, 16, 4)?, 0)?,
    })
}

pub(super) fn read_route(body: &[u8], to: IpAddr) -> Option<Route> {
    let kind = *body.get(7)?;
    let via = attribute(body, 12, 18).and_then(|value| ip(value.get(2..)?));
    let gateway = attribute(body, 12, 5).and_then(ip).or(via);
    // RTN_UNICAST, RTN_LOCAL; the others (blackhole, prohibit, broadcast, multicast) lead nowhere.
    matches!(kind, 1 | 2).then_some(Route {
        interface: word(attribute(body, 12, 4)?, 0)?,
        next: gateway.unwrap_or(to),
        local: kind == 2,
    })
}

/// States in which the address may be used: all but incomplete (0x01) and failed (0x20).
pub(super) fn read_neighbour(body: &[u8]) -> Option<[u8; 6]> {
    let state = half(body, 8)?;
    let usable = state & 0xde != 0;
    attribute(body, 12, 2)?.try_into().ok().filter(|_| usable)
}

/// The value of an attribute of a message whose fixed part has `fixed` bytes.
pub(super) fn attribute(body: &[u8], fixed: usize, number: u16) -> Option<&[u8]> {
    let mut rest = body.get(fixed..)?;
    loop {
        let length = usize::from(half(rest, 0)?);
        let value = rest.get(4..length)?;
        // The two highest bits say "nested" and "network byte order".
        if half(rest, 2)? & 0x3fff == number {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

fn half(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn ip(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(v6).into())
}

pub(super) fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_messages_are_no_messages() {
        let mut message = vec![0; 24];
        message[..4].copy_from_slice(&25u32.to_ne_bytes());
        assert_eq!(split(&message), None);
        assert_eq!(read_link(&message), None);
        assert_eq!(attribute(&[8, 0, 1, 0, 9], 0, 1), None);
    }
}
