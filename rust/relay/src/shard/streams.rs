//! Streams: opened with their ports, told what signaling says of their sides, closed.

use std::net::{IpAddr, SocketAddr};

use super::settling::Share;
use super::{Port, Session, Shard};
use crate::crypto::{Guard, Protection};
use crate::kept::Kept;
use crate::latch::Latch;
use crate::types::{Content, Counters, Key, Kind, Remote, StreamPorts};
use crate::{Millis, SideIndex};

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
                    quiet: false,
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
            quiet: false,
            patience: None,
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
                port.latch.aim(sane(at.and_then(|at| remote.aim(at))));
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

    /// Marks a session as held: silence is not reported meanwhile, else after `patience` (None: as
    /// for all).
    pub fn hold(&mut self, session: u64, held: bool, patience: Option<Millis>, now: Millis) {
        if let Some(session) = self.sessions.get_mut(&session) {
            if session.held != held {
                session.since = now;
                session.reported = false;
            }
            session.held = held;
            session.patience = patience;
        }
    }

    /// Lets nothing through a session any more, for its call is being hung up; false: it goes on.
    pub fn quiet(&mut self, session: u64, quiet: bool) {
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        known.quiet = quiet;
        for (_, keys) in known.streams.clone() {
            for key in keys.as_flattened() {
                if let Some(port) = self.port_mut(*key) {
                    port.quiet = quiet;
                }
            }
            self.resettle(&keys);
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
}

/// Whether an address can be one peer's.
fn sendable(at: SocketAddr) -> bool {
    let broadcast = matches!(at.ip(), IpAddr::V4(ip) if ip.is_broadcast());
    at.port() != 0 && !at.ip().is_unspecified() && !at.ip().is_multicast() && !broadcast
}
