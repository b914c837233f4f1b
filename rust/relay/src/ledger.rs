//! Who has which ports: the interfaces' pools, and the sessions that took pairs from them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::error::RelayError;
use crate::ports::PortPool;
use crate::sys::set_traffic_class;
use crate::Millis;

/// A media interface: an address of this machine and the ports to use on it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// The name in the configuration.
    pub name: String,
    /// The address that sockets are bound to.
    pub ip: IpAddr,
    /// First port of the range.
    pub first: u16,
    /// Last port of the range, included.
    pub last: u16,
    /// Where in the range to begin, and go on in order; None: each pair is drawn at random, so that
    /// nobody can tell from one call where the next will be.
    pub start: Option<u16>,
    /// Traffic class (IP TOS byte) of what is sent: 184 is DSCP 46, expedited forwarding.
    pub traffic_class: u8,
}

/// Who has which ports.
pub(crate) struct Ledger {
    pub interfaces: Vec<(Interface, PortPool)>,
    pub sessions: HashMap<String, Placement>,
    pub names: HashMap<u64, String>,
    /// Interfaces that had no ports for the last that asked.
    pub used_up: HashSet<String>,
    pub next: u64,
    pub chance: Chance,
}

/// Numbers that nobody outside can foretell: a keyed hash of a counter. The key is the system's.
#[derive(Default)]
pub(crate) struct Chance {
    key: RandomState,
    drawn: u64,
}

impl Chance {
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.key.hash_one(self.drawn)
    }
}

pub(crate) struct Placement {
    pub number: u64,
    pub worker: usize,
    /// By stream: for each side the place of the interface and the RTP port.
    pub streams: BTreeMap<u16, [(usize, u16); 2]>,
}

/// A bound pair.
pub(crate) struct Pair {
    pub place: usize,
    pub ip: IpAddr,
    pub port: u16,
    pub sockets: [UdpSocket; 2],
}

impl Pair {
    pub fn addresses(&self) -> [SocketAddr; 2] {
        [
            SocketAddr::new(self.ip, self.port),
            SocketAddr::new(self.ip, self.port + 1),
        ]
    }
}

impl Ledger {
    /// Takes a pair from the pool and binds it; a pair that another program holds is passed over.
    pub fn bind(&mut self, interface: &str, now: Millis) -> Result<Pair, RelayError> {
        let place = self
            .interfaces
            .iter()
            .position(|(one, _)| one.name == interface);
        let place = place.ok_or_else(|| RelayError::NoInterface(interface.to_owned()))?;
        let (settings, pool) = &mut self.interfaces[place];
        for _ in 0..pool.len() {
            let chance = settings.start.is_none().then(|| self.chance.draw());
            let Some(port) = pool.take(now, chance) else {
                break;
            };
            match bind_pair(settings, port) {
                Ok(sockets) => {
                    return Ok(Pair {
                        place,
                        ip: settings.ip,
                        port,
                        sockets,
                    })
                }
                Err(error) => {
                    pool.give_back(port, now);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(RelayError::System(error));
                    }
                }
            }
        }
        Err(RelayError::Exhausted(interface.to_owned()))
    }

    /// Binds the pair that a stream had in the process before this one.
    pub fn bind_again(
        &mut self,
        interface: &str,
        port: u16,
        now: Millis,
    ) -> Result<Pair, RelayError> {
        let mut named = self.interfaces.iter();
        let place = named.position(|(one, _)| one.name == interface);
        let place = place.ok_or_else(|| RelayError::NoInterface(interface.to_owned()))?;
        let (settings, pool) = &mut self.interfaces[place];
        if !pool.claim(port) {
            return Err(RelayError::Exhausted(interface.to_owned()));
        }
        let sockets = bind_pair(settings, port).map_err(|error| {
            pool.give_back(port, now);
            RelayError::System(error)
        })?;
        Ok(Pair {
            place,
            ip: settings.ip,
            port,
            sockets,
        })
    }

    pub fn place(
        &mut self,
        session: &str,
        stream: u16,
        taken: [(usize, u16); 2],
        workers: usize,
    ) -> (u64, usize) {
        let number = self.next;
        let entry = self.sessions.entry(session.to_owned()).or_insert_with(|| {
            self.next += 1;
            self.names.insert(number, session.to_owned());
            Placement {
                number,
                worker: number as usize % workers,
                streams: BTreeMap::new(),
            }
        });
        entry.streams.insert(stream, taken);
        (entry.number, entry.worker)
    }

    pub fn give_back(&mut self, streams: impl IntoIterator<Item = [(usize, u16); 2]>, now: Millis) {
        for (place, port) in streams.into_iter().flatten() {
            self.interfaces[place].1.give_back(port, now);
        }
    }
}

fn bind_pair(settings: &Interface, port: u16) -> io::Result<[UdpSocket; 2]> {
    let bind = |port| {
        let socket = UdpSocket::bind((settings.ip, port))?;
        socket.set_nonblocking(true)?;
        set_traffic_class(&socket, settings.ip, settings.traffic_class)?;
        Ok::<_, io::Error>(socket)
    };
    Ok([bind(port)?, bind(port + 1)?])
}
