//! Streams of a session that share one transport on a side (RFC 9143).
//!
//! Each stream keeps its ports, statistics and counters; its packets come and go by the RTP port of
//! the stream that carries the transport, which has the latch, the keys and the handshake for all.

use rtp::Class;

use super::sending::roomy;
use super::{Port, Shard};
use crate::bundle::{strip, Member};
use crate::types::{Datagram, Key, Verdict};
use crate::{Millis, SideIndex};

impl Shard {
    /// Puts streams of one side of a session onto the transport of one of them, which may carry none
    /// of its own packets. Streams that are not named any more have their own again.
    pub fn bundle(
        &mut self,
        session: u64,
        side: SideIndex,
        carrier: u16,
        mid_extension: u8,
        members: Vec<Member>,
    ) {
        let Some(keys) = self.keys(session, carrier) else {
            return;
        };
        let transport = keys[side][0];
        let streams: Vec<u16> = members.iter().map(|one| one.stream).collect();
        self.unbundle(session, side, transport, &streams);
        for stream in &streams {
            self.carry(session, side, *stream, transport);
        }
        let before = self.sources_before(transport);
        let Some(port) = self.port_mut(transport) else {
            return;
        };
        if streams.is_empty() {
            port.bundle = None;
            return;
        }
        let bundle = port.bundle.get_or_insert_with(Box::default);
        bundle.describe(mid_extension, members);
        for (ssrc, stream) in before {
            bundle.resume(ssrc, stream);
        }
    }

    /// Gives streams that a port carries their own transport again, with the exception of some.
    pub(super) fn unbundle(&mut self, session: u64, side: SideIndex, transport: Key, kept: &[u16]) {
        let bundle = self.port(transport).and_then(|port| port.bundle.as_ref());
        let members: Vec<u16> = bundle.map_or_else(Vec::new, |one| one.streams().collect());
        for stream in members.into_iter().filter(|one| !kept.contains(one)) {
            if let Some(keys) = self.keys(session, stream) {
                self.carry(session, side, stream, keys[side][0]);
            }
        }
    }

    fn carry(&mut self, session: u64, side: SideIndex, stream: u16, transport: Key) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        for key in keys[side] {
            if let Some(port) = self.port_mut(key) {
                port.transport = transport;
            }
        }
        self.resettle(&keys);
    }

    /// Hands what has come by a shared transport to the streams that it is of.
    pub(super) fn distribute(
        &mut self,
        key: Key,
        class: Class,
        data: &mut Datagram<'_>,
        length: usize,
        now: Millis,
    ) -> Verdict {
        if class == Class::Rtcp {
            return self.distribute_rtcp(key, data, now);
        }
        let bundle = self.port_mut(key).and_then(|port| port.bundle.as_mut());
        let found = bundle.and_then(|one| one.stream_of(data.bytes()));
        let Some((home, news)) = found.and_then(|(stream, news)| {
            let home = self.beside(key, stream)?;
            Some((home, news.then_some(stream)))
        }) else {
            self.oversized(key); // nobody's: counted as malformed
            return Verdict::Malformed;
        };
        if let Some(stream) = news {
            self.keep_source(key, data.bytes(), stream);
        }
        strip(data);
        self.arrive(home, Class::Rtp, data, (length, false), now)
    }

    /// A compound packet may concern several streams: each gets its part, sent by ourselves.
    fn distribute_rtcp(&mut self, key: Key, data: &Datagram<'_>, now: Millis) -> Verdict {
        let bundle = self.port(key).and_then(|port| port.bundle.as_ref());
        let parts = bundle.map_or_else(Vec::new, |one| one.divide(data.bytes()));
        if parts.is_empty() {
            self.oversized(key);
            return Verdict::Malformed;
        }
        for (stream, part) in parts {
            let Some(home) = self.beside(key, stream) else {
                continue;
            };
            let (mut room, length) = roomy(part);
            let mut part = Datagram::new(&mut room, length);
            let verdict = self.arrive(home, Class::Rtcp, &mut part, (length, false), now);
            self.queue(verdict, &part);
        }
        Verdict::Handled
    }

    /// Makes a packet of RTP what a bundle's peer is to get; false: it cannot leave.
    pub(super) fn stamp(&mut self, via: Key, class: Class, data: &mut Datagram<'_>) -> bool {
        let Some(port) = self.port(via) else {
            return false;
        };
        let (stream, transport) = (port.stream, port.transport);
        let carrier = self.port_mut(transport);
        let bundle = carrier.and_then(|port| port.bundle.as_mut());
        match bundle {
            Some(bundle) if class == Class::Rtp => bundle.stamp(stream, data),
            _ => true,
        }
    }

    /// The socket of a port's packets: its own, or that of the port which carries them.
    #[must_use]
    pub fn outlet(&self, via: Key) -> Key {
        let port = self.port(via).filter(|port| port.transport != port.home);
        port.map_or(via, |port| port.transport)
    }

    /// The port that has the latch and, where RTCP shares the port of RTP, the keys of another.
    pub(super) fn gate<'a>(&'a self, port: &'a Port) -> &'a Port {
        let carrier = Some(port.transport).filter(|one| *one != port.home);
        carrier.and_then(|one| self.port(one)).unwrap_or(port)
    }

    /// The RTP port of another stream of the session, on the same side.
    fn beside(&self, key: Key, stream: u16) -> Option<Key> {
        let port = self.port(key)?;
        Some(self.keys(port.session, stream)?[port.side][0])
    }
}
