//! Streams whose sides share no codec: each side gets a source of ours, with reports of ours.

use rtp::{compose, Class, RtpHeader, SenderInfo};

use super::sending::roomy;
use super::Shard;
use crate::types::{Datagram, Key};
use crate::voice::{Course, Made, Origin, Voice, Wanted};
use crate::Millis;

/// Between two reports (RFC 3550 section 6.2), and before the first.
const INTERVAL: Millis = 5_000;
const FIRST: Millis = 2_500;

impl Shard {
    /// Takes what each side of a stream gets, as sources with these origins; None: packets pass as
    /// they are. A source whose origin is the same as before goes on.
    pub fn transcode(
        &mut self,
        session: u64,
        stream: u16,
        sides: Option<[(Wanted, Origin); 2]>,
        now: Millis,
    ) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        self.transcoded.retain(|(known, _)| *known != keys);
        if sides.is_some() {
            self.transcoded.push((keys, now + FIRST));
        }
        let mut sides = sides.map(|both| both.map(Some));
        for (side, key) in [keys[0][0], keys[1][0]].into_iter().enumerate() {
            let wanted = sides.as_mut().and_then(|both| both[side].take());
            self.set_voice(key, wanted);
        }
        self.resettle(&keys);
    }

    /// A voice that waits for a payload type begins at once where it had begun in the process before.
    fn set_voice(&mut self, key: Key, wanted: Option<(Wanted, Origin)>) {
        let mut keeper = self.keeper.take();
        if let Some(port) = self.port_mut(key).filter(|port| port.senses.is_some()) {
            port.spare = None;
            let begun = |origin: Origin| {
                let known = port.voice.as_ref().map(|voice| voice.course.ssrc);
                let before = || port.kept.voice_before(keeper.as_ref()?);
                known.or_else(|| Some(before()?.ssrc)) == Some(origin.ssrc)
            };
            let waits = |one: &(Wanted, Origin)| one.0.wakes.is_some() && !begun(one.1);
            let (wanted, spare) = match wanted {
                Some(one) if waits(&one) => (None, Some(Box::new(one))),
                other => (other, None),
            };
            port.spare = spare;
            match (&mut port.voice, wanted) {
                (Some(voice), Some((wanted, origin))) if voice.course.ssrc == origin.ssrc => {
                    voice.change(wanted);
                }
                (voice, Some((wanted, origin))) => {
                    let before = keeper.as_ref();
                    let before = before.and_then(|keeper| port.kept.voice_before(keeper));
                    *voice = Some(Box::new(Voice::new(wanted, origin, before)));
                }
                (voice, None) => *voice = None,
            }
            if let Some(keeper) = &mut keeper {
                let course = port.voice.as_ref().map(|voice| voice.course);
                port.kept.note_voice(keeper, course);
            }
        }
        self.keeper = keeper;
    }

    /// Begins to transcode towards a side that shares a codec with the other, which may send another
    /// one all the same: both were in its answer (RFC 3264 section 6.1).
    fn wake_voice(&mut self, key: Key, class: Class, bytes: &[u8]) {
        let spare = self.port(key).and_then(|port| port.spare.as_ref());
        let Some((wanted, origin)) = spare.filter(|_| class == Class::Rtp).map(|one| &**one) else {
            return;
        };
        let bits = wanted.wakes.unwrap_or_default();
        let number = RtpHeader::parse(bytes).map(|header| header.payload_type());
        if number.is_some_and(|number| bits >> number & 1 == 1) {
            let awake = Wanted {
                wakes: None,
                ..wanted.clone()
            };
            let begins = (awake, *origin);
            self.set_voice(key, Some(begins));
            self.resettle_home(key);
        }
    }

    /// Sends on a packet of a transcoded stream, and says whether it is heard on the other side; None:
    /// the stream is not transcoded.
    pub(super) fn transcode_packet(
        &mut self,
        home: Key,
        peers: [Key; 2],
        class: Class,
        data: &Datagram<'_>,
        now: Millis,
    ) -> Option<bool> {
        self.wake_voice(peers[0], class, data.bytes());
        self.port(peers[0])?.voice.as_ref()?;
        if class != Class::Rtp {
            return Some(false); // reports end here: they are of sources of one side
        }
        let header = RtpHeader::parse(data.bytes())?;
        let observer = &self.senses(home)?.observer;
        let format = observer.format(header.payload_type());
        let port = self.port_mut(peers[0])?;
        let withheld = port.senses.as_ref().is_some_and(|one| one.events.withheld);
        let event = |codec| codec == crate::Codec::TelephoneEvent;
        let mut made = Vec::new();
        let senses = port.senses.as_mut()?;
        let voice = port.voice.as_mut()?;
        let left = senses.outlet.behind_music(voice.course.ssrc);
        if let Some(left) = left {
            voice.go_on(left);
        }
        let taken = match format.filter(|one| !(withheld && event(one.codec))) {
            Some(format) => voice.take(&header, format, now, &mut made),
            None => false,
        };
        let (course, muted) = (voice.course, port.muted || port.quiet);
        if !taken {
            port.counters.untargeted_packets += 1;
        }
        self.keep_voice(peers[0], course);
        if left.is_some() {
            self.keep_outlet(peers[0]);
        }
        let mut passed = taken && made.is_empty() && !muted;
        for one in made {
            passed |= self.send_made(peers[0], one, now);
        }
        Some(passed)
    }

    /// A packet of music takes the next number of the source that a side hears.
    pub(super) fn voice_behind(&mut self, home: Key, packet: &[u8]) {
        let header = RtpHeader::parse(packet);
        let voice = self.port_mut(home).and_then(|port| port.voice.as_mut());
        let Some((header, voice)) = header.zip(voice) else {
            return;
        };
        if header.ssrc() == voice.course.ssrc {
            voice.course.sequence = header.sequence().wrapping_add(1);
            let course = voice.course;
            self.keep_voice(home, course);
        }
    }

    fn keep_voice(&mut self, key: Key, course: Course) {
        let mut keeper = self.keeper.take();
        if let (Some(keeper), Some(port)) = (&mut keeper, self.port_mut(key)) {
            port.kept.note_voice(keeper, Some(course));
        }
        self.keeper = keeper;
    }

    /// Puts a packet of ours on its way to a side, with the digits that are to be heard there.
    fn send_made(&mut self, exit: Key, made: Made, now: Millis) -> bool {
        let Some(port) = self.port_mut(exit) else {
            return false;
        };
        let Some(wanted) = port.voice.as_ref().map(|one| &one.wanted) else {
            return false;
        };
        let (events, clock) = (wanted.events, wanted.codec.clock());
        let (mut room, length) = roomy(made.bytes);
        let mut data = Datagram::new(&mut room, length);
        if let Some(senses) = self.senses(exit).filter(|one| !one.events.idle()) {
            if !senses.events.leaves(&mut data, made.event, events, now) {
                return false;
            }
            if senses.events.idle() {
                self.resettle_home(exit);
            }
        }
        if let Some(senses) = self.senses(exit) {
            senses.outlet.leaves(&mut data, clock, now);
        }
        let verdict = self.leave(exit, Class::Rtp, &mut data, now);
        self.queue(verdict, &data)
    }

    /// Sends the reports that are due: to each side of a transcoded stream of what it gets and sends.
    pub(super) fn report_quality(&mut self, now: Millis) {
        let mut streams = std::mem::take(&mut self.transcoded);
        streams.retain(|(keys, _)| self.port(keys[0][0]).is_some());
        for (keys, due) in &mut streams {
            if *due <= now {
                *due = now + INTERVAL;
                for side in *keys {
                    self.report_to(side, now);
                }
            }
        }
        self.transcoded = streams;
    }

    fn report_to(&mut self, side: [Key; 2], now: Millis) {
        let block = self.senses(side[0]).and_then(|one| one.observer.block(now));
        let Some(voice) = self.port(side[0]).and_then(|port| port.voice.as_ref()) else {
            return;
        };
        let (ssrc, info) = (voice.course.ssrc, voice.sender_info(now));
        if info.is_none() && block.is_none() {
            return;
        }
        // Not linkable beyond the stream (RFC 7022 section 4.2).
        let name = format!("{ssrc:08x}");
        let exit = self.exit(side, Class::Rtcp);
        self.dispatch(exit, Class::Rtcp, compose(ssrc, info, block, &name), now);
    }
}

impl Voice {
    /// What we say of it as its sender; None: nothing has left.
    fn sender_info(&self, now: Millis) -> Option<SenderInfo> {
        let (timestamp, then) = self.left?;
        let clock = u64::from(self.wanted.codec.clock());
        let passed = now.saturating_sub(then) * clock / 1000;
        let (packets, octets) = self.course.sent;
        Some(SenderInfo {
            // A clock that goes on evenly will do (section 6.4.1).
            ntp: ((now / 1000) << 32) | ((now % 1000) * (1 << 32) / 1000),
            timestamp: timestamp.wrapping_add(passed as u32),
            packets,
            octets,
        })
    }
}
