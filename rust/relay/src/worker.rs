//! One worker thread: epoll around a shard. Control comes through a queue and an eventfd.

use std::collections::HashMap;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::Arc;
use std::time::Instant;

use fastpath::Fastpath;

use crate::bundle::Member;
use crate::crypto::Protection;
use crate::format::Format;
use crate::ice::Credentials;
use crate::keeper::Keeper;
use crate::music::Music;
use crate::offload::Offload;
use crate::recording::Sink;
use crate::report::Report;
use crate::shard::Shard;
use crate::sys::{Batch, Epoll, EventFd, Outgoing, BATCH};
use crate::types::{Content, Key, PortStats, Remote, StreamPorts, Transmit, Verdict};
use crate::voice::{Origin, Wanted};
use crate::{Millis, SideIndex};

/// How often silence is looked for, in milliseconds.
const TICK: Millis = 500;
/// The number by which epoll names the control queue: no shard is so large that a key has it.
const CONTROL: u64 = u64::MAX;

/// What the control side asks of a worker.
pub(crate) enum Command {
    /// Take over the bound sockets `[side][kind]` of a stream.
    Open {
        session: u64,
        stream: u16,
        content: Content,
        ports: StreamPorts,
        /// DS byte of what leaves, by side.
        classes: [u8; 2],
        sockets: Vec<UdpSocket>,
        /// What names the stream in every process.
        identity: u64,
        /// The sockets are not read before `Resume`.
        asleep: bool,
    },
    /// All has been said of a stream of the process before this one: go on with it.
    Resume {
        session: u64,
        stream: u16,
    },
    Signal {
        session: u64,
        stream: u16,
        side: SideIndex,
        remote: Remote,
    },
    Protect {
        session: u64,
        stream: u16,
        side: SideIndex,
        wanted: Protection,
    },
    Ice {
        session: u64,
        stream: u16,
        side: SideIndex,
        credentials: Option<Credentials>,
    },
    Describe {
        session: u64,
        stream: u16,
        side: SideIndex,
        formats: Vec<Format>,
    },
    Transcode {
        session: u64,
        stream: u16,
        sides: Option<Box<[(Wanted, Origin); 2]>>,
    },
    Withhold {
        session: u64,
        stream: u16,
        side: SideIndex,
        withheld: bool,
    },
    Dial {
        session: u64,
        side: SideIndex,
        digit: char,
        duration: Millis,
    },
    /// Streams of one side that share the transport of one of them.
    Bundle {
        session: u64,
        side: SideIndex,
        carrier: u16,
        mid_extension: u8,
        members: Vec<Member>,
    },
    Hold {
        session: u64,
        held: bool,
    },
    /// Play music towards a side; None: no longer.
    Play {
        session: u64,
        stream: u16,
        side: SideIndex,
        music: Option<Arc<Music>>,
    },
    /// Send copies of a stream through another; None: no longer.
    Fork {
        session: u64,
        stream: u16,
        to: Option<u16>,
    },
    /// Record a stream under that number; None: no longer.
    Record {
        session: u64,
        stream: u16,
        recording: Option<u64>,
    },
    Close {
        session: u64,
        stream: u16,
    },
    Query {
        session: u64,
        reply: Sender<Option<Vec<PortStats>>>,
    },
    /// End the session, close its sockets and give its last counters.
    Delete {
        session: u64,
        reply: Sender<Option<Vec<PortStats>>>,
    },
    Stop,
}

/// What the thread is made with.
pub(crate) struct Worker {
    pub commands: Receiver<Command>,
    pub wake: Arc<EventFd>,
    pub reports: Sender<Report<u64>>,
    /// Rung when there is a report.
    pub bell: Arc<EventFd>,
    pub silence_limit: Millis,
    pub epoch: Instant,
    /// The fast path, or why there is none.
    pub kernel: Result<Arc<Fastpath>, String>,
    pub keeper: Option<Keeper>,
    /// Where recordings go; None: nowhere.
    pub sink: Option<Sink>,
}

impl Worker {
    /// Runs until `Stop`, or until the control side is gone; an error of epoll itself ends the thread.
    pub fn run(mut self) -> io::Result<()> {
        let mut epoll = Epoll::new()?;
        epoll.add(self.wake.raw(), CONTROL)?;
        let mut state = State::new(&self.kernel, self.keeper.take(), self.sink.take());
        let mut next_tick = self.now() + TICK;
        loop {
            let now = self.now();
            if now >= next_tick {
                state.shard.tick(self.silence_limit, now);
                next_tick = now + TICK;
                state.offload(now);
            }
            self.report(&mut state.shard);
            let wanted = state.shard.next_deadline().unwrap_or(next_tick);
            let ready = epoll.wait(wanted.min(next_tick).saturating_sub(now) as i32)?;
            let now = self.now();
            state.shard.wake(now);
            for at in 0..ready {
                match epoll.ready(at) {
                    CONTROL => {
                        if self.control(&mut state, &epoll, now) {
                            return Ok(());
                        }
                    }
                    bits => state.relay(Key::from_bits(bits), now),
                }
            }
            state.transmit();
            state.offload(now);
            state.tap();
        }
    }

