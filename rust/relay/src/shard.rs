//! The core of one worker: sessions, their ports and what happens to a packet. No sockets, no clock.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use rtp::Class;

use crate::bundle::Bundle;
use crate::crypto::{Error, Guard, Protection};
use crate::ice::Agent;
use crate::keeper::Keeper;
use crate::kept::Kept;
use crate::latch::{Acceptance, Latch};
use crate::offload::Offload;
use crate::recording::Tap;
use crate::report::{Event, Report};
use crate::types::{
    Content, Counters, Datagram, Key, Kind, Remote, StreamPorts, Transmit, Verdict,
};
use crate::voice::{Origin, Voice, Wanted};
use crate::{Millis, SideIndex};

mod bundle;
mod fork;
mod handshake;
mod keep;
mod music;
mod notice;
mod outlet;
mod recording;
mod sending;
mod settling;
mod stats;
mod transcoding;

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
    ice: Option<Agent>,
    guard: Guard,
    latch: Latch,
    muted: bool,
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
    /// Adds a stream to a session (which begins with its first), and names its ports `[side][kind]`.
    pub fn open(
        &mut self,
        session: u64,
        stream: u16,
        content: Content,
        ports: &StreamPorts,
        now: Millis,
    ) -> [[Key; 2]; 2] {
        let keys = [
            [self.reserve(), self.reserve()],
            [self.reserve(), self.reserve()],
        ];
        for side in 0..2 {
            for (at, kind) in [Kind::Rtp, Kind::Rtcp].into_iter().enumerate() {
                self.slots[keys[side][at].index()].port = Some(Port {
                    session,
                    stream,
                    side,
                    kind,
                    content,
                    local: ports[side][at],
                    peers: keys[1 - side],
                    home: keys[side][0],
                    transport: keys[side][0],
                    bundle: None,
                    muxed: false,
                    ice: None,
                    guard: Guard::Plain,
                    latch: Latch::default(),
                    muted: false,
                    traffic_class: 0,
                    stranger: None,
                    counters: Counters::default(),
                    last_seen: None,
                    kept: Kept::default(),
                    awaited: false,
                    senses: (content == Content::Rtp && kind == Kind::Rtp).then(Box::default),
                    recording: None,
                    copies: None,
                    is_copy: false,
                    voice: None,
                    spare: None,
                    share: Share::default(),
                });
            }
        }
        let fresh = || Session {
            streams: Vec::new(),
            since: now,
            held: false,
            reported: false,
            asked: false,
            one_way: Vec::new(),
        };
        self.sessions
            .entry(session)
            .or_insert_with(fresh)
            .streams
            .push((stream, keys));
        keys
    }

    /// Takes what signaling says of one side of a stream.
    ///
    /// An address that is one of the session's own ports is taken as none: packets would go in circles.
    pub fn signal(&mut self, session: u64, stream: u16, side: SideIndex, remote: &Remote) {
        let own: Vec<SocketAddr> = self.ports(session).map(|port| port.local).collect();
        let sane = |at: Option<SocketAddr>| at.filter(|at| sendable(*at) && !own.contains(at));
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        for (key, at) in keys[side].into_iter().zip([remote.rtp, remote.rtcp]) {
            if let Some(port) = self.port_mut(key) {
                port.latch.signal(sane(at), remote.source);
                port.muted = remote.muted;
                port.muxed = remote.muxed;
            }
        }
        self.keep_latches(session, stream);
        self.resettle(&keys);
        self.begin_soon(keys[side][0]);
    }

    /// Takes what protects one side of a stream from now on. Streams of raw datagrams have nothing.
    pub fn protect(&mut self, session: u64, stream: u16, side: SideIndex, wanted: Protection) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        let home = keys[side][0];
        let mut keeper = self.keeper.take();
        let port = self.port_mut(home);
        if let Some(port) = port.filter(|port| port.content == Content::Rtp) {
            port.guard = std::mem::take(&mut port.guard).change(wanted);
            port.keep_keys(keeper.as_mut());
            self.begin_soon(home);
        }
        self.keeper = keeper;
        self.resettle(&keys);
    }

    /// Marks a session as held: silence is not reported meanwhile.
    pub fn hold(&mut self, session: u64, held: bool, now: Millis) {
        if let Some(session) = self.sessions.get_mut(&session) {
            if session.held != held {
                session.since = now;
                session.reported = false;
            }
            session.held = held;
        }
    }

    fn judge(
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
    fn arrive(
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
    fn exit(&mut self, peers: [Key; 2], class: Class) -> Key {
        let mut shared = || self.port_mut(peers[0]).is_some_and(|port| port.muxed);
        let alone = class == Class::Rtcp && !shared();
        peers[usize::from(alone)]
    }

    /// Sends a packet out of a port of the other side, in the form that is agreed there.
    fn leave(&mut self, via: Key, class: Class, data: &mut Datagram<'_>, now: Millis) -> Verdict {
        let Some(port) = self.port_mut(via) else {
            return Verdict::NoTarget;
        };
        let (home, transport) = (port.home, port.transport);
        let gate = if transport == home { via } else { transport };
        let muted = port.muted;
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

    /// Ends one stream; its keys are for the driver to close.
    pub fn close(&mut self, session: u64, stream: u16, now: Millis) -> Vec<Key> {
        let Some(entry) = self.sessions.get_mut(&session) else {
            return Vec::new();
        };
        let Some(at) = entry.streams.iter().position(|(index, _)| *index == stream) else {
            return Vec::new();
        };
        let (_, sides) = entry.streams.remove(at);
        self.end_recording(sides[0][0], now);
        let keys = sides.concat();
        for (side, [home, _]) in sides.into_iter().enumerate() {
            self.unbundle(session, side, home, &[]);
        }
        for key in &keys {
            self.withdraw(*key);
            self.release(*key);
        }
        keys
    }

    /// Ends a session; its keys are for the driver to close.
    pub fn delete(&mut self, session: u64, now: Millis) -> Vec<Key> {
        let streams = self
            .sessions
            .get(&session)
            .map_or_else(Vec::new, |entry| entry.streams.clone());
        let keys = streams
            .iter()
            .flat_map(|(stream, _)| self.close(session, *stream, now))
            .collect();
        self.sessions.remove(&session);
        keys
    }

    /// What there is to tell, oldest first; None when that was all.
    pub fn poll_report(&mut self) -> Option<Report<u64>> {
        self.reports.pop_front()
    }

    /// Looks for digits that do not go on, and for sessions that have been silent for `limit`; each
    /// is reported once a silence.
    pub fn tick(&mut self, limit: Millis, now: Millis) {
        self.end_digits(now);
        self.report_quality(now);
        for (id, session) in &mut self.sessions {
            let keys = session
                .streams
                .iter()
                .flat_map(|(_, keys)| keys.iter().flatten());
            let seen = keys.filter_map(|key| self.slots[key.index()].port.as_ref()?.last_seen);
            let idle = now.saturating_sub(seen.fold(session.since, Millis::max));
            let silent = !session.held && idle >= limit;
            // What the kernel relays is not seen here: it is asked, and the next look decides.
            let asking = silent && !session.asked;
            session.asked = silent;
            if asking {
                let keys = session.streams.iter();
                let keys = keys.flat_map(|(_, keys)| keys.iter().flatten());
                let asked = keys.filter_map(|key| {
                    let port = self.slots[key.index()].port.as_ref()?;
                    port.share.question(*key)
                });
                let before = self.offloads.len();
                self.offloads.extend(asked);
                if self.offloads.len() > before {
                    continue;
                }
            }
            if silent && !session.reported {
                self.reports.push_back(Report {
                    session: *id,
                    event: Event::Silence { idle },
                });
            }
            session.reported = silent;
        }
        self.find_one_way(now);
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

impl Port {
    /// Judges by what the packet looks like, and says what the latch thinks of its source. RTCP may
    /// share the RTP port (RFC 5761).
    fn admit(&mut self, class: Class, from: SocketAddr) -> Result<Acceptance, Verdict> {
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
    fn refuse(&mut self, from: SocketAddr) -> Verdict {
        self.counters.refused_packets += 1;
        self.stranger = Some(from);
        Verdict::Refused
    }

    /// Counts a packet that could not be unprotected.
    fn not_opened(&mut self, error: Error) -> Verdict {
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

/// Whether an address can be one peer's.
fn sendable(at: SocketAddr) -> bool {
    let broadcast = matches!(at.ip(), IpAddr::V4(ip) if ip.is_broadcast());
    at.port() != 0 && !at.ip().is_unspecified() && !at.ip().is_multicast() && !broadcast
}
