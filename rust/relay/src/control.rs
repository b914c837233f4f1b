//! What the rest of the process holds: interfaces, port pools, and the way to the workers.

mod services;
mod starting;
mod streams;
mod telling;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastpath::Fastpath;

use crate::dtls::Identity;
use crate::error::RelayError;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::music::Music;
use crate::recording::Writer;
use crate::report::Report;
use crate::sys::EventFd;
use crate::types::PortStats;
use crate::worker::Command;
use crate::Millis;

/// How long a worker may take to answer before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// Settings of the whole relay.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Worker threads, at least one.
    pub threads: usize,
    /// How long a returned port pair is not given again.
    pub rest: Millis,
    /// How long a session may be silent before it is reported; 0: never.
    pub silence: Millis,
}

/// The fast path beside a relay, or why there is none.
pub type Kernel = Result<Arc<Fastpath>, String>;

/// The handle of a running relay; dropping it ends the threads and closes every port.
pub struct Relay {
    links: Vec<Link>,
    gathering: AtomicBool,
    ledger: Mutex<Ledger>,
    reports: Mutex<Receiver<Report<u64>>>,
    /// What the control side itself has to tell.
    own: Arc<Mutex<Vec<Report>>>,
    bell: Arc<EventFd>,
    broken: Arc<AtomicBool>,
    epoch: Instant,
    memory: Mutex<Option<Memory>>,
    kernel: Kernel,
    keeper: Option<Keeper>,
    identity: Option<Arc<Identity>>,
    writer: Option<Writer>,
    recordings: AtomicU64,
    music: Mutex<HashMap<String, Arc<Music>>>,
}

/// The thread that keeps the fast path up to date; it ends when the sender is dropped.
struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

