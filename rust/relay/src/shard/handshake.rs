//! What the relay says itself on a media port: answers to ICE's checks. RFC 7983 tells the protocols
//! apart by the first byte; RTP's is 128 or more.

use std::net::SocketAddr;

use super::Shard;
use crate::ice::{Agent, Credentials};
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
                    (agent, ours) => *agent = ours.cloned().map(Agent::new),
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
        self.timers.first().map(|(at, _)| *at)
    }

    /// Does what is due by now.
    pub fn wake(&mut self, now: Millis) {
        while self.next_deadline().is_some_and(|at| at <= now) {
            self.timers.pop_first();
        }
    }

    /// Takes a packet that is no RTP by its first byte; None: the port speaks nothing else.
    pub(super) fn handshake(
        &mut self,
        key: Key,
        from: SocketAddr,
        data: &[u8],
        _now: Millis,
    ) -> Option<Verdict> {
        match data.first()? {
            0..=3 => self.check(key, from, data),
            _ => None,
        }
    }

    fn check(&mut self, key: Key, from: SocketAddr, data: &[u8]) -> Option<Verdict> {
        let port = self.port_mut(key)?;
        let Some(checked) = port.ice.as_ref()?.check(from, data) else {
            port.counters.refused_packets += 1;
            return Some(Verdict::Refused);
        };
        if let Some(nominated) = checked.proved {
            port.latch.prove(from, nominated);
        }
        self.outbox.push_back(Transmit {
            via: key,
            to: from,
            bytes: checked.answer,
        });
        Some(Verdict::Handled)
    }
}
