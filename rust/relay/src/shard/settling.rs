//! Which flows the kernel may relay. Whatever changes a side of a stream ends here, so that the
//! kernel never has a rule that the relay would not make again.

use fastpath::{Count, Flow, FlowKey};

use super::{Kernel, Port, Shard};
use crate::offload::{Offload, Reason};
use crate::types::{Content, Key, Kind};
use crate::Millis;

/// Where a port's flow is.
#[derive(Debug, Default)]
pub(super) enum Standing {
    /// With the relay.
    #[default]
    Ours,
    /// On the way to the kernel.
    Asked(Flow),
    /// In the kernel.
    Settled(Flow),
    /// The kernel does not take it.
    Refused(Flow, String),
}

impl Standing {
    fn flow(&self) -> Option<Flow> {
        match self {
            Self::Ours => None,
            Self::Asked(flow) | Self::Settled(flow) | Self::Refused(flow, _) => Some(*flow),
        }
    }
}

/// The kernel's share in a port.
#[derive(Debug, Default)]
pub(super) struct Share {
    standing: Standing,
    /// What was counted of the present flow, as the kernel said last.
    told: Count,
}

impl Share {
    /// Whether the kernel relays what comes in at the port.
    pub fn is_settled(&self) -> bool {
        matches!(self.standing, Standing::Settled(_))
    }

    /// The question what the kernel has counted.
    pub fn question(&self, port: Key) -> Option<Offload> {
        match self.standing {
            Standing::Settled(flow) => Some(Offload::Count {
                port,
                flow: flow.key,
            }),
            _ => None,
        }
    }
}

impl Shard {
    /// A shard beside a fast path, or why there is none.
    #[must_use]
    pub fn with_kernel(kernel: Result<(), String>) -> Self {
        Self {
            kernel: Kernel(kernel),
            ..Self::default()
        }
    }

