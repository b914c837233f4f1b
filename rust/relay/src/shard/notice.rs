//! What passes is noticed: statistics, reports of the peers, telephone-events.

use rtp::{Class, RtpHeader};

use super::outlet::Outlet;
use super::Shard;
use crate::digits::{Digit, Listener};
use crate::events::Events;
use crate::format::{Codec, Format};
use crate::observe::Observer;
use crate::report::{Event, Report};
use crate::types::{Datagram, Key};
use crate::{Millis, SideIndex};

/// What is noticed of one side of a stream of RTP.
#[derive(Debug, Default)]
pub(super) struct Senses {
    pub observer: Observer,
    pub listener: Listener,
    /// Of the packets that leave towards the side.
    pub events: Events,
    /// What it was sent last, and the music that it hears.
    pub outlet: Outlet,
}

/// How long one side may be silent while the other sends before that is reported: longer than the
/// pauses of a phone that sends nothing while nobody speaks.
const ONE_WAY: Millis = 8_000;
/// Who sent this short ago sends.
const FLOWS: Millis = 1_500;
/// How often the kernel is asked when it saw the last packet of a flow that it relays.
const LOOK: Millis = 4_000;

impl Shard {
    /// Takes what the payload types mean that one side of a stream sends.
    pub fn describe(&mut self, session: u64, stream: u16, side: SideIndex, formats: &[Format]) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        if let Some(senses) = self.senses(keys[side][0]) {
            senses.observer.describe(formats);
        }
        self.resettle(&keys);
    }

    /// Whether telephone-events are not to be sent to one side: signaling tells it of them.
    pub fn withhold(&mut self, session: u64, stream: u16, side: SideIndex, withheld: bool) {
        let home = self.keys(session, stream).map(|keys| keys[side][0]);
        if let Some(senses) = home.and_then(|home| self.senses(home)) {
            senses.events.withheld = withheld;
        }
        if let Some(keys) = self.keys(session, stream) {
            self.resettle(&keys);
        }
    }

    /// Puts a digit into every stream towards one side of a session.
    pub fn dial(
        &mut self,
        session: u64,
        side: SideIndex,
        digit: char,
        duration: Millis,
        now: Millis,
    ) {
        let streams = self.sessions.get(&session);
        let streams = streams.map_or_else(Vec::new, |one| one.streams.clone());
        for (_, keys) in streams {
            if let Some(senses) = self.senses(keys[side][0]) {
                senses.events.dial(digit, duration, now);
            }
            self.resettle(&keys);
        }
    }

    /// Takes events out of what leaves through a port, or puts one in; false: nothing leaves.
    pub(super) fn edit(
        &mut self,
        home: Key,
        exit: Key,
        data: &mut Datagram<'_>,
        now: Millis,
    ) -> bool {
        if self.senses(exit).is_none_or(|one| one.events.idle()) {
            return true;
        }
        let number = data.bytes().get(1).map_or(0, |second| second & 0x7f);
        let Some(observer) = self.senses(home).map(|one| &one.observer) else {
            return true;
        };
        let format = observer.format(number);
        let event = format.is_some_and(|one| one.codec == Codec::TelephoneEvent);
        let wanted = observer.event_format(format.map_or(8000, |one| one.clock));
        let Some(senses) = self.senses(exit) else {
            return true;
        };
        let leaves = senses.events.leaves(data, event, wanted, now);
        if senses.events.idle() {
            self.resettle_home(exit);
        }
        leaves
    }

    /// Reads a packet in the clear for what it says of its sender. Says whether the sender's clock is
    /// another now.
    pub(super) fn notice(&mut self, home: Key, class: Class, bytes: &[u8], now: Millis) -> bool {
        let settled = self.port(home).is_some_and(|port| port.share.is_settled());
        let Some(senses) = self.senses(home) else {
            return false;
        };
        if class == Class::Rtcp {
            senses.observer.rtcp(bytes, now);
            return false;
        }
        let Some(header) = RtpHeader::parse(bytes) else {
            return false;
        };
        let clock = senses.observer.clock();
        if settled {
            senses.observer.beside_kernel();
        } else {
            senses.observer.rtp(&header, now);
        }
        let other_clock = senses.observer.clock() != clock;
        let format = senses.observer.format(header.payload_type());
        if let Some(format) = format.filter(|one| one.codec == Codec::TelephoneEvent) {
            let dialled = senses.listener.take(&header, format.clock, now);
            if senses.listener.active() && !self.dialling.contains(&home) {
                self.dialling.push(home);
            }
            for digit in dialled.into_iter().flatten() {
                self.report_digit(home, digit);
            }
        }
        other_clock
    }

    pub(super) fn report_digit(&mut self, home: Key, digit: Digit) {
        if let Some(port) = self.port(home) {
            self.reports.push_back(Report {
                session: port.session,
                event: Event::Digit {
                    stream: port.stream,
                    side: port.side,
                    digit: digit.digit,
                    duration: digit.duration,
                },
            });
        }
    }

    /// Looks for streams of answered calls that flow in one direction only.
    pub(super) fn find_one_way(&mut self, now: Millis) {
        let (slots, reports) = (&self.slots, &mut self.reports);
        let offloads = &mut self.offloads;
        for (id, session) in &mut self.sessions {
            if session.held || session.quiet {
                session.one_way.clear();
                continue;
            }
            let since = session.since;
            for (stream, keys) in &session.streams {
                let port = |side: SideIndex| slots[keys[side][0].index()].port.as_ref();
                let idle = |side: SideIndex| {
                    let seen = port(side).and_then(|port| port.last_seen);
                    now.saturating_sub(seen.unwrap_or_default().max(since))
                };
                let flows = |side: SideIndex| {
                    let known = port(side).filter(|port| port.last_seen.is_some());
                    known.is_some_and(|port| {
                        let late = if port.share.is_settled() { LOOK } else { 0 };
                        idle(side) < FLOWS + late
                    })
                };
                let unseen = |side: &SideIndex| idle(*side) >= LOOK && !session.asked;
                for side in (0..2).filter(unseen) {
                    let key = keys[side][0];
                    offloads.extend(port(side).and_then(|port| port.share.question(key)));
                }
                for side in 0..2 {
                    let silent = idle(side) >= ONE_WAY && flows(1 - side);
                    let told = session.one_way.contains(&(*stream, side));
                    if silent && !told {
                        session.one_way.push((*stream, side));
                        reports.push_back(Report {
                            session: *id,
                            event: Event::OneWay {
                                stream: *stream,
                                side,
                                idle: idle(side),
                            },
                        });
                    } else if told && idle(side) < ONE_WAY {
                        session.one_way.retain(|one| *one != (*stream, side));
                    }
                }
            }
        }
    }

    pub(super) fn end_digits(&mut self, now: Millis) {
        for home in std::mem::take(&mut self.dialling) {
            let Some(senses) = self.senses(home) else {
                continue;
            };
            let over = senses.listener.tick(now);
            if senses.listener.active() {
                self.dialling.push(home);
            }
            if let Some(digit) = over {
                self.report_digit(home, digit);
            }
        }
    }

    /// What is noticed of the side of an RTP port.
    pub(super) fn senses(&mut self, home: Key) -> Option<&mut Senses> {
        self.port_mut(home)?.senses.as_deref_mut()
    }
}
