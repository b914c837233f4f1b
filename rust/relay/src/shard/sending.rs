//! Packets that the relay sends by itself: made here, or one of many that came in one.

use rtp::Class;

use super::{Shard, GROWTH};
use crate::types::{Datagram, Key, Transmit, Verdict};
use crate::Millis;

impl Shard {
    /// Puts a packet in the clear on its way out of a port, in the form that is agreed there; false:
    /// nobody is there, or it could not be protected.
    pub(super) fn dispatch(
        &mut self,
        via: Key,
        class: Class,
        packet: Vec<u8>,
        now: Millis,
    ) -> bool {
        let (mut room, length) = roomy(packet);
        let mut data = Datagram::new(&mut room, length);
        let verdict = self.leave(via, class, &mut data, now);
        self.queue(verdict, &data)
    }

    /// Has a packet that was judged sent by `poll_transmit`; false: it is not to be sent.
    pub(super) fn queue(&mut self, verdict: Verdict, data: &Datagram<'_>) -> bool {
        let Verdict::Forward { via, to } = verdict else {
            return false;
        };
        self.keep(via, true);
        self.outbox.push_back(Transmit {
            via,
            to,
            bytes: data.bytes().to_vec(),
            counted: true,
        });
        true
    }
}

/// A packet in a buffer in which it can be protected, and its length.
pub(super) fn roomy(mut bytes: Vec<u8>) -> (Vec<u8>, usize) {
    let length = bytes.len();
    bytes.resize(length + GROWTH, 0);
    (bytes, length)
}
