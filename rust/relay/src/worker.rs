//! One worker thread: epoll around a shard. Control comes through a queue and an eventfd.

mod command;
mod state;
mod traffic;

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::Arc;
use std::time::Instant;

use fastpath::Fastpath;

use state::State;

use crate::keeper::Keeper;
use crate::recording::Sink;
use crate::report::Report;
use crate::shard::Shard;
use crate::sys::{Epoll, EventFd};
use crate::types::Key;
use crate::Millis;

pub(crate) use command::Command;

/// How often silence is looked for, in milliseconds.
const TICK: Millis = 500;
/// The number by which epoll names the control queue: no shard is so large that a key has it.
const CONTROL: u64 = u64::MAX;

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
