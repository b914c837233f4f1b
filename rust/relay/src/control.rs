//! What the rest of the process holds: interfaces, port pools, and the way to the workers.

mod telling;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastpath::Fastpath;

use crate::dtls::Identity;
use crate::error::RelayError;
use crate::keeper::name_of;
use crate::ledger::{Chance, Interface, Ledger, Pair};
use crate::memory::Memory;
use crate::music::Music;
use crate::ports::PortPool;
use crate::recording::{Place, Writer};
use crate::report::{Event, Report};
use crate::sys::EventFd;
use crate::types::{Content, PortStats};
use crate::worker::{Command, Worker};
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

struct Link {
    commands: Sender<Command>,
    wake: Arc<EventFd>,
    /// It has commands that it was not woken for.
    told: AtomicBool,
    thread: Option<JoinHandle<io::Result<()>>>,
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

    /// Opens a stream between two interfaces (a session begins with its first) and returns the RTP
    /// port of each side; RTCP is on the next.
    ///
    /// # Errors
    /// `NoInterface`, `Exhausted`, `NoStream` where the stream is open already, `System`, `Stuck`.
    pub fn open(
        &self,
        session: &str,
        stream: u16,
        interfaces: [&str; 2],
        content: Content,
    ) -> Result<[u16; 2], RelayError> {
        let now = self.now();
        let mut ledger = self.ledger();
        if ledger
            .sessions
            .get(session)
            .is_some_and(|entry| entry.streams.contains_key(&stream))
        {
            return Err(RelayError::NoStream(session.to_owned(), stream));
        }
        let first = self.bind(&mut ledger, session, interfaces[0], now)?;
        let second = match self.bind(&mut ledger, session, interfaces[1], now) {
            Ok(pair) => pair,
            Err(error) => {
                ledger.interfaces[first.place].1.give_back(first.port, now);
                return Err(error);
            }
        };
        let opened = [first.port, second.port];
        self.place(
            &mut ledger,
            (session, stream, content),
            [first, second],
            false,
        )?;
        Ok(opened)
    }

    /// Opens a stream of the process before this one on the ports that it had. No packet is looked at
    /// before `resume`: until then say what signaling has said of it.
    ///
    /// # Errors
    /// As `open`; `Exhausted` also where a port is not free, `System` where it cannot be bound.
    pub fn reopen(
        &self,
        session: &str,
        stream: u16,
        interfaces: [&str; 2],
        content: Content,
        ports: [u16; 2],
    ) -> Result<(), RelayError> {
        let now = self.now();
        let mut ledger = self.ledger();
        let known = ledger.sessions.get(session);
        if known.is_some_and(|entry| entry.streams.contains_key(&stream)) {
            return Err(RelayError::NoStream(session.to_owned(), stream));
        }
        let first = ledger.bind_again(interfaces[0], ports[0], now)?;
        let second = ledger.bind_again(interfaces[1], ports[1], now);
        let second = second.inspect_err(|_| {
            ledger.interfaces[first.place].1.give_back(first.port, now);
        })?;
        self.place(
            &mut ledger,
            (session, stream, content),
            [first, second],
            true,
        )
    }

    /// Goes on with a stream that was reopened: with the latches and SRTP contexts that it had.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn resume(&self, session: &str, stream: u16) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        let session = number;
        self.tell(worker, Command::Resume { session, stream })
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

    fn place(
        &self,
        ledger: &mut Ledger,
        (session, stream, content): (&str, u16, Content),
        [first, second]: [Pair; 2],
        asleep: bool,
    ) -> Result<(), RelayError> {
        let ports = [first.addresses(), second.addresses()];
        let taken = [(first.place, first.port), (second.place, second.port)];
        let classes = taken.map(|(place, _)| ledger.interfaces[place].0.traffic_class);
        let (number, worker) = ledger.place(session, stream, taken, self.links.len());
        let sockets = first.sockets.into_iter().chain(second.sockets).collect();
        let open = Command::Open {
            session: number,
            stream,
            content,
            ports,
            classes,
            sockets,
            identity: name_of((session, stream)),
            asleep,
        };
        self.tell(worker, open)
    }

    /// Recordings that a process before this one had left, and that were finished.
    #[must_use]
    pub fn repaired(&self) -> &[String] {
        self.writer.as_ref().map_or(&[], |one| &one.repaired)
    }

    /// Ends one stream of a session; its ports go to rest.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn close(&self, session: &str, stream: u16) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Close {
                session: number,
                stream,
            },
        )?;
        let now = self.now();
        let mut ledger = self.ledger();
        let entry = ledger.sessions.get_mut(session);
        let ports = entry.and_then(|entry| entry.streams.remove(&stream));
        ledger.give_back(ports, now);
        Ok(())
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

    /// Binds a pair for a session, and tells when an interface has no more.
    fn bind(
        &self,
        ledger: &mut Ledger,
        session: &str,
        interface: &str,
        now: Millis,
    ) -> Result<Pair, RelayError> {
        let bound = ledger.bind(interface, now);
        match bound {
            Err(RelayError::Exhausted(_)) if ledger.used_up.insert(interface.to_owned()) => {
                lock(&self.own).push(Report {
                    session: session.to_owned(),
                    event: Event::Exhausted {
                        interface: interface.to_owned(),
                    },
                });
                self.bell.notify();
            }
            Ok(_) if !ledger.used_up.is_empty() => {
                ledger.used_up.remove(interface);
            }
            _ => {}
        }
        bound
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

/// How often next hops are looked after: a lease holds for five times as long.
const UPKEEP: Duration = Duration::from_secs(1);

/// Starts the thread that looks after a fast path.
fn keep(kernel: &Arc<Fastpath>) -> Result<Keeper, RelayError> {
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
