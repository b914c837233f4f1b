//! Streams: opened on ports of two interfaces, opened again after a restart, closed.

use super::{lock, Relay};
use crate::error::RelayError;
use crate::keeper::name_of;
use crate::ledger::{Ledger, Pair};
use crate::report::{Event, Report};
use crate::types::Content;
use crate::worker::Command;
use crate::Millis;

impl Relay {
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
}
