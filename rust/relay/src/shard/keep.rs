//! What the shard leaves for the process after this one, and takes from the one before it.

use std::net::SocketAddr;

use rtp::RtpHeader;

use super::{Port, Shard};
use crate::keeper::{name_of, Keeper};
use crate::types::{Datagram, Key, Verdict};
use crate::Millis;

impl Shard {
    /// A shard whose latches and SRTP contexts outlive it.
    #[must_use]
    pub fn with_keeper(keeper: Keeper) -> Self {
        let mut shard = Self::default();
        shard.keep_with(Some(keeper));
        shard
    }

    pub(crate) fn keep_with(&mut self, keeper: Option<Keeper>) {
        self.keeper = keeper.map(Box::new);
    }

    /// Names a stream as it will be named in the process after this one; nothing of a stream without
    /// a name is kept.
    pub fn identify(&mut self, session: u64, stream: u16, identity: u64) {
        for key in self.keys(session, stream).iter().flatten().flatten() {
            if let Some(port) = self.port_mut(*key) {
                let name = name_of((identity, port.side, port.kind as u8));
                port.kept.identify(name);
            }
        }
    }

    /// A stream of the process before this one: it shakes no hands before `resume`.
    pub fn await_resume(&mut self, session: u64, stream: u16) {
        self.set_awaited(session, stream, true);
    }

    /// Locks the ports of a stream onto the sources that they were locked onto before, with the keys
    /// of the handshakes before. SRTP contexts go on by themselves when `protect` gives the same keys.
    pub fn resume(&mut self, session: u64, stream: u16) {
        let keys = self.keys(session, stream);
        if let Some(mut keeper) = self.keeper.take() {
            for key in keys.iter().flatten().flatten() {
                if let Some(port) = self.port_mut(*key) {
                    if let Some(at) = port.kept.latched_before(&keeper) {
                        port.latch.resume(at);
                    }
                    port.resume_handshake(&mut keeper);
                    port.resume_outlet(&mut keeper);
                }
            }
            self.keeper = Some(keeper);
        }
        self.keep_latches(session, stream);
        self.set_awaited(session, stream, false);
        if let Some(keys) = keys {
            self.resettle(&keys); // what the kernel relays is settled already
            keys.iter().for_each(|side| self.begin_soon(side[0]));
        }
    }

    fn set_awaited(&mut self, session: u64, stream: u16, awaited: bool) {
        for key in self.keys(session, stream).iter().flatten().flatten() {
            if let Some(port) = self.port_mut(*key) {
                port.awaited = awaited;
            }
        }
    }

    /// Writes down the keys that a handshake has just agreed on.
    pub(super) fn keep_handshake(&mut self, home: Key) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        if let Some(port) = self.port_mut(home) {
            port.keep_handshake(&mut keeper);
        }
        self.keeper = Some(keeper);
    }

    /// Judges one packet, and makes it what the other side is to get.
    pub fn packet(
        &mut self,
        key: Key,
        from: SocketAddr,
        data: &mut Datagram<'_>,
        now: Millis,
    ) -> Verdict {
        let verdict = self.judge(key, from, data, now);
        if self.keeper.is_some() {
            self.keep(key, false);
            if let Verdict::Forward { via, .. } = verdict {
                self.keep(via, true);
            }
        }
        verdict
    }

    /// Writes down what a packet changed at a port: before it leaves, so that no index that was used
    /// is used again.
    pub(super) fn keep(&mut self, key: Key, sent: bool) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        if let Some(port) = self.port_mut(key) {
            if !sent {
                port.kept.note_latch(&mut keeper, port.latch.latched());
            }
            let transport = port.transport;
            if let Some(Port { kept, guard, .. }) = self.port_mut(transport) {
                kept.note_contexts(&mut keeper, guard, sent);
            }
        }
        self.keeper = Some(keeper);
    }

    /// Writes down how far the stream has come that a side hears, where music has gone on with it.
    pub(super) fn keep_outlet(&mut self, home: Key) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        if let Some(port) = self.port_mut(home) {
            let tail = port.senses.as_ref().and_then(|one| one.outlet.tail());
            port.kept.note_outlet(&mut keeper, tail);
        }
        self.keeper = Some(keeper);
    }

    /// Writes down whose the source of a packet is that came by a shared transport.
    pub(super) fn keep_source(&mut self, transport: Key, packet: &[u8], stream: u16) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        let ssrc = RtpHeader::parse(packet).map(|header| header.ssrc());
        if let (Some(port), Some(ssrc)) = (self.port_mut(transport), ssrc) {
            port.kept.note_source(&mut keeper, ssrc, stream);
        }
        self.keeper = Some(keeper);
    }

    /// Whose the sources of a shared transport were in the process before this one.
    pub(super) fn sources_before(&self, transport: Key) -> Vec<(u32, u16)> {
        let port = self.port(transport).filter(|port| port.awaited);
        let before = port.zip(self.keeper.as_ref());
        before.map_or_else(Vec::new, |(port, keeper)| port.kept.sources_before(keeper))
    }

    /// Writes down what signaling changed of the latches.
    pub(super) fn keep_latches(&mut self, session: u64, stream: u16) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        for key in self.keys(session, stream).iter().flatten().flatten() {
            if let Some(port) = self.port_mut(*key) {
                port.kept.note_latch(&mut keeper, port.latch.latched());
            }
        }
        self.keeper = Some(keeper);
    }
}

impl Port {
    /// The keys of the side were set.
    pub(super) fn keep_keys(&mut self, keeper: Option<&mut Box<Keeper>>) {
        if let Some(keeper) = keeper {
            self.kept.change_keys(keeper, &mut self.guard);
            let association = self.guard.association();
            if association.is_none_or(|one| one.contexts.is_none()) {
                self.kept.wipe_secret(keeper);
            }
        }
    }

    fn keep_handshake(&mut self, keeper: &mut Keeper) {
        let association = self.guard.association();
        let agreed = association.and_then(|one| Some((one.name(), one.secret()?)));
        if let Some((terms, secret)) = agreed {
            self.kept.note_secret(keeper, terms, &secret);
            self.kept.change_keys(keeper, &mut self.guard);
        }
    }

    fn resume_handshake(&mut self, keeper: &mut Keeper) {
        let Some(association) = self.guard.association() else {
            return;
        };
        let secret = self.kept.secret_before(keeper, association.name());
        if let Some(secret) = secret {
            association.resume(&secret);
            self.keep_handshake(keeper);
        }
    }

    fn resume_outlet(&mut self, keeper: &mut Keeper) {
        let tail = self.kept.outlet_before(keeper);
        if let Some((senses, tail)) = self.senses.as_mut().zip(tail) {
            senses.outlet.resume(tail);
            self.kept.note_outlet(keeper, Some(tail));
        }
    }

    /// The port is closed.
    pub(super) fn forget(&mut self, keeper: Option<&mut Box<Keeper>>) {
        if let Some(keeper) = keeper {
            self.kept.release(keeper);
        }
    }
}
