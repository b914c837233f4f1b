//! The way of a packet: judged by its source, opened, noticed, sealed and sent out of the other side.

use std::net::SocketAddr;

use rtp::Class;

use super::{Port, Shard};
use crate::crypto::Error;
use crate::latch::Acceptance;
use crate::types::{Content, Datagram, Key, Kind, Verdict};
use crate::Millis;

impl Shard {
    pub(super) fn judge(
        &mut self,
        key: Key,
        from: SocketAddr,
        data: &mut Datagram<'_>,
        now: Millis,
    ) -> Verdict {
        let Some(port) = self.port_mut(key) else {
            return Verdict::Gone;
        };
        let home = port.home;
        if port.transport != home {
            return port.refuse(from); // its packets come and go elsewhere
        }
        if data.bytes().first().is_some_and(|first| *first < 64) {
            if let Some(verdict) = self.handshake(key, from, data.bytes(), now) {
                return verdict;
            }
        }
        let protected = self.guard(home).is_some_and(|guard| guard.is_srtp());
        let (class, length) = (class_of(data.bytes(), protected), data.length);
        let admitted = self
            .port_mut(key)
            .map_or(Err(Verdict::Gone), |port| port.admit(class, from));
        let moved = match admitted {
            Err(verdict) => return verdict,
            Ok(Acceptance::Refused) => {
                if !self.may_prove(key, from, protected, now) {
                    return Verdict::Refused;
                }
                true
            }
            Ok(_) => false,
        };
        let opened = self
            .guard(home)
            .map_or(Ok(()), |guard| guard.open(class, data));
        let Some(port) = self.port_mut(key) else {
            return Verdict::Gone;
        };
        match opened {
            Err(_) if moved => return port.refuse(from),
            Err(error) => return port.not_opened(error),
            Ok(()) if moved => port.latch.roam(from, now),
            Ok(()) => {}
        }
        let news = moved || port.latch.accept(from) == Acceptance::Latched;
        if port.bundle.is_some() {
            return self.distribute(key, class, data, length, now);
        }
        self.arrive(key, class, data, (length, news), now)
    }

    /// Takes a packet that has come to a port, in the clear; `length` is what it had on the wire,
    /// `news`: from another source than the last.
    pub(super) fn arrive(
        &mut self,
        key: Key,
        class: Class,
        data: &mut Datagram<'_>,
        (length, news): (usize, bool),
        now: Millis,
    ) -> Verdict {
        let Some(port) = self.port_mut(key) else {
            return Verdict::Gone;
        };
        if port.is_copy {
            return Verdict::NoTarget;
        }
        let (home, peers) = (port.home, port.peers);
        port.counters.received_packets += 1;
        port.counters.received_bytes += length as u64;
        port.last_seen = Some(now);
        let exit = match (port.content, port.kind) {
            (Content::Raw, kind) => peers[kind as usize],
            (Content::Rtp, _) => self.exit(peers, class),
        };
        let other_clock = self.notice(home, class, data.bytes(), now);
        if news || other_clock {
            self.resettle_home(home);
        }
        let overheard = self.overhear(home, class, data.bytes(), now);
        let copy = self.copy(home, class, data.bytes());
        if let Some(passed) = self.transcode_packet(home, peers, class, data, now) {
            self.send_copy(copy, passed, now);
            self.heard(overheard.filter(|_| passed));
            return Verdict::Handled;
        }
        if class == Class::Rtp && !self.edit(home, exit, data, now) {
            return Verdict::Handled;
        }
        if class == Class::Rtp {
            self.note_outlet(exit, data, now);
        }
        let verdict = self.leave(exit, class, data, now);
        let passed = matches!(verdict, Verdict::Forward { .. });
        self.send_copy(copy, passed, now);
        self.passed(overheard, verdict)
    }

    /// Whether a packet from elsewhere may show by its authenticity that the peer has moved; else it
    /// is counted as refused.
    fn may_prove(&mut self, key: Key, from: SocketAddr, protected: bool, now: Millis) -> bool {
        let Some(port) = self.port_mut(key) else {
            return false;
        };
        let may = protected && port.latch.may_roam(now);
        if !may {
            port.refuse(from);
        }
        may
    }

