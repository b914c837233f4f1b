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
        let home = self.keys(session, stream).map(|keys| keys[side][0]);
        if let Some(senses) = home.and_then(|home| self.senses(home)) {
            senses.observer.describe(formats);
        }
    }

    /// Reads a packet in the clear for what it says of its sender.
    pub(super) fn notice(&mut self, home: Key, class: Class, bytes: &[u8], now: Millis) {
        let Some(senses) = self.senses(home) else {
            return;
        };
        if class == Class::Rtcp {
            return senses.observer.rtcp(bytes, now);
        }
        let Some(header) = RtpHeader::parse(bytes) else {
            return;
        };
        senses.observer.rtp(&header, now);
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