struct Link {
    commands: Sender<Command>,
    wake: Arc<EventFd>,
    /// It has commands that it was not woken for.
    told: AtomicBool,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Relay {
    /// The fast path, or why there is none.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Ends the kernel's flows of an earlier process that no session has settled since, and says how
    /// many. To be called once what is to go on has been opened again.
    pub fn adopt(&self) -> usize {
        self.kernel
            .as_ref()
            .map_or(0, |kernel| kernel.forget_orphans())
    }

    /// Gives the relay a certificate and its key (DER, the key in PKCS #8), for DTLS. False: they are
    /// not of a kind that can be used (ECDSA P-256 or P-384 can).
    #[must_use]
    pub fn identify(&mut self, certificate: Vec<u8>, private_key: Vec<u8>) -> bool {
        let identity = Identity::new(certificate, private_key, self.epoch);
        self.identity = identity.map(Arc::new);
        self.identity.is_some()
    }

    /// Everything that is to go on has been resumed: what the process before this one left may go.
    pub fn restored(&self) {
        for worker in 0..self.links.len() {
            // Its answer says that it has done everything before; one that is stuck is found later.
            let _ = self.ask(worker, |reply| Command::Query {
                session: u64::MAX,
                reply,
            });
        }
        if let Some(memory) = lock(&self.memory).as_mut() {
            memory.forget();
        }
    }

    /// Recordings that a process before this one had left, and that were finished.
    #[must_use]
    pub fn repaired(&self) -> &[String] {
        self.writer.as_ref().map_or(&[], |one| &one.repaired)
    }

    /// Counters of a session's ports; None: no such session.
    ///
    /// # Errors
    /// `Stuck`.
    pub fn query(&self, session: &str) -> Result<Option<Vec<PortStats>>, RelayError> {
        let Ok((number, worker)) = self.find(session, None) else {
            return Ok(None);
        };
        self.ask(worker, |reply| Command::Query {
            session: number,
            reply,
        })
    }

    /// Ends a session, frees its ports and returns the last counters; None: no such session.
    ///
    /// # Errors
    /// `Stuck`.
    pub fn delete(&self, session: &str) -> Result<Option<Vec<PortStats>>, RelayError> {
        let Ok((number, worker)) = self.find(session, None) else {
            return Ok(None);
        };
        let stats = self.ask(worker, |reply| Command::Delete {
            session: number,
            reply,
        })?;
        let now = self.now();
        let mut ledger = self.ledger();
        ledger.names.remove(&number);
        if let Some(entry) = ledger.sessions.remove(session) {
            ledger.give_back(entry.streams.into_values(), now);
        }
        Ok(stats)
    }

    /// The names of all sessions.
    #[must_use]
    pub fn sessions(&self) -> Vec<String> {
        self.ledger().sessions.keys().cloned().collect()
    }

    /// What happened since the last call, of sessions that are still there; makes `report_fd`
    /// unreadable.
    ///
    /// # Errors
    /// `Stuck` when a thread has ended: its sessions are lost, and the process had better end too.
    pub fn reports(&self) -> Result<Vec<Report>, RelayError> {
        self.bell.drain();
        if self.broken.load(Ordering::Acquire) {
            return Err(RelayError::Stuck);
        }
        let mut told = std::mem::take(&mut *lock(&self.own));
        let found: Vec<_> = lock(&self.reports).try_iter().collect();
        let ledger = self.ledger();
        let named = |one: Report<u64>| {
            let name = ledger.names.get(&one.session)?.clone();
            Some(one.named(name))
        };
        told.extend(found.into_iter().filter_map(named));
        Ok(told)
    }

    /// A descriptor that becomes readable when `reports` has something.
    #[must_use]
    pub fn report_fd(&self) -> i32 {
        self.bell.raw()
    }

    fn now(&self) -> Millis {
        self.epoch.elapsed().as_millis() as Millis
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    fn find(&self, session: &str, stream: Option<u16>) -> Result<(u64, usize), RelayError> {
        let ledger = self.ledger();
        let missing = || RelayError::NoStream(session.to_owned(), stream.unwrap_or_default());
        let entry = ledger.sessions.get(session).ok_or_else(missing)?;
        match stream {
            Some(stream) if !entry.streams.contains_key(&stream) => Err(missing()),
            _ => Ok((entry.number, entry.worker)),
        }
    }

    /// Lets the workers sleep over what they are told from now on, or wakes those that were told.
    ///
    /// Waking a thread costs more than most commands: those of one offer then cost one wake. A
    /// command that has a reply wakes at once, and does what came before it first.
    pub fn gather(&self, gathering: bool) {
        self.gathering.store(gathering, Ordering::Release);
        if !gathering {
            for link in &self.links {
                if link.told.swap(false, Ordering::AcqRel) {
                    link.wake.notify();
                }
            }
        }
    }

    fn tell(&self, worker: usize, command: Command) -> Result<(), RelayError> {
        let link = &self.links[worker];
        link.commands.send(command).map_err(|_| RelayError::Stuck)?;
        if self.gathering.load(Ordering::Acquire) {
            link.told.store(true, Ordering::Release);
        } else {
            link.wake.notify();
        }
        Ok(())
    }

    fn ask<T>(
        &self,
        worker: usize,
        make: impl FnOnce(Sender<T>) -> Command,
    ) -> Result<T, RelayError> {
        let (reply, answer) = mpsc::channel();
        self.tell(worker, make(reply))?;
        let link = &self.links[worker];
        if link.told.swap(false, Ordering::AcqRel) {
            link.wake.notify();
        }
        answer.recv_timeout(PATIENCE).map_err(|_| RelayError::Stuck)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(Keeper { stop, thread }) = self.keeper.take() {
            drop(stop);
            drop(thread.join());
        }
        for worker in 0..self.links.len() {
            // A thread that has ended already needs no telling.
            drop(self.tell(worker, Command::Stop));
        }
        for link in &mut self.links {
            drop(link.thread.take().map(JoinHandle::join));
        }
        if let Some(writer) = self.writer.take() {
            writer.join();
        }
    }
}

/// A poisoned lock guards plain tables that are whole after every step, so it can go on being used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ended_makes_the_relay_say_so() {
        let options = Options {
            threads: 1,
            rest: 0,
            silence: 0,
        };
        let relay = Relay::start(Vec::new(), options).expect("started");
        assert_eq!(relay.reports().expect("whole"), []);
        relay.tell(0, Command::Stop).expect("told");
        while !relay.broken.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        assert!(matches!(relay.reports(), Err(RelayError::Stuck)));
    }
}
