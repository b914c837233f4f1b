//! Copies of a stream for a recording server (SIPREC). They leave through a stream of their own, of which
//! either side faces the server: what the call's first side sends leaves through the first.

use rtp::Class;

use super::{Shard, GROWTH};
use crate::types::Key;
use crate::Millis;

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
                port.copies = copies.map(|copies| copies[side][0]);
            }
        }
        for key in copies.iter().flatten().flatten() {
            if let Some(port) = self.port_mut(*key) {
                port.is_copy = true;
            }
        }
        self.resettle(&keys);
    }

    /// A copy of a packet of RTP in the clear, and where it is to leave, where its side is forked.
    pub(super) fn copy(&self, home: Key, class: Class, bytes: &[u8]) -> Option<(Key, Vec<u8>)> {
        let port = self.port(home).filter(|_| class == Class::Rtp)?;
        let copies = port.copies?;
        let mut copy = Vec::with_capacity(bytes.len() + GROWTH);
        copy.extend_from_slice(bytes);
        Some((copies, copy))
    }

    /// Sends a copy on its way: what it was made of has passed.
    pub(super) fn send_copy(&mut self, copy: Option<(Key, Vec<u8>)>, now: Millis) {
        if let Some((via, packet)) = copy {
            self.dispatch(via, Class::Rtp, packet, now);
        }
    }
}
