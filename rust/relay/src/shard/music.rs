//! Music towards a side that is on hold. It goes on with the source that the side has heard so far: the
//! same SSRC, the next sequence numbers, the timestamps that time has brought. What the other side sends
//! later from that source is counted on from there, so the side hears one stream without a jump.
//!
//! The other side's own packets come first: music begins, and begins again, when nothing of theirs has
//! passed for half a second.

use std::sync::Arc;

use rtp::Class;

use super::Shard;
use crate::format::Format;
use crate::keeper::name_of;
use crate::music::Music;
use crate::types::{Datagram, Key};
use crate::{Millis, SideIndex};

impl Shard {
    /// Plays music towards one side of a stream while the other sends nothing; None: no longer.
    pub fn play(
        &mut self,
        session: u64,
        stream: u16,
        side: SideIndex,
        music: Option<Arc<Music>>,
        now: Millis,
    ) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        let home = keys[side][0];
        if let Some(senses) = self.senses(home) {
            if let Some(due) = senses.outlet.set_music(music, now) {
                self.beats.insert((due, home.to_bits()));
            }
        }
        self.resettle(&keys);
    }

    /// Sends the music that is due.
    pub(super) fn beat(&mut self, now: Millis) {
        while self.beats.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, bits)) = self.beats.pop_first() else {
                return;
            };
            let home = Key::from_bits(bits);
            self.choose_format(home);
            let fresh = name_of((bits, now)) as u32;
            let Some(outlet) = self.senses(home).map(|one| &mut one.outlet) else {
                continue;
            };
            let packet = outlet.play(fresh, now);
            if let Some(due) = outlet.due() {
                self.beats.insert((due, bits));
            }
            if let Some(packet) = packet {
                self.keep_outlet(home);
                self.emit(home, packet, now);
            }
        }
    }

    /// In what music is played: what the side was sent last, else the first that it takes.
    fn choose_format(&mut self, home: Key) {
        let across = self.port(home).map(|port| port.peers[0]);
        let theirs = across.and_then(|key| self.port(key)?.senses.as_ref());
        let theirs = theirs
            .map_or(&[][..], |one| one.observer.formats())
            .to_vec();
        let Some(senses) = self.senses(home) else {
            return;
        };
        if !senses.outlet.wants_format() {
            return;
        }
        let own = senses.observer.formats();
        let last = senses.outlet.payload_type();
        let fits = |one: &&Format| Music::has(one.codec) && own.contains(one);
        let format = theirs
            .iter()
            .filter(fits)
            .find(|one| Some(one.payload_type) == last)
            .or_else(|| theirs.iter().find(fits))
            .or_else(|| own.iter().find(|one| Music::has(one.codec)))
            .copied();
        senses.outlet.choose(format);
    }

    /// Puts a packet of ours on its way to a side, in the form that is agreed there.
    fn emit(&mut self, home: Key, packet: Vec<u8>, now: Millis) {
        self.voice_behind(home, &packet);
        self.dispatch(home, Class::Rtp, packet, now);
    }

    /// Notes a packet of RTP in the clear that is about to leave through a side's port.
    pub(super) fn note_outlet(&mut self, exit: Key, data: &mut Datagram<'_>, now: Millis) {
        let follows = self
            .senses(exit)
            .is_some_and(|one| one.outlet.ends_with_ours());
        let clock = if follows { self.clock_towards(exit) } else { 0 };
        if let Some(senses) = self.senses(exit) {
            senses.outlet.leaves(data, clock, now);
            if senses.outlet.tail().is_some() {
                self.keep_outlet(exit);
            }
        }
    }

    /// The clock of what a side is sent.
    fn clock_towards(&self, exit: Key) -> u32 {
        let across = self.port(exit).map(|port| port.peers[0]);
        let senses = across.and_then(|key| self.port(key)?.senses.as_ref());
        senses.and_then(|one| one.observer.clock()).unwrap_or(8_000)
    }
}
