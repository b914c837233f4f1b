//! One worker thread: epoll around a shard. Control comes through a queue and an eventfd.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::Arc;
use std::time::Instant;

use crate::shard::{Content, Key, PortStats, Remote, Shard, StreamPorts, Verdict};
use crate::sys::{Batch, Epoll, EventFd, Outgoing};
use crate::{Millis, SideIndex};

/// How often silence is looked for, in milliseconds.
const TICK: Millis = 500;
/// The number by which epoll names the control queue; no key has it (generations begin at 0).
const CONTROL: u64 = u64::MAX;

/// What the control side asks of a worker.
pub(crate) enum Command {
    /// Take over the bound sockets `[side][kind]` of a stream.
    Open { session: u64, stream: u16, content: Content, ports: StreamPorts, sockets: Vec<UdpSocket> },
    Signal { session: u64, stream: u16, side: SideIndex, remote: Remote },
    Hold { session: u64, held: bool },
    Close { session: u64, stream: u16 },
    Query { session: u64, reply: Sender<Option<Vec<PortStats>>> },
    /// End the session, close its sockets and give its last counters.
    Delete { session: u64, reply: Sender<Option<Vec<PortStats>>> },
    Stop,
}

/// What the thread is made with.
pub(crate) struct Worker {
    pub commands: Receiver<Command>,
    pub wake: Arc<EventFd>,
    pub silences: Sender<(u64, Millis)>,
    pub report: Arc<EventFd>,
    pub silence_limit: Millis,
    pub epoch: Instant,
}

impl Worker {
    /// Runs until `Stop`; an error of epoll itself ends the thread.
    pub fn run(self) -> io::Result<()> {
        let mut epoll = Epoll::new()?;
        epoll.add(self.wake.raw(), CONTROL)?;
        let mut table = Table { shard: Shard::default(), sockets: Vec::new(), epoll: &epoll as *const _ as usize };
        let _ = &mut table;
        let mut state = State { shard: Shard::default(), sockets: Vec::new(), batch: Batch::new() };
        let mut next_tick = TICK;
        loop {
            let now = self.now();
            if now >= next_tick {
                self.report_silence(&mut state.shard, now);
                next_tick = now + TICK;
            }
            let ready = epoll.wait((next_tick - now) as i32)?;
            let now = self.now();
            for at in 0..ready {
                match epoll.ready(at) {
                    CONTROL if self.control(&mut state, &epoll, now) => return Ok(()),
                    CONTROL => {}
                    bits => state.relay(Key::from_bits(bits), now),
                }
            }
        }
    }
}
