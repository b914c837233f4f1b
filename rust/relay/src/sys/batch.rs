//! Datagrams read and written many at a time: recvmmsg and sendmmsg.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;

use super::check;
use crate::types::Datagram;

/// Datagrams read or written with one system call.
pub const BATCH: usize = 16;
/// Longest datagram relayed, in bytes: more than any packet that fits an Ethernet frame.
const SLOT: usize = 2048;

/// Room for a batch of datagrams, used again and again.
pub struct Batch {
    data: Vec<[u8; SLOT]>,
    names: [libc::sockaddr_storage; BATCH],
    lengths: [usize; BATCH],
    truncated: [bool; BATCH],
}

/// A datagram of the batch that is to be sent on.
#[derive(Clone, Copy)]
pub struct Outgoing {
    pub slot: usize,
    pub to: SocketAddr,
}

fn empty_name() -> libc::sockaddr_storage {
    // SAFETY: all zeroes is a valid value of this plain C structure.
    unsafe { mem::zeroed() }
}

fn empty_headers() -> [libc::mmsghdr; BATCH] {
    // SAFETY: all zeroes (null pointers, no lengths) is a valid value of this plain C structure.
    unsafe { mem::zeroed() }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            slot: 0,
            to: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into(),
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            data: vec![[0; SLOT]; BATCH],
            names: [empty_name(); BATCH],
            lengths: [0; BATCH],
            truncated: [false; BATCH],
        }
    }
}

impl Batch {
    /// Reads what a socket holds, at most `room` datagrams of a batch; returns how many came.
    pub fn receive(&mut self, socket: &UdpSocket, room: usize) -> io::Result<usize> {
        if room == 1 {
            return self.receive_one(socket).map(|()| 1);
        }
        let room = room.min(BATCH);
        let mut headers = empty_headers();
        let mut vectors = [libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: SLOT,
        }; BATCH];
        for (at, header) in headers.iter_mut().enumerate().take(room) {
            vectors[at].iov_base = self.data[at].as_mut_ptr().cast();
            header.msg_hdr.msg_iov = &raw mut vectors[at];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = (&raw mut self.names[at]).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as u32;
        }
        let (fd, list) = (socket.as_raw_fd(), headers.as_mut_ptr());
        // SAFETY: each of the `room` headers points at a vector, a name and a buffer that outlive the
        // call, with their true lengths; no time-out is given.
        let count = check(unsafe {
            libc::recvmmsg(
                fd,
                list,
                room as u32,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        })? as usize;
        for (at, header) in headers.iter().take(count).enumerate() {
            self.lengths[at] = header.msg_len as usize;
            self.truncated[at] = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        }
        Ok(count)
    }

    /// Reads one datagram: the system call for one is cheaper than the one for many.
    fn receive_one(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let (slot, name) = (&mut self.data[0], &mut self.names[0]);
        let mut size = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        // SAFETY: buffer, name and size outlive the call, with their true lengths.
        let length = unsafe {
            libc::recvfrom(
                socket.as_raw_fd(),
                slot.as_mut_ptr().cast(),
                SLOT,
                libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                (&raw mut *name).cast(),
                &raw mut size,
            )
        };
        // With MSG_TRUNC the length is that of the datagram, however much of it found room.
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        self.lengths[0] = length.min(SLOT);
        self.truncated[0] = length > SLOT;
        Ok(())
    }

