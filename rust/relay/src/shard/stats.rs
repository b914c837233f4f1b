//! What is shown of a session's ports.

use super::{Port, Shard};
use crate::types::{Kind, PortStats};
use crate::Millis;

impl Shard {
    /// Snapshots of a session's ports in the order stream, side, kind; None: no such session.
    #[must_use]
    pub fn stats(&self, session: u64, now: Millis) -> Option<Vec<PortStats>> {
        self.sessions.get(&session)?;
        Some(
            self.ports(session)
                .map(|port| self.snapshot(port, now))
                .collect(),
        )
    }

    fn snapshot(&self, port: &Port, now: Millis) -> PortStats {
        let gate = self.gate(port);
        let guard = self.port(port.transport).map(|at| &at.guard);
        let across = self
            .port(port.peers[0])
            .and_then(|peer| peer.senses.as_ref());
        let ours = port.voice.as_ref().map(|one| one.wanted.codec.clock());
        let clock = ours.or(across.and_then(|one| one.observer.clock()));
        let becomes = self
            .port(port.peers[0])
            .and_then(|peer| peer.voice.as_ref());
        let becomes = becomes.filter(|_| port.kind == Kind::Rtp);
        let senses = port.senses.as_ref();
        PortStats {
            stream: port.stream,
            side: port.side,
            kind: port.kind,
            local: gate.local,
            latched: gate.latch.latched(),
            target: gate.latch.target(),
            bundled: port.transport != port.home || port.bundle.is_some(),
            stranger: port.stranger,
            muted: port.muted,
            counters: port.counters,
            suite: guard.and_then(|one| one.suite()),
            handshake: guard.and_then(|one| one.trouble()).map(str::to_owned),
            idle: port.last_seen.map(|seen| now.saturating_sub(seen)),
            why: self.why_user(port),
            transcoding: becomes.map(|one| one.wanted.codec.name()),
            quality: senses.map(|one| one.observer.quality(clock)),
        }
    }
}
