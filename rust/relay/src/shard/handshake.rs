//! What the relay says itself on a media port: answers to ICE's checks, DTLS handshakes. RFC 7983
//! tells the protocols apart by the first byte; RTP's is 128 or more.

use std::net::SocketAddr;

use super::Shard;
use crate::crypto::Guard;
use crate::dtls::Flight;
use crate::ice::{Agent, Credentials};
use crate::latch::Acceptance;
use crate::types::{Key, Transmit, Verdict};
use crate::{Millis, SideIndex};

impl Shard {
    /// Takes our ICE credentials for one side of a stream; None: ICE is not spoken there.
    pub fn ice(
        &mut self,
        session: u64,
        stream: u16,
        side: SideIndex,
        credentials: Option<&Credentials>,
    ) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        for key in keys[side] {
            if let Some(port) = self.port_mut(key) {
                port.latch.require_proof(credentials.is_some());
                match (&mut port.ice, credentials) {
                    (Some(agent), Some(ours)) => agent.restart(ours.clone()),
                    (agent, ours) => *agent = ours.cloned().map(|ours| Box::new(Agent::new(ours))),
                }
            }
        }
    }

    /// The next datagram of our own to send; to be asked after `packet`, `wake` and every command.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// When `wake` wants to be called, at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let timers = [self.timers.first(), self.beats.first()];
        timers.into_iter().flatten().map(|(at, _)| *at).min()
    }

    /// Does what is due by now.
    pub fn wake(&mut self, now: Millis) {
        self.beat(now);
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, bits)) = self.timers.pop_first() else {
                return;
            };
            let home = Key::from_bits(bits);
            self.begin(home, now);
            let association = self.guard(home).and_then(Guard::association);
            if let Some(flight) = association.map(|one| one.wake(now)) {
                self.fly(home, None, flight);
            }
        }
    }

    /// Takes a packet that is no RTP by its first byte; None: the port speaks nothing else.
    pub(super) fn handshake(
        &mut self,
        key: Key,
        from: SocketAddr,
        data: &[u8],
        now: Millis,
    ) -> Option<Verdict> {
        match data.first()? {
            0..=3 => self.check(key, from, data, now),
            20..=63 => self.shake(key, from, data, now),
            _ => None,
        }
    }

    /// Asks for a `wake` at once, where a handshake may be ours to begin.
    pub(super) fn begin_soon(&mut self, home: Key) {
        if self.guard(home).and_then(Guard::association).is_some() {
            self.timers.insert((0, home.to_bits()));
        }
    }

    /// Begins the handshake of a side, where that is ours to do and there is somebody to talk to.
    fn begin(&mut self, home: Key, now: Millis) {
        if self
            .port_mut(home)
            .is_some_and(|port| !port.awaited && port.latch.target().is_some())
        {
            let association = self.guard(home).and_then(Guard::association);
            if let Some(flight) = association.map(|one| one.start(now)) {
                self.fly(home, None, flight);
            }
        }
    }

    /// Takes a DTLS packet. Only who may send media may shake hands, so a stranger's ClientHello is
    /// never answered (EnableSecurity ES2023-01 and -02).
    fn shake(&mut self, key: Key, from: SocketAddr, data: &[u8], now: Millis) -> Option<Verdict> {
        self.guard(key)?.association()?;
        let port = self.port_mut(key)?;
        if port.latch.judge(from) == Acceptance::Refused {
            return Some(port.refuse(from));
        }
        let flight = self.guard(key)?.association()?.packet(data, now);
        if flight.agreed {
            self.port_mut(key)?.latch.accept(from);
            self.keep_handshake(key);
        }
        self.fly(key, Some(from), flight);
        Some(Verdict::Handled)
    }

    /// Puts a flight on its way: to where the last packet came from, else where media goes.
    fn fly(&mut self, home: Key, to: Option<SocketAddr>, flight: Flight) {
        let target = self.port_mut(home).and_then(|port| port.latch.target());
        if let Some(at) = flight.deadline {
            self.timers.insert((at, home.to_bits()));
        }
        if let Some(to) = to.or(target) {
            let packets = flight.packets.into_iter();
            let transmit = |bytes| Transmit {
                via: home,
                to,
                bytes,
                counted: false,
            };
            self.outbox.extend(packets.map(transmit));
        }
    }

    fn check(&mut self, key: Key, from: SocketAddr, data: &[u8], now: Millis) -> Option<Verdict> {
        let port = self.port_mut(key)?;
        let Some(checked) = port.ice.as_ref()?.check(from, data) else {
            return Some(port.refuse(from));
        };
        if let Some(nominated) = checked.proved {
            port.latch.prove(from, nominated);
        }
        self.outbox.push_back(Transmit {
            via: key,
            to: from,
            bytes: checked.answer,
            counted: false,
        });
        self.begin(key, now);
        Some(Verdict::Handled)
    }
}