    /// The port through which RTP or RTCP leaves: both share the RTP port where that side has agreed
    /// to it (RFC 5761).
    pub(super) fn exit(&mut self, peers: [Key; 2], class: Class) -> Key {
        let mut shared = || self.port_mut(peers[0]).is_some_and(|port| port.muxed);
        let alone = class == Class::Rtcp && !shared();
        peers[usize::from(alone)]
    }

    /// Sends a packet out of a port of the other side, in the form that is agreed there.
    pub(super) fn leave(
        &mut self,
        via: Key,
        class: Class,
        data: &mut Datagram<'_>,
        now: Millis,
    ) -> Verdict {
        let Some(port) = self.port_mut(via) else {
            return Verdict::NoTarget;
        };
        let (home, transport) = (port.home, port.transport);
        let gate = if transport == home { via } else { transport };
        let muted = port.muted;
        if port.quiet {
            return Verdict::NoTarget;
        }
        let target = self.port(gate).and_then(|port| port.latch.target());
        let Some(to) = target.filter(|_| !muted) else {
            if let Some(port) = self.port_mut(via) {
                port.counters.untargeted_packets += 1;
            }
            return Verdict::NoTarget;
        };
        if class == Class::Rtcp {
            if let Some(senses) = self.senses(home) {
                senses.observer.rtcp_leaves(data.bytes(), now);
            }
        }
        let stamped = self.stamp(via, class, data);
        let guard = self.guard(transport).filter(|_| stamped);
        let sealed = guard.map_or(Err(Error::Malformed), |guard| guard.seal(class, data));
        match sealed {
            Ok(()) => Verdict::Forward { via, to },
            Err(_) => {
                self.forwarded(via, 0, false);
                Verdict::Unprotected
            }
        }
    }

    /// Counts a packet that was too large to be read whole.
    pub fn oversized(&mut self, key: Key) {
        if let Some(port) = self.port_mut(key) {
            port.counters.malformed_packets += 1;
        }
    }

    /// Counts what became of a forwarded packet.
    pub fn forwarded(&mut self, via: Key, bytes: usize, sent: bool) {
        if let Some(port) = self.port_mut(via) {
            if sent {
                port.counters.sent_packets += 1;
                port.counters.sent_bytes += bytes as u64;
            } else {
                port.counters.unsent_packets += 1;
            }
        }
    }
}

impl Port {
    /// Judges by what the packet looks like, and says what the latch thinks of its source. RTCP may
    /// share the RTP port (RFC 5761).
    pub(super) fn admit(&mut self, class: Class, from: SocketAddr) -> Result<Acceptance, Verdict> {
        let belongs = match (self.content, self.kind) {
            (Content::Raw, _) => true,
            (Content::Rtp, Kind::Rtp) => class != Class::Other,
            (Content::Rtp, Kind::Rtcp) => class == Class::Rtcp,
        };
        if !belongs {
            self.counters.malformed_packets += 1;
            return Err(Verdict::Malformed);
        }
        Ok(self.latch.judge(from))
    }

    /// Counts a packet from a source that may not send here.
    pub(super) fn refuse(&mut self, from: SocketAddr) -> Verdict {
        self.counters.refused_packets += 1;
        self.stranger = Some(from);
        Verdict::Refused
    }

    /// Counts a packet that could not be unprotected.
    pub(super) fn not_opened(&mut self, error: Error) -> Verdict {
        let counters = &mut self.counters;
        match error {
            Error::Malformed => counters.malformed_packets += 1,
            Error::Replayed => counters.replayed_packets += 1,
            _ => counters.unauthentic_packets += 1,
        }
        Verdict::Unauthentic
    }
}

/// What a datagram is; of protected ones only the header can tell.
fn class_of(data: &[u8], protected: bool) -> Class {
    if protected {
        rtp::classify_protected(data)
    } else {
        rtp::classify(data)
    }
}
