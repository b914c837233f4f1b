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
        if self.proved.is_some() {
            return; // ICE says where the peer is
        }
        let keeps = first && self.latched.is_some_and(|at| self.may_latch(at));
        if changed && !keeps {
            self.latched = None;
        }
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

    /// Where packets for this peer go: the latched source, before that the SDP address, unless a
    /// proof is asked for.
    #[must_use]
    pub fn target(&self) -> Option<SocketAddr> {
        let signaled = self.signaled.filter(|_| self.proved.is_none());
        self.latched.or(signaled)
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
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn phone_behind_nat() -> Latch {
        let mut latch = Latch::default();
        latch.signal(
            Some(at("172.22.33.101:5000")),
            Some(at("192.168.67.61:1").ip()),
        );
        latch
    }

    #[test]
    fn the_first_packet_from_the_signaling_source_latches_and_locks() {
        let mut latch = phone_behind_nat();
        assert_eq!(latch.target(), Some(at("172.22.33.101:5000")));
        assert_eq!(latch.accept(at("192.168.67.61:40001")), Acceptance::Latched);
        assert_eq!(latch.target(), Some(at("192.168.67.61:40001")));
        assert_eq!(latch.accept(at("192.168.67.61:40001")), Acceptance::Known);
        assert_eq!(latch.accept(at("192.168.67.61:40002")), Acceptance::Refused);
        assert_eq!(latch.latched(), Some(at("192.168.67.61:40001")));
    }

    #[test]
    fn a_stranger_never_latches() {
        let mut latch = phone_behind_nat();
        assert_eq!(latch.accept(at("203.0.113.9:5000")), Acceptance::Refused);
        assert_eq!(latch.latched(), None);
    }

    #[test]
    fn nobody_may_send_before_anything_is_signaled() {
        let mut latch = Latch::default();
        assert_eq!(latch.accept(at("10.10.10.13:40752")), Acceptance::Refused);
        assert_eq!(latch.target(), None);
    }

    #[test]
    fn the_exact_sdp_address_replaces_a_neighbour_behind_the_same_nat() {
        let mut latch = Latch::default();
        latch.signal(
            Some(at("198.51.100.7:5000")),
            Some(at("198.51.100.7:1").ip()),
        );
        assert_eq!(latch.accept(at("198.51.100.7:6666")), Acceptance::Latched);
        assert_eq!(latch.accept(at("198.51.100.7:5000")), Acceptance::Latched);
        assert_eq!(latch.accept(at("198.51.100.7:6666")), Acceptance::Refused);
    }

    #[test]
    fn a_new_address_or_signaling_source_opens_the_latch_and_the_same_does_not() {
        let mut latch = phone_behind_nat();
        latch.accept(at("192.168.67.61:40001"));
        latch.signal(
            Some(at("172.22.33.101:5000")),
            Some(at("192.168.67.61:1").ip()),
        );
        assert_eq!(latch.latched(), Some(at("192.168.67.61:40001")));
        latch.signal(
            Some(at("172.22.33.101:5000")),
            Some(at("192.168.67.99:1").ip()),
        );
        assert_eq!(latch.latched(), None);
        assert_eq!(latch.accept(at("192.168.67.61:40001")), Acceptance::Refused);
        assert_eq!(latch.accept(at("192.168.67.99:7000")), Acceptance::Latched);
        latch.signal(
            Some(at("172.22.33.101:5002")),
            Some(at("192.168.67.99:1").ip()),
        );
        assert_eq!(latch.latched(), None);
    }

    #[test]
    fn early_media_stays_latched_when_the_answer_comes() {
        let mut latch = Latch::default();
        latch.signal(None, Some(at("10.10.10.13:1").ip()));
        assert_eq!(latch.accept(at("10.10.10.13:40752")), Acceptance::Latched);
        latch.signal(
            Some(at("10.10.10.13:40752")),
            Some(at("10.10.10.13:1").ip()),
        );
        assert_eq!(latch.latched(), Some(at("10.10.10.13:40752")));
    }
    #[test]
    fn where_ice_is_spoken_only_proved_sources_send_and_the_nominated_one_receives() {
        let mut latch = phone_behind_nat();
        latch.require_proof(true);
        let (first, second) = (at("192.168.67.61:40001"), at("203.0.113.9:5000"));
        assert_eq!(latch.accept(first), Acceptance::Refused);
        assert_eq!(latch.target(), None);
        latch.prove(first, false);
        assert_eq!(latch.accept(first), Acceptance::Known);
        assert_eq!(latch.target(), Some(first));
        latch.prove(second, false);
        assert_eq!(latch.accept(second), Acceptance::Known);
        assert_eq!(latch.target(), Some(first));
        latch.prove(second, true);
        assert_eq!(latch.target(), Some(second));
        latch.signal(None, None);
        assert_eq!(latch.target(), Some(second));
    }

    #[test]
    fn proved_sources_are_bounded_and_the_one_in_use_stays() {
        let mut latch = phone_behind_nat();
        latch.require_proof(true);
        let first = at("192.168.67.61:1");
        latch.prove(first, true);
        for port in 2..40 {
            latch.prove(SocketAddr::new(first.ip(), port), false);
        }
        assert_eq!(latch.judge(first), Acceptance::Known);
        assert_eq!(latch.judge(at("192.168.67.61:2")), Acceptance::Refused);
        assert_eq!(latch.judge(at("192.168.67.61:39")), Acceptance::Known);
        latch.require_proof(false);
        assert_eq!(latch.target(), Some(at("172.22.33.101:5000")));
    }

    #[test]
    fn what_was_proved_to_the_process_before_is_proved() {
        let mut latch = phone_behind_nat();
        latch.require_proof(true);
        latch.resume(at("203.0.113.9:5000"));
        assert_eq!(latch.judge(at("203.0.113.9:5000")), Acceptance::Known);
        assert_eq!(latch.judge(at("203.0.113.9:5001")), Acceptance::Refused);
        assert_eq!(latch.target(), Some(at("203.0.113.9:5000")));
    }

    #[test]
    fn an_authentic_packet_moves_the_latch_but_not_too_often() {
        let mut latch = phone_behind_nat();
        latch.accept(at("192.168.67.61:40001"));
        assert!(latch.may_roam(1_000));
        latch.roam(at("198.51.100.7:9"), 1_000);
        assert_eq!(latch.target(), Some(at("198.51.100.7:9")));
        assert!(!latch.may_roam(1_000 + SETTLED - 1));
        assert!(latch.may_roam(1_000 + SETTLED));
    }

    #[test]
    fn a_flood_from_elsewhere_is_looked_into_so_many_times_a_second() {
        let mut latch = phone_behind_nat();
        let looked = (0..5 * MAX_TRIES).filter(|_| latch.may_roam(2_300)).count();
        assert_eq!(looked, MAX_TRIES as usize);
        assert!(latch.may_roam(3_000));
    }
}
