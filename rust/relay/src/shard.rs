//! The core of one worker: sessions, their ports and what happens to a packet. No sockets, no clock.
//!
//! `streams` opens, changes and closes them, `packets` is the way of a packet through two ports, and
//! `watching` what is looked at now and then; the others are a subject each.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;

use crate::bundle::Bundle;
use crate::crypto::Guard;
use crate::ice::Agent;
use crate::keeper::Keeper;
use crate::kept::Kept;
use crate::latch::Latch;
use crate::offload::Offload;
use crate::recording::Tap;
use crate::report::Report;
use crate::types::{Content, Counters, Key, Kind, Transmit};
use crate::voice::{Origin, Voice, Wanted};
use crate::{Millis, SideIndex};

mod bundle;
mod fork;
mod handshake;
mod keep;
mod music;
mod notice;
mod outlet;
mod packets;
mod recording;
mod sending;
mod settling;
mod stats;
mod streams;
mod transcoding;
mod watching;

use notice::Senses;
use settling::Share;

/// What a packet of ours grows by at most: a header extension with its MID, the tag of SRTP.
const GROWTH: usize = 128;

#[derive(Debug)]
struct Port {
    session: u64,
    stream: u16,
    side: SideIndex,
    kind: Kind,
    content: Content,
    local: SocketAddr,
    /// The ports of the other side, by `Kind`.
    peers: [Key; 2],
    /// The RTP port of the side, which has the keys of both: muxed RTCP counts with the other.
    home: Key,
    /// The RTP port that carries this one's packets, with its keys and its latch: `home`, or that of
    /// another stream with which it shares a transport.
    transport: Key,
    /// The streams that share this port.
    bundle: Option<Box<Bundle>>,
    muxed: bool,
    ice: Option<Box<Agent>>,
    guard: Guard,
    latch: Latch,
    muted: bool,
    /// The call is being hung up.
    quiet: bool,
    /// DS byte of what leaves, for the fast path: the driver's sockets have it already.
    traffic_class: u8,
    /// The last source that was refused.
    stranger: Option<SocketAddr>,
    counters: Counters,
    last_seen: Option<Millis>,
    kept: Kept,
    /// It is of the process before this one, and not all has been said of it.
    awaited: bool,
    /// What the side's packets say; at the RTP port, for both.
    senses: Option<Box<Senses>>,
    /// What comes in is recorded; at the RTP port.
    recording: Option<u64>,
    /// Copies of what comes in leave here; at the RTP port.
    copies: Option<[Key; 2]>,
    /// Copies leave here, and nothing that comes in goes on.
    is_copy: bool,
    /// What makes what the side gets, where it shares no codec with the other; at the RTP port.
    voice: Option<Box<Voice>>,
    /// What makes it once the other side sends what this one cannot read; at the RTP port.
    spare: Option<Box<(Wanted, Origin)>>,
    share: Share,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    port: Option<Port>,
}

#[derive(Debug)]
struct Session {
    streams: Vec<(u16, [[Key; 2]; 2])>,
    since: Millis,
    held: bool,
    /// The call is being hung up: nothing passes.
    quiet: bool,
    /// How long it may be silent; None: as long as all.
    patience: Option<Millis>,
    reported: bool,
    /// The kernel was asked whether it has seen packets meanwhile.
    asked: bool,
    /// Streams with a silent side that was reported.
    one_way: Vec<(u16, SideIndex)>,
}

/// The sessions of one worker.
#[derive(Debug, Default)]
pub struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
    sessions: HashMap<u64, Session>,
    reports: VecDeque<Report<u64>>,
    outbox: VecDeque<Transmit>,
    /// When a handshake of a port wants to be woken.
    timers: BTreeSet<(Millis, u64)>,
    /// Where latches and SRTP contexts outlive the process.
    keeper: Option<Box<Keeper>>,
    /// RTP ports with a telephone-event that goes on.
    dialling: Vec<Key>,
    /// Streams that are transcoded, and when their next reports are due.
    transcoded: Vec<([[Key; 2]; 2], Millis)>,
    offloads: VecDeque<Offload>,
    taps: VecDeque<Tap>,
    /// When music is to be sent towards which RTP port's side.
    beats: BTreeSet<(Millis, u64)>,
    kernel: Kernel,
}

/// Whether there is a fast path; if not, why.
#[derive(Debug)]
struct Kernel(Result<(), String>);

impl Default for Kernel {
    fn default() -> Self {
        Self(Err("off".to_owned()))
    }
}

impl Shard {
    /// What there is to tell, oldest first; None when that was all.
    pub fn poll_report(&mut self) -> Option<Report<u64>> {
        self.reports.pop_front()
    }

    fn keys(&self, session: u64, stream: u16) -> Option<[[Key; 2]; 2]> {
        let streams = &self.sessions.get(&session)?.streams;
        streams
            .iter()
            .find(|(index, _)| *index == stream)
            .map(|(_, keys)| *keys)
    }

    fn ports(&self, session: u64) -> impl Iterator<Item = &Port> {
        let streams = self
            .sessions
            .get(&session)
            .map_or(&[][..], |entry| &entry.streams);
        let keys = streams.iter().flat_map(|(_, keys)| keys.iter().flatten());
        keys.filter_map(|key| self.slots[key.index()].port.as_ref())
    }

    fn port(&self, key: Key) -> Option<&Port> {
        let slot = self.slots.get(key.index())?;
        let port = slot.port.as_ref();
        port.filter(|_| slot.generation == key.generation)
    }

    fn port_mut(&mut self, key: Key) -> Option<&mut Port> {
        let slot = self.slots.get_mut(key.index())?;
        if slot.generation == key.generation {
            slot.port.as_mut()
        } else {
            None
        }
    }

    /// What protects the side of an RTP port.
    fn guard(&mut self, home: Key) -> Option<&mut Guard> {
        self.port_mut(home).map(|port| &mut port.guard)
    }

    fn reserve(&mut self) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        Key {
            index,
            generation: self.slots[index as usize].generation,
        }
    }

    fn release(&mut self, key: Key) {
        let slot = &mut self.slots[key.index()];
        if let Some(port) = &mut slot.port {
            port.forget(self.keeper.as_mut());
        }
        slot.port = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
    }
}