    /// Takes the DS byte of what leaves on each side of a stream.
    pub fn mark(&mut self, session: u64, stream: u16, classes: [u8; 2]) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        for (side, class) in keys.iter().zip(classes) {
            for key in side {
                if let Some(port) = self.port_mut(*key) {
                    port.traffic_class = class;
                }
            }
        }
        self.resettle(&keys);
    }

    /// The next command for the fast path; to be asked after `packet`, `tick` and every command.
    pub fn poll_offload(&mut self) -> Option<Offload> {
        self.offloads.pop_front()
    }

    /// Takes what the fast path said to `Settle`.
    pub fn settled(&mut self, port: Key, flow: &Flow, done: Result<(), String>) {
        let Some(share) = self.port_mut(port).map(|port| &mut port.share) else {
            return;
        };
        if share.standing.flow() == Some(*flow) {
            share.told = Count::default();
            share.standing = match done {
                Ok(()) => Standing::Settled(*flow),
                Err(why) => Standing::Refused(*flow, why),
            };
        }
    }

    /// Takes what the fast path has counted of a port's flow since it was settled.
    pub fn counted(&mut self, port: Key, count: &Count, now: Millis) {
        let Some(entry) = self.port_mut(port) else {
            return;
        };
        let told = std::mem::replace(&mut entry.share.told, *count);
        let fresh = |new: u64, old: u64| new.saturating_sub(old);
        let packets = fresh(count.packets, told.packets);
        let bytes = fresh(count.bytes, told.bytes);
        if let Some(senses) = entry.senses.as_deref_mut().filter(|_| packets > 0) {
            let expected = fresh(count.expected, told.expected);
            senses.observer.kernel(packets, expected, count.jitter_us);
        }
        entry.counters.received_packets += packets;
        entry.counters.received_bytes += bytes;
        if let Some(idle) = count.idle {
            let seen = now.saturating_sub(idle);
            entry.last_seen = Some(entry.last_seen.map_or(seen, |before| before.max(seen)));
        }
        let exit = entry.peers[Kind::Rtp as usize];
        if let Some(exit) = self.port_mut(exit) {
            if let Some(senses) = &mut exit.senses {
                senses.outlet.kernel(fresh(count.expected, told.expected));
            }
            exit.counters.sent_packets += packets;
            exit.counters.sent_bytes += bytes;
        }
    }

    /// Asks the fast path what it has counted of a session's flows.
    pub fn count(&mut self, session: u64) {
        let streams = self.sessions.get(&session).map(|one| &one.streams);
        let keys = streams.into_iter().flatten();
        let keys = keys.flat_map(|(_, keys)| keys.iter().flatten());
        let asked = keys.filter_map(|key| {
            let port = self.slots[key.index()].port.as_ref()?;
            port.share.question(*key)
        });
        self.offloads.extend(asked);
    }

    /// Why the relay itself forwards what comes in at a port; None: the kernel does.
    pub(super) fn why_user(&self, port: &Port) -> Option<Reason> {
        if let Err(reason) = self.wish(port) {
            return Some(reason);
        }
        match &port.share.standing {
            Standing::Settled(_) => None,
            Standing::Refused(_, why) => Some(Reason::Refused(why.clone())),
            Standing::Ours | Standing::Asked(_) => Some(Reason::Settling),
        }
    }

    /// The flow that the kernel could relay from a port, or why it must not. Every feature that has
    /// to see or change packets has its line here.
    fn wish(&self, port: &Port) -> Result<Flow, Reason> {
        if port.content != Content::Rtp {
            return Err(Reason::NotRtp);
        }
        if port.kind == Kind::Rtcp {
            return Err(Reason::Rtcp);
        }
        let exit = self.port(port.peers[Kind::Rtp as usize]);
        let exit = exit.ok_or(Reason::NotLatched)?;
        if exit.voice.is_some() {
            return Err(Reason::Transcoded);
        }
        if let Err(why) = &self.kernel.0 {
            return Err(Reason::NoKernel(why.clone()));
        }
        let (gate, far) = (self.gate(port), self.gate(exit));
        if !gate.guard.is_plain() || !far.guard.is_plain() {
            return Err(Reason::Crypto);
        }
        if gate.ice.is_some() || far.ice.is_some() {
            return Err(Reason::Ice);
        }
        if exit.senses.as_ref().is_some_and(|one| !one.events.idle()) {
            return Err(Reason::Digits);
        }
        if exit.senses.as_ref().is_some_and(|one| !one.outlet.idle()) {
            return Err(Reason::Music);
        }
        if port.recording.is_some() || port.copies.is_some() {
            return Err(Reason::Recorded);
        }
        if exit.quiet {
            return Err(Reason::Ending);
        }
        if exit.muted {
            return Err(Reason::Held);
        }
        let ends = port.latch.latched().zip(exit.latch.latched());
        let (remote, to) = ends.ok_or(Reason::NotLatched)?;
        let spoken = port
            .senses
            .as_ref()
            .and_then(|one| one.observer.plain_types());
        let foreign = exit.spare.as_ref().and_then(|one| one.0.wakes);
        let foreign = foreign.unwrap_or_default();
        let (payload_types, clock_rate) = spoken
            .map(|(types, clock)| (types & !foreign, clock))
            .filter(|(types, _)| *types != 0)
            .ok_or(Reason::NoPayloadTypes)?;
        Ok(Flow {
            key: FlowKey {
                local: port.local,
                remote,
            },
            from: exit.local,
            to,
            payload_types,
            traffic_class: exit.traffic_class,
            clock_rate,
        })
    }

    /// Brings the kernel up to date with the stream of an RTP port, both ways.
    pub(super) fn resettle_home(&mut self, home: Key) {
        let stream = self.port(home).map(|port| (port.session, port.stream));
        let keys = stream.and_then(|(session, stream)| self.keys(session, stream));
        if let Some(keys) = keys {
            self.resettle(&keys);
        }
    }

    /// Brings the kernel up to date with a stream, both ways.
    pub(super) fn resettle(&mut self, keys: &[[Key; 2]; 2]) {
        for key in [keys[0][0], keys[1][0]] {
            let Some(port) = self.port(key) else {
                continue;
            };
            let wish = self.wish(port).ok();
            if wish == port.share.standing.flow() {
                continue;
            }
            self.withdraw(key);
            if let (Some(flow), Some(port)) = (wish, self.port_mut(key)) {
                port.share.standing = Standing::Asked(flow);
                self.offloads.push_back(Offload::Settle { port: key, flow });
            }
        }
    }

    /// Takes a port's flow back from the kernel.
    pub(super) fn withdraw(&mut self, key: Key) {
        let Some(port) = self.port_mut(key) else {
            return;
        };
        let standing = std::mem::take(&mut port.share.standing);
        if let Standing::Asked(flow) | Standing::Settled(flow) = standing {
            let flow = flow.key;
            self.offloads
                .push_back(Offload::Withdraw { port: key, flow });
        }
    }
}
