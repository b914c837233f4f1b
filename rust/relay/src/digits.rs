//! Named telephone events in a stream (RFC 4733): each is told once, however often its packets come.

use rtp::RtpHeader;

use crate::Millis;

/// The events 0 to 16 (RFC 4733 section 3.2); 16 is flash.
const DIGITS: &[u8; 17] = b"0123456789*#ABCD!";
/// A segment of this duration is continued by another (RFC 4733 section 2.5.1.3).
const SEGMENT: u16 = u16::MAX;
/// How long an event may be silent before it counts as over: all its end packets were lost.
const PATIENCE: Millis = 500;
/// Events that are remembered, so that late packets do not tell them again.
const REMEMBERED: usize = 4;

/// A digit that was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digit {
    pub digit: char,
    pub duration: Millis,
}

/// Listens to one side.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    current: Option<Current>,
    /// (source, timestamp) of the last events, newest last.
    over: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    ssrc: u32,
    /// Of the segment that is going on.
    timestamp: u32,
    event: u8,
    duration: u16,
    /// Timestamp units of the segments before.
    before: u32,
    clock: u32,
    last_seen: Millis,
}

impl Listener {
    /// Takes a packet of the format telephone-event; up to two digits are known to be over by it.
    pub fn take(&mut self, header: &RtpHeader<'_>, clock: u32, now: Millis) -> [Option<Digit>; 2] {
        let &[event, flags, high, low, ..] = header.payload() else {
            return [None, None];
        };
        let identity = (header.ssrc(), header.timestamp());
        if self.over.contains(&identity) || usize::from(event) >= DIGITS.len() {
            return [None, None];
        }
        let duration = u16::from_be_bytes([high, low]);
        let mut interrupted = None;
        match &mut self.current {
            Some(one) if (one.ssrc, one.timestamp) == identity => {
                one.duration = one.duration.max(duration);
                one.last_seen = now;
            }
            Some(one) if one.continued_by(identity, event) => {
                one.before += u32::from(one.duration);
                (one.timestamp, one.duration, one.last_seen) = (identity.1, duration, now);
            }
            Some(one) if one.is_later_than(identity) => return [None, None],
            _ => {
                interrupted = self.end();
                self.current = Some(Current {
                    ssrc: identity.0,
                    timestamp: identity.1,
                    event,
                    duration,
                    before: 0,
                    clock,
                    last_seen: now,
                });
            }
        }
        let ended = if flags & 0x80 != 0 { self.end() } else { None };
        [interrupted, ended]
    }

    /// The digit that has been silent for too long to go on.
    pub fn tick(&mut self, now: Millis) -> Option<Digit> {
        let silent = |one: &Current| now.saturating_sub(one.last_seen) >= PATIENCE;
        self.current
            .is_some_and(|one| silent(&one))
            .then(|| self.end())?
    }

    /// Whether an event is going on.
    pub fn active(&self) -> bool {
        self.current.is_some()
    }

    fn end(&mut self) -> Option<Digit> {
        let one = self.current.take()?;
        if self.over.len() == REMEMBERED {
            self.over.remove(0);
        }
        self.over.push((one.ssrc, one.timestamp));
        let units = u64::from(one.before) + u64::from(one.duration);
        Some(Digit {
            digit: char::from(DIGITS[usize::from(one.event)]),
            duration: units * 1000 / u64::from(one.clock.max(1)),
        })
    }
}

impl Current {
    fn continued_by(&self, (ssrc, timestamp): (u32, u32), event: u8) -> bool {
        let follows = self.timestamp.wrapping_add(u32::from(SEGMENT)) == timestamp;
        self.duration == SEGMENT && follows && (self.ssrc, self.event) == (ssrc, event)
    }

    fn is_later_than(&self, (ssrc, timestamp): (u32, u32)) -> bool {
        self.ssrc == ssrc && (timestamp.wrapping_sub(self.timestamp) as i32) < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Phone(Listener, Vec<(char, Millis)>);

    impl Phone {
        fn new() -> Self {
            Self(Listener::default(), Vec::new())
        }

        fn event(&mut self, timestamp: u32, event: u8, end: bool, duration: u16) {
            let mut packet = vec![0x80, 101, 0, 1];
            packet.extend(timestamp.to_be_bytes());
            packet.extend([0, 0, 0, 7, event, if end { 0x8a } else { 0x0a }]);
            packet.extend(duration.to_be_bytes());
            let header = RtpHeader::parse(&packet).expect("well formed");
            let told = self.0.take(&header, 8000, 0);
            let told = told.into_iter().flatten();
            self.1.extend(told.map(|one| (one.digit, one.duration)));
        }
    }

    #[test]
    fn three_end_packets_are_one_digit() {
        let mut phone = Phone::new();
        for duration in [160, 320, 480] {
            phone.event(1000, 5, false, duration);
        }
        for _ in 0..3 {
            phone.event(1000, 5, true, 640);
        }
        phone.event(5000, 5, true, 800);
        assert_eq!(phone.1, [('5', 80), ('5', 100)]);
    }

    #[test]
    fn packets_out_of_order_tell_nothing_twice() {
        let mut phone = Phone::new();
        phone.event(1000, 11, true, 640);
        phone.event(1000, 11, false, 480);
        phone.event(2000, 1, false, 160);
        phone.event(900, 9, false, 160);
        phone.event(1000, 11, true, 640);
        phone.event(2000, 1, true, 320);
        assert_eq!(phone.1, [('#', 80), ('1', 40)]);
    }

    #[test]
    fn lost_end_packets_do_not_lose_the_digit() {
        let mut phone = Phone::new();
        phone.event(1000, 1, false, 400);
        phone.event(3000, 2, false, 400);
        assert_eq!(phone.1, [('1', 50)]);
        assert_eq!(phone.0.tick(PATIENCE - 1), None);
        let two = Digit {
            digit: '2',
            duration: 50,
        };
        assert_eq!(phone.0.tick(PATIENCE), Some(two));
        assert_eq!(phone.0.tick(PATIENCE), None);
    }

    #[test]
    fn a_long_press_of_several_segments_is_one_digit() {
        let mut phone = Phone::new();
        phone.event(0, 0, false, SEGMENT);
        phone.event(u32::from(SEGMENT), 0, true, 8000);
        assert_eq!(phone.1, [('0', (65_535 + 8000) / 8)]);
    }

    #[test]
    fn other_events_and_short_payloads_are_none() {
        let mut phone = Phone::new();
        phone.event(0, 200, true, 100);
        let packet = [0x80, 101, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 5, 0x80];
        let header = RtpHeader::parse(&packet).expect("well formed");
        assert_eq!(phone.0.take(&header, 8000, 0), [None, None]);
        assert_eq!(phone.1, []);
    }
}
