//! The shard with the sockets of its ports, and what surrounds it: the kernel's fast path, the recorder.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use fastpath::Fastpath;

use super::Command;
use crate::keeper::Keeper;
use crate::offload::Offload;
use crate::recording::Sink;
use crate::shard::Shard;
use crate::sys::{Batch, Epoll};
use crate::types::Key;
use crate::Millis;

/// The shard with the sockets of its ports.
#[derive(Default)]
pub(super) struct State {
    pub(super) shard: Shard,
    /// By `Key::index`.
    pub(super) sockets: Vec<Option<Watched>>,
    pub(super) batch: Batch,
    kernel: Option<Arc<Fastpath>>,
    sink: Option<Sink>,
    /// Sockets of streams that are being restored, by session and stream.
    asleep: HashMap<(u64, u16), Vec<(Key, UdpSocket)>>,
}

/// A socket of ours, and when epoll last named it.
pub(super) struct Watched {
    pub(super) socket: UdpSocket,
    pub(super) ready: Millis,
}

impl State {
    pub(super) fn new(
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
    pub(super) fn offload(&mut self, now: Millis) {
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
    pub(super) fn tap(&mut self) {
        while let Some(tap) = self.shard.poll_tap() {
            if let Some(sink) = &mut self.sink {
                sink.take(tap);
            }
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

    /// Does what the control side asks.
    pub(super) fn perform(&mut self, command: Command, epoll: &Epoll, now: Millis) {
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
            Command::Hold {
                session,
                held,
                patience,
            } => self.shard.hold(session, held, patience, now),
            Command::Quiet { session, quiet } => self.shard.quiet(session, quiet),
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
}
