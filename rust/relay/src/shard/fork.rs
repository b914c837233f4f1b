//! Copies of a stream for a recording server (SIPREC). They leave through a stream of their own, of which
//! either side faces the server: what the call's first side sends leaves through the first. RTCP goes
//! beside RTP, as a translator passes it on (RFC 7866 section 8.2.1): the server learns from it the
//! sender's name and clock.

use rtp::Class;

use super::{Shard, GROWTH};
use crate::types::Key;
use crate::Millis;

/// A packet for the recording server, and the port through which it leaves.
pub(super) struct Copied {
    via: Key,
    class: Class,
    packet: Vec<u8>,
}

impl Shard {
    /// Sends copies of what passes on a stream through another one of the session, which then carries
    /// nothing else; None: no longer.
    pub fn fork(&mut self, session: u64, stream: u16, to: Option<u16>) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        let copies = to.and_then(|to| self.keys(session, to));
        for (side, [home, _]) in keys.iter().enumerate() {
            if let Some(port) = self.port_mut(*home) {
                port.copies = copies.map(|copies| copies[side]);
            }
        }
        for key in copies.iter().flatten().flatten() {
            if let Some(port) = self.port_mut(*key) {
                port.is_copy = true;
            }
        }
        self.resettle(&keys);
    }

    /// A copy of a packet of RTP or RTCP in the clear, where its side is forked.
    pub(super) fn copy(&self, home: Key, class: Class, bytes: &[u8]) -> Option<Copied> {
        let copies = self.port(home)?.copies?;
        let via = match class {
            Class::Rtp => copies[0],
            Class::Rtcp => copies[1],
            Class::Other => return None,
        };
        let mut packet = Vec::with_capacity(bytes.len() + GROWTH);
        packet.extend_from_slice(bytes);
        Some(Copied { via, class, packet })
    }

    /// Sends a copy on its way. RTP is copied if what it was made of has passed; RTCP in any case:
    /// what a sender says of itself is for the server too where no RTCP passes (transcoding).
    pub(super) fn send_copy(&mut self, copy: Option<Copied>, passed: bool, now: Millis) {
        if let Some(copy) = copy.filter(|one| passed || one.class == Class::Rtcp) {
            self.dispatch(copy.via, copy.class, copy.packet, now);
        }
    }
}
