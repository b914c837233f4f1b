//! The only unsafe code of the relay: epoll, eventfd, traffic class, and batches of datagrams.

use std::io;
use std::mem;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Events taken with one `epoll_wait`.
const EVENTS: usize = 256;

mod batch;
mod map;

pub use batch::{Batch, Outgoing, BATCH};
pub use map::Mapping;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// A counter that wakes whoever polls its descriptor.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor is new and ours alone.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Wakes. A full counter already wakes, so the result does not matter.
    pub fn notify(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the pointer and length are those of a live array.
        unsafe { libc::write(self.raw(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes the descriptor unreadable again.
    pub fn drain(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the pointer and length are those of a live array.
        unsafe { libc::read(self.raw(), count.as_mut_ptr().cast(), count.len()) };
    }

    pub fn raw(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

/// A set of descriptors to wait for; each bears a number of the caller's.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor is new and ours alone.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            fd,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS],
        })
    }

    /// Waits for `fd` to become readable; a closed descriptor leaves the set by itself.
    pub fn add(&self, fd: i32, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: number,
        };
        // SAFETY: the event is live for the call, the kernel copies it.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) })
            .map(drop)
    }

    /// Waits at most `timeout` milliseconds; returns how many numbers `ready` then gives.
    pub fn wait(&mut self, timeout: i32) -> io::Result<usize> {
        let room = self.events.len() as i32;
        let events = self.events.as_mut_ptr();
        // SAFETY: the kernel writes at most `room` events into a vector of that length.
        let found = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events, room, timeout) };
        match check(found) {
            Ok(count) => Ok(count as usize),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    pub fn ready(&self, at: usize) -> u64 {
        self.events[at].u64
    }
}

/// Sets the traffic class (DSCP and ECN bits) of what a socket sends.
///
/// `ip`: what it is bound to.
pub fn set_traffic_class(socket: &UdpSocket, ip: IpAddr, class: u8) -> io::Result<()> {
    let value = libc::c_int::from(class);
    let (level, option) = match ip {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TOS),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
    };
    let length = mem::size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer and length are those of a live integer.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            length,
        )
    };
    check(done).map(drop)
}
