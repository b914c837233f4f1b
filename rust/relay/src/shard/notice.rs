//! What passes is noticed: statistics, reports of the peers, telephone-events.

use rtp::{Class, RtpHeader};

use super::Shard;
use crate::digits::{Digit, Listener};
use crate::format::{Codec, Format};
use crate::observe::Observer;
use crate::report::{Event, Report};
use crate::types::Key;
use crate::{Millis, SideIndex};

/// What is noticed of one side of a stream of RTP.
#[derive(Debug, Default)]
pub(super) struct Senses {
    pub observer: Observer,
    pub listener: Listener,
}

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