    /// The datagram in a slot that `receive` filled; None when it was too long for it.
    pub fn datagram(&mut self, slot: usize) -> Option<Datagram<'_>> {
        let length = self.lengths[slot];
        (!self.truncated[slot]).then(|| Datagram::new(&mut self.data[slot], length))
    }

    /// Notes that the datagram in a slot has another length now.
    pub fn set_length(&mut self, slot: usize, length: usize) {
        self.lengths[slot] = length;
    }

    /// The lengths of the datagrams, by slot.
    pub fn lengths(&self) -> [usize; BATCH] {
        self.lengths
    }

    /// Who sent the datagram in a slot.
    pub fn sender(&self, slot: usize) -> Option<SocketAddr> {
        decode(&self.names[slot])
    }

    /// Sends datagrams of the batch from one socket, and reports for each whether it left.
    pub fn send(
        &mut self,
        socket: &UdpSocket,
        outgoing: &[Outgoing],
        mut sent: impl FnMut(usize, bool),
    ) {
        if let [one] = outgoing {
            let done = self.send_one(socket, one);
            return sent(0, done);
        }
        let mut names = [empty_name(); BATCH];
        let mut headers = empty_headers();
        let mut vectors = [libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        }; BATCH];
        let outgoing = &outgoing[..outgoing.len().min(BATCH)];
        for (at, item) in outgoing.iter().enumerate() {
            vectors[at].iov_base = self.data[item.slot].as_mut_ptr().cast();
            vectors[at].iov_len = self.lengths[item.slot].min(SLOT);
            headers[at].msg_hdr.msg_iov = &raw mut vectors[at];
            headers[at].msg_hdr.msg_iovlen = 1;
            headers[at].msg_hdr.msg_namelen = encode(item.to, &mut names[at]);
            headers[at].msg_hdr.msg_name = (&raw mut names[at]).cast();
        }
        let mut next = 0;
        while next < outgoing.len() {
            let (fd, left) = (socket.as_raw_fd(), (outgoing.len() - next) as u32);
            let list = headers[next..].as_mut_ptr();
            // SAFETY: `left` headers follow `list`; each points at a vector, a name and a buffer that
            // outlive the call, with their true lengths.
            let result = check(unsafe { libc::sendmmsg(fd, list, left, libc::MSG_DONTWAIT as _) });
            // The call stops at the first datagram that the system refuses: pass over that one.
            let done = result.as_ref().map_or(0, |count| *count as usize);
            (next..next + done).for_each(|at| sent(at, true));
            next += done;
            if result.is_err() {
                sent(next, false);
                next += 1;
            }
        }
    }

    /// Sends one datagram; whether it left.
    fn send_one(&self, socket: &UdpSocket, item: &Outgoing) -> bool {
        let mut name = empty_name();
        let size = encode(item.to, &mut name);
        let length = self.lengths[item.slot].min(SLOT);
        // SAFETY: buffer and name outlive the call, with their true lengths.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                self.data[item.slot].as_ptr().cast(),
                length,
                libc::MSG_DONTWAIT,
                (&raw const name).cast(),
                size,
            )
        };
        sent >= 0
    }
}

fn decode(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which structure this is, and the storage is large enough.
            let v4 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            // Scope and flow label are left out, so that the source compares equal to SDP's address.
            let scope = if ip.is_unicast_link_local() {
                v6.sin6_scope_id
            } else {
                0
            };
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, scope).into())
        }
        _ => None,
    }
}

fn encode(at: SocketAddr, name: &mut libc::sockaddr_storage) -> libc::socklen_t {
    let length = match at.ip() {
        IpAddr::V4(ip) => {
            // SAFETY: the storage is larger than, and aligned for, every socket address.
            let v4 = unsafe { &mut *(&raw mut *name).cast::<libc::sockaddr_in>() };
            v4.sin_family = libc::AF_INET as libc::sa_family_t;
            v4.sin_port = at.port().to_be();
            v4.sin_addr.s_addr = u32::from(ip).to_be();
            mem::size_of::<libc::sockaddr_in>()
        }
        IpAddr::V6(ip) => {
            // SAFETY: as above.
            let v6 = unsafe { &mut *(&raw mut *name).cast::<libc::sockaddr_in6>() };
            v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            v6.sin6_port = at.port().to_be();
            v6.sin6_addr.s6_addr = ip.octets();
            if let SocketAddr::V6(full) = at {
                v6.sin6_scope_id = full.scope_id();
            }
            mem::size_of::<libc::sockaddr_in6>()
        }
    };
    length as libc::socklen_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_to_the_system_and_back() {
        for text in ["10.10.10.7:35000", "[2001:db8::7]:35000"] {
            let at: SocketAddr = text.parse().expect("an address");
            let mut name = empty_name();
            encode(at, &mut name);
            assert_eq!(decode(&name), Some(at));
        }
    }

    #[test]
    fn a_batch_is_read_and_sent_on_and_a_long_datagram_is_named_so() {
        let socket = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let (a, b, c) = (socket(), socket(), socket());
        let to = b.local_addr().expect("bound");
        a.send_to(b"one", to).expect("sent");
        a.send_to(&[0; SLOT + 1], to).expect("sent");
        let mut batch = Batch::default();
        assert_eq!(batch.receive(&b, BATCH).expect("received"), 2);
        assert_eq!(batch.datagram(0).expect("whole").bytes(), b"one");
        assert!(batch.datagram(1).is_none());
        assert_eq!(batch.sender(0), a.local_addr().ok());
        let on = Outgoing {
            slot: 0,
            to: c.local_addr().expect("bound"),
        };
        let nowhere = Outgoing {
            slot: 0,
            to: "0.0.0.0:0".parse().expect("an address"),
        };
        let mut left = Vec::new();
        batch.send(&b, &[nowhere, on], |at, sent| left.push((at, sent)));
        assert_eq!(left, [(0, false), (1, true)]);
        let mut room = [0; 16];
        assert_eq!(c.recv(&mut room).expect("received"), 3);
    }
}
