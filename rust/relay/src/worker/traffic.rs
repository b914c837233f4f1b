//! Datagrams read from the ports' sockets and sent out of others.

use super::state::{State, Watched};
use crate::sys::{Outgoing, BATCH};
use crate::types::{Key, Transmit, Verdict};
use crate::Millis;

impl State {
    /// Reads a ready port and sends on what came. What is left makes epoll ready again, so that one
    /// busy port does not starve the others.
    ///
    /// Speech brings one packet in 20 ms, and the system call for a batch then looks for a second in
    /// vain (1.7 µs against 1.2 for a plain read of one). A port that is ready again within the
    /// millisecond has a burst (video) and is read in batches.
    pub(super) fn relay(&mut self, key: Key, now: Millis) {
        let Some(Some(watched)) = self.sockets.get_mut(key.index()) else {
            return;
        };
        let room = if watched.ready == now { BATCH } else { 1 };
        watched.ready = now;
        // An error here is one of ours on an earlier send (ICMP), and reading it clears it.
        let Ok(count) = self.batch.receive(&watched.socket, room) else {
            return;
        };
        let mut outgoing = [Outgoing::default(); BATCH];
        let mut waiting = 0;
        let mut exit = key;
        for slot in 0..count {
            let (Some(from), Some(mut data)) = (self.batch.sender(slot), self.batch.datagram(slot))
            else {
                self.shard.oversized(key);
                continue;
            };
            if let Verdict::Forward { via, to } = self.shard.packet(key, from, &mut data, now) {
                let length = data.length;
                self.batch.set_length(slot, length);
                if via != exit {
                    self.send(exit, &outgoing[..waiting]);
                    (exit, waiting) = (via, 0);
                }
                outgoing[waiting] = Outgoing { slot, to };
                waiting += 1;
            }
        }
        self.send(exit, &outgoing[..waiting]);
    }

    /// Sends what the shard has to say itself. What the system does not take is lost like any
    /// datagram: checks and handshakes are repeated.
    pub(super) fn transmit(&mut self) {
        while let Some(one) = self.shard.poll_transmit() {
            let Transmit {
                via,
                to,
                bytes,
                counted,
            } = one;
            let outlet = self.shard.outlet(via);
            if let Some(Some(Watched { socket, .. })) = self.sockets.get(outlet.index()) {
                let sent = socket.send_to(&bytes, to).is_ok();
                if counted {
                    self.shard.forwarded(via, bytes.len(), sent);
                }
            }
        }
    }

    /// Sends a run of packets that leave through one port: with few exceptions (RTCP that shares the
    /// RTP port on one side only) a whole batch.
    fn send(&mut self, via: Key, outgoing: &[Outgoing]) {
        if outgoing.is_empty() {
            return;
        }
        let outlet = self.shard.outlet(via);
        let Some(Some(Watched { socket, .. })) = self.sockets.get(outlet.index()) else {
            return;
        };
        let (shard, lengths) = (&mut self.shard, self.batch.lengths());
        self.batch.send(socket, outgoing, |at, sent| {
            shard.forwarded(via, lengths[outgoing[at].slot], sent);
        });
    }
}
