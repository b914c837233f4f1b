//! One source's packets, counted.

use rtp::RtpHeader;

use crate::format::{Codec, Format};
use crate::Millis;

/// RFC 3550 appendix A.1: how far a sequence number may jump ahead, and fall back.
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;

/// One source (RFC 3550 appendices A.1, A.3 and A.8).
#[derive(Debug)]
pub(super) struct Source {
    pub(super) ssrc: u32,
    pub(super) format: Option<Format>,
    base: u32,
    pub(super) highest: u32,
    pub(super) received: u64,
    /// Packets of runs before a jump of the sequence numbers: expected, received.
    pub(super) before: (u64, u64),
    jumped_to: Option<u16>,
    /// The kernel has relayed packets since the last.
    pub(super) resumes: bool,
    arrived: Millis,
    timestamp: u32,
    pub(super) jitter: f64,
    pub(super) last_seen: Millis,
}

impl Source {
    pub(super) fn new(header: &RtpHeader<'_>, now: Millis) -> Self {
        let sequence = u32::from(header.sequence());
        Self {
            ssrc: header.ssrc(),
            format: None,
            base: sequence,
            highest: sequence,
            received: 0,
            before: (0, 0),
            jumped_to: None,
            resumes: false,
            arrived: now,
            timestamp: header.timestamp(),
            jitter: 0.0,
            last_seen: now,
        }
    }

    pub(super) fn take(&mut self, header: &RtpHeader<'_>, format: Option<Format>, now: Millis) {
        self.last_seen = now;
        if !self.in_sequence(header.sequence()) {
            return;
        }
        self.received += 1;
        // Events repeat the timestamp of their beginning: they say nothing of the network's jitter.
        let Some(format) = format.filter(|one| one.codec != Codec::TelephoneEvent) else {
            return;
        };
        if self.format == Some(format) && header.timestamp() != self.timestamp {
            let clock = f64::from(format.clock);
            let apart = now.saturating_sub(self.arrived) as f64 * clock / 1000.0;
            let stamped = header.timestamp().wrapping_sub(self.timestamp) as i32;
            // A gap of speech is no jitter: the timestamps jump with the time that passed.
            self.jitter += ((apart - f64::from(stamped)).abs() - self.jitter) / 16.0;
        }
        self.format = Some(format);
        self.arrived = now;
        self.timestamp = header.timestamp();
    }

    /// Whether a packet counts; one far off counts when the next follows it (the source began anew).
    fn in_sequence(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub((self.highest & 0xffff) as u16);
        if std::mem::take(&mut self.resumes) {
            self.begin_run(sequence);
        } else if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead < u16::MAX - MAX_MISORDER + 1 {
            if self.jumped_to != Some(sequence) {
                self.jumped_to = Some(sequence.wrapping_add(1));
                return false;
            }
            self.begin_run(sequence);
        }
        self.jumped_to = None;
        true
    }

    fn begin_run(&mut self, sequence: u16) {
        self.before = (self.expected(), self.before.1 + self.received);
        self.base = u32::from(sequence);
        self.highest = self.base;
        self.received = 0;
    }

    pub(super) fn expected(&self) -> u64 {
        self.before.0 + u64::from(self.highest.wrapping_sub(self.base)) + 1
    }

    pub(super) fn lost(&self) -> i64 {
        self.expected() as i64 - (self.before.1 + self.received) as i64
    }
}