    fn now(&self) -> Millis {
        self.epoch.elapsed().as_millis() as Millis
    }

    /// Does what was asked; true when the thread is to end.
    fn control(&self, state: &mut State, epoll: &Epoll, now: Millis) -> bool {
        self.wake.drain();
        loop {
            match self.commands.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return true,
                Ok(command) => state.perform(command, epoll, now),
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    fn report(&self, shard: &mut Shard) {
        let mut told = false;
        while let Some(one) = shard.poll_report() {
            // Nobody to tell means that the relay is being dropped.
            told |= self.reports.send(one).is_ok();
        }
        if told {
            self.bell.notify();
        }
    }
}

/// The shard with the sockets of its ports.
#[derive(Default)]
struct State {
    shard: Shard,
    /// By `Key::index`.
    sockets: Vec<Option<Watched>>,
    batch: Batch,
    kernel: Option<Arc<Fastpath>>,
    sink: Option<Sink>,
    /// Sockets of streams that are being restored, by session and stream.
    asleep: HashMap<(u64, u16), Vec<(Key, UdpSocket)>>,
}

/// A socket of ours, and when epoll last named it.
struct Watched {
    socket: UdpSocket,
    ready: Millis,
}

impl State {
    fn new(
        kernel: &Result<Arc<Fastpath>, String>,
        keeper: Option<Keeper>,
        sink: Option<Sink>,
    ) -> Self {
        let mut shard = Shard::with_kernel(kernel.as_ref().map(drop).map_err(String::clone));
        shard.keep_with(keeper);
        Self {
            shard,
            kernel: kernel.as_ref().ok().cloned(),
            sink,
            ..Self::default()
        }
    }

    /// Tells the fast path what the shard has for it, and the shard what came of it. To be done
    /// before anybody is answered: a rule must not outlive what it was made of.
    fn offload(&mut self, now: Millis) {
        let Some(kernel) = &self.kernel else {
            return;
        };
        while let Some(command) = self.shard.poll_offload() {
            let (port, count) = match command {
                Offload::Settle { port, flow } => {
                    let done = kernel.settle(&flow).map_err(|why| why.to_string());
                    self.shard.settled(port, &flow, done);
                    continue;
                }
                Offload::Withdraw { port, flow } => (port, kernel.withdraw(&flow)),
                Offload::Count { port, flow } => (port, kernel.count(&flow)),
            };
            if let Some(count) = count {
                self.shard.counted(port, &count, now);
            }
        }
    }

    /// Gives the recorder what the shard has heard.
    fn tap(&mut self) {
        while let Some(tap) = self.shard.poll_tap() {
            if let Some(sink) = &mut self.sink {
                sink.take(tap);
            }
        }
    }

    fn perform(&mut self, command: Command, epoll: &Epoll, now: Millis) {
        match command {
            Command::Open {
                session,
                stream,
                content,
                ports,
                classes,
                sockets,
                identity,
                asleep,
            } => {
                let keys = self.shard.open(session, stream, content, &ports, now);
                self.shard.mark(session, stream, classes);
                self.shard.identify(session, stream, identity);
                let bound = keys.concat().into_iter().zip(sockets).collect();
                self.asleep.insert((session, stream), bound);
                if asleep {
                    self.shard.await_resume(session, stream);
                } else {
                    self.wake(session, stream, epoll);
                }
            }
            Command::Resume { session, stream } => {
                self.shard.resume(session, stream);
                self.wake(session, stream, epoll);
            }
            Command::Signal {
                session,
                stream,
                side,
                remote,
            } => {
                self.shard.signal(session, stream, side, &remote);
            }
            Command::Protect {
                session,
                stream,
                side,
                wanted,
            } => self.shard.protect(session, stream, side, wanted),
            Command::Ice {
                session,
                stream,
                side,
                credentials,
            } => self.shard.ice(session, stream, side, credentials.as_ref()),
            Command::Describe {
                session,
                stream,
                side,
                formats,
            } => self.shard.describe(session, stream, side, &formats),
            Command::Withhold {
                session,
                stream,
                side,
                withheld,
            } => self.shard.withhold(session, stream, side, withheld),
            Command::Transcode {
                session,
                stream,
                sides,
            } => self
                .shard
                .transcode(session, stream, sides.map(|one| *one), now),
            Command::Dial {
                session,
                side,
                digit,
                duration,
            } => self.shard.dial(session, side, digit, duration, now),
            Command::Bundle {
                session,
                side,
                carrier,
                mid_extension,
                members,
            } => self
                .shard
                .bundle(session, side, carrier, mid_extension, members),
            Command::Hold { session, held } => self.shard.hold(session, held, now),
            Command::Play {
                session,
                stream,
                side,
                music,
            } => self.shard.play(session, stream, side, music, now),
            Command::Fork {
                session,
                stream,
                to,
            } => self.shard.fork(session, stream, to),
            Command::Record {
                session,
                stream,
                recording,
            } => self.shard.record(session, stream, recording, now),
            Command::Close { session, stream } => {
                self.asleep.remove(&(session, stream));
                let keys = self.shard.close(session, stream, now);
                self.close(&keys);
            }
            // Whoever asked and did not wait for the reply does not want it.
            Command::Query { session, reply } => {
                self.shard.count(session);
                self.offload(now);
                drop(reply.send(self.shard.stats(session, now)));
            }
            Command::Delete { session, reply } => {
                self.asleep.retain(|(one, _), _| *one != session);
                self.shard.count(session);
                self.offload(now);
                let stats = self.shard.stats(session, now);
                let keys = self.shard.delete(session, now);
                self.offload(now);
                self.close(&keys);
                drop(reply.send(stats));
            }
            Command::Stop => {}
        }
    }

    /// Begins to read the sockets of a stream.
    fn wake(&mut self, session: u64, stream: u16, epoll: &Epoll) {
        for (key, socket) in self.asleep.remove(&(session, stream)).unwrap_or_default() {
            self.watch(key, socket, epoll);
        }
    }

    /// A socket that epoll does not take (out of memory or watches) receives nothing: the silence
    /// of its session will be reported.
    fn watch(&mut self, key: Key, socket: UdpSocket, epoll: &Epoll) {
        if epoll.add(socket.as_raw_fd(), key.to_bits()).is_ok() {
            let room = self.sockets.len().max(key.index() + 1);
            self.sockets.resize_with(room, || None);
            self.sockets[key.index()] = Some(Watched { socket, ready: 0 });
        }
    }

    fn close(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(place) = self.sockets.get_mut(key.index()) {
                *place = None;
            }
        }
    }

    /// Reads a ready port and sends on what came. What is left makes epoll ready again, so that one
    /// busy port does not starve the others.
    ///
    /// Speech brings one packet in 20 ms, and the system call for a batch then looks for a second in
    /// vain (1.7 µs against 1.2 for a plain read of one). A port that is ready again within the
    /// millisecond has a burst (video) and is read in batches.
    fn relay(&mut self, key: Key, now: Millis) {
        let Some(Some(watched)) = self.sockets.get_mut(key.index()) else {
            return;
        };
        let room = if watched.ready == now { BATCH } else { 1 };
        watched.ready = now;
        // An error here is one of ours on an earlier send (ICMP), and reading it clears it.
        let Ok(count) = self.batch.receive(&watched.socket, room) else {
            return;
        };
        let mut outgoing = [Outgoing::default(); BATCH];
        let mut waiting = 0;
        let mut exit = key;
        for slot in 0..count {
            let (Some(from), Some(mut data)) = (self.batch.sender(slot), self.batch.datagram(slot))
            else {
                self.shard.oversized(key);
                continue;
            };
            if let Verdict::Forward { via, to } = self.shard.packet(key, from, &mut data, now) {
                let length = data.length;
                self.batch.set_length(slot, length);
                if via != exit {
                    self.send(exit, &outgoing[..waiting]);
                    (exit, waiting) = (via, 0);
                }
                outgoing[waiting] = Outgoing { slot, to };
                waiting += 1;
            }
        }
        self.send(exit, &outgoing[..waiting]);
    }

    /// Sends what the shard has to say itself. What the system does not take is lost like any
    /// datagram: checks and handshakes are repeated.
    fn transmit(&mut self) {
        while let Some(one) = self.shard.poll_transmit() {
            let Transmit {
                via,
                to,
                bytes,
                counted,
            } = one;
            let outlet = self.shard.outlet(via);
            if let Some(Some(Watched { socket, .. })) = self.sockets.get(outlet.index()) {
                let sent = socket.send_to(&bytes, to).is_ok();
                if counted {
                    self.shard.forwarded(via, bytes.len(), sent);
                }
            }
        }
    }

    /// Sends a run of packets that leave through one port: with few exceptions (RTCP that shares the
    /// RTP port on one side only) a whole batch.
    fn send(&mut self, via: Key, outgoing: &[Outgoing]) {
        if outgoing.is_empty() {
            return;
        }
        let outlet = self.shard.outlet(via);
        let Some(Some(Watched { socket, .. })) = self.sockets.get(outlet.index()) else {
            return;
        };
        let (shard, lengths) = (&mut self.shard, self.batch.lengths());
        self.batch.send(socket, outgoing, |at, sent| {
            shard.forwarded(via, lengths[outgoing[at].slot], sent);
        });
    }
}
