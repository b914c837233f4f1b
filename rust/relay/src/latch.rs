//! Symmetric latching: which source a port listens to, and where it sends.
//!
//! A phone behind NAT writes an address into its SDP that nobody outside can reach; its packets tell
//! the true one. Whoever may send the first packet decides who hears the call, so only two sources
//! may: the address in the SDP, and the address that the peer's signaling comes from. Afterwards
//! the port is locked (RTP bleed and injection: CVE-2017-14099 and its kin).

use std::net::{IpAddr, SocketAddr};

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
        let keeps = first && self.latched.is_some_and(|at| self.may_latch(at));
        if changed && !keeps {
            self.latched = None;
        }
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
        match self.latched {
            Some(at) if at == from => Acceptance::Known,
            Some(_) if self.signaled == Some(from) => Acceptance::Latched,
            Some(_) => Acceptance::Refused,
            None if self.may_latch(from) => Acceptance::Latched,
            None => Acceptance::Refused,
        }
    }

    /// Where packets for this peer go: the latched source, before that the SDP address.
    #[must_use]
    pub fn target(&self) -> Option<SocketAddr> {
        self.latched.or(self.signaled)
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
}
