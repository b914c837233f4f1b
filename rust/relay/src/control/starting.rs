//! The start of a relay: its threads, and what stands beside them.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastpath::Fastpath;

use super::{lock, Keeper, Kernel, Link, Options, Relay};
use crate::error::RelayError;
use crate::ledger::{Chance, Interface, Ledger};
use crate::memory::Memory;
use crate::ports::PortPool;
use crate::recording::{Place, Writer};
use crate::report::Report;
use crate::sys::EventFd;
use crate::worker::Worker;
use crate::Millis;

/// Tells, when a thread ends for whatever reason, that the relay is not whole any more.
struct Watch {
    broken: Arc<AtomicBool>,
    bell: Arc<EventFd>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.broken.store(true, Ordering::Release);
        self.bell.notify();
    }
}

impl Relay {
    /// Starts the worker threads; no fast path.
    ///
    /// # Errors
    /// `System` when a thread, an eventfd or an epoll set cannot be had.
    pub fn start(interfaces: Vec<Interface>, options: Options) -> Result<Self, RelayError> {
        Self::start_beside(interfaces, options, Err("off".to_owned()), None, None)
    }

    /// Starts the worker threads beside a fast path.
    ///
    /// `directory`: where latches and SRTP contexts outlive the process. What another process has left
    /// there goes on, stream by stream, with `reopen` and `resume`. It should be in memory (tmpfs), and
    /// nobody else's: keys that came out of handshakes stand in it, and names of the others.
    /// `recordings`: where WAV files go; those that another process has left are finished now.
    ///
    /// # Errors
    /// `System` when a thread, an eventfd or an epoll set cannot be had.
    pub fn start_beside(
        interfaces: Vec<Interface>,
        options: Options,
        kernel: Kernel,
        directory: Option<&Path>,
        recordings: Option<Place>,
    ) -> Result<Self, RelayError> {
        let memory = directory.map(Memory::open).transpose();
        let memory = memory.map_err(RelayError::System)?;
        let epoch = Instant::now();
        let bell = Arc::new(EventFd::new().map_err(RelayError::System)?);
        let broken = Arc::new(AtomicBool::new(false));
        let (reports_in, reports) = mpsc::channel();
        let own = Arc::new(Mutex::<Vec<Report>>::default());
        let writer = recordings.map(|place| {
            let (own, bell) = (Arc::clone(&own), Arc::clone(&bell));
            Writer::start(place, move |told| {
                lock(&own).push(told);
                bell.notify();
            })
        });
        let writer = writer.transpose().map_err(RelayError::System)?;
        let mut links = Vec::new();
        for number in 0..options.threads.max(1) {
            let (commands, queue) = mpsc::channel();
            let wake = Arc::new(EventFd::new().map_err(RelayError::System)?);
            let worker = Worker {
                commands: queue,
                wake: Arc::clone(&wake),
                reports: reports_in.clone(),
                bell: Arc::clone(&bell),
                silence_limit: if options.silence == 0 {
                    Millis::MAX
                } else {
                    options.silence
                },
                epoch,
                kernel: kernel.clone(),
                keeper: match &memory {
                    Some(memory) => Some(memory.keeper(number).map_err(RelayError::System)?),
                    None => None,
                },
                sink: writer.as_ref().map(|writer| writer.sink.clone()),
            };
            let name = format!("relay-{number}");
            let watch = Watch {
                broken: Arc::clone(&broken),
                bell: Arc::clone(&bell),
            };
            let thread = std::thread::Builder::new().name(name).spawn(move || {
                let _watch = watch;
                worker.run()
            });
            links.push(Link {
                commands,
                wake,
                told: AtomicBool::new(false),
                thread: Some(thread.map_err(RelayError::System)?),
            });
        }
        let with_pool = |one: Interface| {
            let pool = PortPool::new(
                one.first,
                one.last,
                one.start.unwrap_or(one.first),
                options.rest,
            );
            (one, pool)
        };
        let interfaces = interfaces.into_iter().map(with_pool).collect();
        let ledger = Ledger {
            interfaces,
            sessions: HashMap::new(),
            names: HashMap::new(),
            used_up: HashSet::new(),
            next: 0,
            chance: Chance::default(),
        };
        Ok(Self {
            links,
            gathering: AtomicBool::new(false),
            ledger: Mutex::new(ledger),
            reports: Mutex::new(reports),
            own,
            bell,
            broken,
            epoch,
            memory: Mutex::new(memory),
            keeper: kernel.as_ref().ok().map(keep).transpose()?,
            kernel,
            identity: None,
            writer,
            recordings: AtomicU64::new(0),
            music: Mutex::default(),
        })
    }
}

/// How often next hops are looked after: a lease holds for five times as long.
const UPKEEP: Duration = Duration::from_secs(1);

/// Starts the thread that looks after a fast path.
pub(super) fn keep(kernel: &Arc<Fastpath>) -> Result<Keeper, RelayError> {
    let kernel = Arc::clone(kernel);
    let (stop, stopped) = mpsc::channel();
    let work = move || {
        while stopped.recv_timeout(UPKEEP) == Err(RecvTimeoutError::Timeout) {
            // Without an answer leases run out, and the kernel asks its own neighbour table.
            drop(kernel.maintain());
        }
    };
    let thread = std::thread::Builder::new().name("fast-path".to_owned());
    let thread = thread.spawn(work).map_err(RelayError::System)?;
    Ok(Keeper { stop, thread })
}
