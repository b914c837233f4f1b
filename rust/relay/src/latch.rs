//! Symmetric latching: which source a port listens to, and where it sends.
//!
//! A phone behind NAT writes an address into its SDP that nobody outside can reach; its packets tell
//! the true one. Whoever may send the first packet decides who hears the call, so only two sources
//! may: the address in the SDP, and the address that the peer's signaling comes from. Afterwards
//! the port is locked (RTP bleed and injection: CVE-2017-14099 and its kin).
//!
//! Two kinds of proof count for more than an address. Where ICE is spoken only a source that has
//! proved by a check that it is the peer's may send, and it says itself where it wants media. And a
//! packet that authenticates (SRTP) is the peer's wherever it comes from: a phone that changed its
//! network without a word.

use std::net::{IpAddr, SocketAddr};

use crate::Millis;

/// Most sources that ICE has proved at one time: the pairs of a peer with several addresses.
const MAX_PROVED: usize = 8;
/// A latch that was moved by an authentic packet stays for so long: packets of the old path that
/// come late do not move it back and forth.
const SETTLED: Millis = 500;
/// Packets from elsewhere that are looked into each second, a microsecond each: beyond that a flood
/// is not worth its arithmetic.
const MAX_TRIES: u32 = 1000;

/// What a port thinks of a packet's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// From the address that we are locked onto.
    Known,
    /// The first one: we are locked onto it from now on.
    Latched,
    /// From nobody who may send here.
    Refused,
}

/// The latch of one port.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    signaled: Option<SocketAddr>,
    source: Option<IpAddr>,
    /// Where packets go before one has come.
    aim: Option<SocketAddr>,
    latched: Option<SocketAddr>,
    /// Sources that ICE has proved, oldest first; None: ICE is not spoken.
    proved: Option<Vec<SocketAddr>>,
    /// When an authentic packet last moved the latch.
    moved: Option<Millis>,
    /// The second in which packets from elsewhere were looked into, and how many.
    tried: (Millis, u32),
}

impl Latch {
    /// Takes what signaling says: the address in the SDP and where the signaling comes from.
    ///
    /// A change of either opens the latch again (a re-INVITE after the phone moved). Learning the
    /// SDP address for the first time does not, where the latched source may still send: early media
    /// came before the answer.
    pub fn signal(&mut self, signaled: Option<SocketAddr>, source: Option<IpAddr>) {
        let first = self.signaled.is_none() && self.source == source;
        let changed = self.signaled != signaled || self.source != source;
        self.signaled = signaled;
        self.source = source;
        self.aim = signaled;
        if self.proved.is_some() {
            return; // ICE says where the peer is
        }
        let keeps = first && self.latched.is_some_and(|at| self.may_latch(at));
        if changed && !keeps {
            self.latched = None;
        }
    }

    /// Until a packet has come, packets go there rather than to the SDP address.
    pub fn aim(&mut self, at: Option<SocketAddr>) {
        self.aim = at;
    }

    /// From now on only sources that ICE has proved may send, or no longer so.
    pub fn require_proof(&mut self, required: bool) {
        if required != self.proved.is_some() {
            self.proved = required.then(Vec::new);
            self.latched = None;
        }
    }

    /// A check has proved a source; `nominated`: the peer wants media there.
    pub fn prove(&mut self, from: SocketAddr, nominated: bool) {
        let Some(proved) = &mut self.proved else {
            return;
        };
        if !proved.contains(&from) {
            if proved.len() == MAX_PROVED {
                let oldest = proved.iter().position(|one| Some(*one) != self.latched);
                proved.remove(oldest.unwrap_or_default());
            }
            proved.push(from);
        }
        if nominated || self.latched.is_none() {
            self.latched = Some(from);
        }
    }

    /// Whether to look if a packet from elsewhere authenticates, and so moves the latch.
    pub fn may_roam(&mut self, now: Millis) -> bool {
        let settled = self
            .moved
            .is_none_or(|at| now.saturating_sub(at) >= SETTLED);
        if self.proved.is_some() || !settled {
            return false;
        }
        let second = now / 1000;
        let (tried_in, tries) = self.tried;
        let tries = if tried_in == second { tries } else { 0 };
        self.tried = (second, (tries + 1).min(MAX_TRIES + 1));
        tries < MAX_TRIES
    }

    /// A packet that authenticates has come from a new source.
    pub fn roam(&mut self, from: SocketAddr, now: Millis) {
        self.latched = Some(from);
        self.moved = Some(now);
    }

    /// Judges a packet's source, and locks onto the first that may send.
    ///
    /// The exact SDP address may replace a source that only shares an IP address with it or with the
    /// signaling: behind one NAT address there may be somebody else.
    pub fn accept(&mut self, from: SocketAddr) -> Acceptance {
        let judged = self.judge(from);
        if judged == Acceptance::Latched {
            self.latched = Some(from);
        }
        judged
    }

    /// What `accept` would say: a packet that must authenticate latches only once it has.
    #[must_use]
    pub fn judge(&self, from: SocketAddr) -> Acceptance {
        if let Some(proved) = &self.proved {
            return if proved.contains(&from) {
                Acceptance::Known
            } else {
                Acceptance::Refused
            };
        }
        match self.latched {
            Some(at) if at == from => Acceptance::Known,
            Some(_) if self.signaled == Some(from) => Acceptance::Latched,
            Some(_) => Acceptance::Refused,
            None if self.may_latch(from) => Acceptance::Latched,
            None => Acceptance::Refused,
        }
    }

    /// Goes on with the source that was latched in the process before this one; where ICE is spoken
    /// it was proved to that one.
    pub fn resume(&mut self, at: SocketAddr) {
        self.latched.get_or_insert(at);
        if let Some(proved) = self.proved.as_mut().filter(|one| one.is_empty()) {
            proved.push(at);
        }
    }

    /// Where packets for this peer go: the latched source, before that the SDP address or what it is
    /// aimed at instead, unless a proof is asked for.
    #[must_use]
    pub fn target(&self) -> Option<SocketAddr> {
        self.latched.or(self.aim.filter(|_| self.proved.is_none()))
    }

    /// The source that we are locked onto.
    #[must_use]
    pub fn latched(&self) -> Option<SocketAddr> {
        self.latched
    }

    fn may_latch(&self, from: SocketAddr) -> bool {
        let ip = from.ip();
        self.source == Some(ip) || self.signaled.is_some_and(|at| at.ip() == ip)
    }
}

#[cfg(test)]
mod tests;
