//! What the packets of one side say of its quality: receive statistics by source (RFC 3550 appendix
//! A), what the peer reports of us, and the round trip between the peer and us.

mod source;

use rtp::{ReportBlock, RtcpHeader, RtpHeader};

use source::Source;

use crate::format::{Codec, Format};
use crate::Millis;

/// Sources that are counted at a time: a fifth takes the place of the one that was silent longest.
const MAX_SOURCES: usize = 4;
/// Sender reports that are remembered until the peer refers to them.
const MAX_REPORTS: usize = 4;
/// Formats of a side; more m= lines than that have no statistics in time.
const MAX_FORMATS: usize = 24;

/// The statistics of one side, as of now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// The source that sent last.
    pub ssrc: Option<u32>,
    /// How many sources were seen.
    pub sources: u32,
    /// What it sent last.
    pub codec: Option<Codec>,
    /// Packets that should have come, by their sequence numbers.
    pub expected: u64,
    /// Expected and not come; less than none where packets came twice.
    pub lost: i64,
    /// Interarrival jitter.
    pub jitter_ms: Option<f64>,
    /// From us to the peer and back, by its reports.
    pub round_trip_ms: Option<f64>,
    /// What the peer says of the stream that it receives: lost of 1, since its last report.
    pub reported_loss: Option<f64>,
    /// Its interarrival jitter.
    pub reported_jitter_ms: Option<f64>,
    /// Thrown away by its jitter buffer, of 1 (XR).
    pub reported_discard: Option<f64>,
    /// The MOS that it computed itself (XR).
    pub reported_mos: Option<f64>,
}

/// Counts one side.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    formats: Vec<Format>,
    sources: Vec<Source>,
    seen: u32,
    latest: usize,
    sent: Vec<(u32, Millis)>,
    /// The peer's last sender report, and when it came.
    came: Option<(u32, Millis)>,
    /// Expected and received when we reported last.
    told: (u64, u64),
    round_trip_ms: Option<f64>,
    reported: Option<Reported>,
    discard: Option<f64>,
    mos: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Reported {
    loss: f64,
    jitter: u32,
}

impl Observer {
    /// Takes what the payload types of the arriving packets mean.
    pub fn describe(&mut self, formats: &[Format]) {
        self.formats = formats[..formats.len().min(MAX_FORMATS)].to_vec();
    }

    /// What the payload types mean.
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// What a payload type means.
    pub fn format(&self, payload_type: u8) -> Option<Format> {
        let mut known = self.formats.iter();
        known.find(|one| one.payload_type == payload_type).copied()
    }

    /// What the side calls an event in a stream of that clock: its payload type and clock.
    pub fn event_format(&self, clock: u32) -> Option<(u8, u32)> {
        let events = self.formats.iter();
        let mut events = events.filter(|one| one.codec == Codec::TelephoneEvent);
        let first = events.clone().next();
        let fitting = events
            .find(|one| one.clock == clock)
            .or(first.copied().as_ref())
            .copied();
        fitting.map(|one| (one.payload_type, one.clock))
    }

    /// Counts a packet of RTP in the clear.
    pub fn rtp(&mut self, header: &RtpHeader<'_>, now: Millis) {
        let latest = self.sources.get(self.latest);
        if latest.is_none_or(|one| one.ssrc != header.ssrc()) {
            self.latest = self.place_of(header, now);
        }
        let format = self.format(header.payload_type());
        if let Some(source) = self.sources.get_mut(self.latest) {
            source.take(header, format, now);
        }
    }

    fn place_of(&mut self, header: &RtpHeader<'_>, now: Millis) -> usize {
        let mut known = self.sources.iter();
        if let Some(at) = known.position(|one| one.ssrc == header.ssrc()) {
            return at;
        }
        self.seen = self.seen.saturating_add(1);
        let fresh = Source::new(header, now);
        if self.sources.len() < MAX_SOURCES {
            self.sources.push(fresh);
            return self.sources.len() - 1;
        }
        let oldest = (0..MAX_SOURCES).min_by_key(|at| self.sources[*at].last_seen);
        let at = oldest.unwrap_or_default();
        self.sources[at] = fresh;
        at
    }

    /// Takes what the kernel has relayed since it was asked last; the packets between do not come
    /// here, so the next that does begins a new run.
    pub fn kernel(&mut self, packets: u64, expected: u64, jitter_us: u32) {
        let Some(source) = self.sources.get_mut(self.latest) else {
            return;
        };
        source.before.0 += expected;
        source.before.1 += packets;
        source.resumes = true;
        if let Some(format) = source.format {
            source.jitter = f64::from(jitter_us) * f64::from(format.clock) / 1e6;
        }
    }

    /// Counts a packet that came here while the kernel relays the flow: a telephone-event, whose
    /// sequence number the kernel misses.
    pub fn beside_kernel(&mut self) {
        if let Some(source) = self.sources.get_mut(self.latest) {
            source.before.1 += 1;
        }
    }

    /// The payload types that may be relayed unseen, as bits, and their clock: those of the clock
    /// that the source has, without telephone-events. None before the source is known.
    pub fn plain_types(&self) -> Option<(u128, u32)> {
        let clock = self.clock()?;
        let plain = self.formats.iter().filter(|one| {
            one.codec != Codec::TelephoneEvent && one.clock == clock && one.payload_type < 128
        });
        let types = plain.fold(0, |bits, one| bits | 1 << one.payload_type);
        Some((types, clock))
    }

    /// Reads the reports of this side's peer.
    pub fn rtcp(&mut self, datagram: &[u8], now: Millis) {
        for packet in RtcpHeader::compound(datagram) {
            self.came = packet.report_time().map(|time| (time, now)).or(self.came);
            for block in packet.blocks().take(1) {
                self.reported = Some(Reported {
                    loss: f64::from(block.fraction_lost) / 256.0,
                    jitter: block.jitter,
                });
                let mut sent = self.sent.iter();
                let sent = sent.find(|(time, _)| *time == block.last_report);
                if let Some((_, at)) = sent.filter(|_| block.last_report != 0) {
                    let held = f64::from(block.delay) / 65.536;
                    self.round_trip_ms = Some((now.saturating_sub(*at) as f64 - held).max(0.0));
                }
            }
            if let Some(metrics) = packet.voip_metrics() {
                self.discard = Some(f64::from(metrics.discard_rate) / 256.0);
                self.mos = metrics.mos_listening.map(|mos| f64::from(mos) / 10.0);
            }
        }
    }

    /// Notes the sender reports that leave for this side's peer: it will refer to them.
    pub fn rtcp_leaves(&mut self, datagram: &[u8], now: Millis) {
        for time in RtcpHeader::compound(datagram).filter_map(|packet| packet.report_time()) {
            if self.sent.len() == MAX_REPORTS {
                self.sent.remove(0);
            }
            self.sent.push((time, now));
        }
    }

    /// A report of ours on what the side sends (RFC 3550 section 6.4.1); None: it has sent nothing.
    pub fn block(&mut self, now: Millis) -> Option<ReportBlock> {
        let source = self.sources.get(self.latest)?;
        let (expected, received) = (source.expected(), source.before.1 + source.received);
        let told = std::mem::replace(&mut self.told, (expected, received));
        // Of another source than the last report's everything is new.
        let told = if told.0 > expected { (0, 0) } else { told };
        let due = expected - told.0;
        let lost = due.saturating_sub(received.saturating_sub(told.1));
        let (last_report, delay) = self.came.map_or((0, 0), |(time, at)| {
            (time, (now.saturating_sub(at) * 65_536 / 1000) as u32)
        });
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost: (lost * 256 / due.max(1)).min(255) as u8,
            lost: source.lost() as i32,
            highest: source.highest,
            jitter: source.jitter as u32,
            last_report,
            delay,
        })
    }

    /// The statistics; `clock` is that of the stream that the peer gets from the other side.
    pub fn quality(&self, clock: Option<u32>) -> Quality {
        let source = self.sources.get(self.latest);
        let in_ms = |jitter: f64, clock: u32| jitter * 1000.0 / f64::from(clock.max(1));
        let reported = self.reported.zip(clock);
        Quality {
            ssrc: source.map(|one| one.ssrc),
            sources: self.seen,
            codec: source.and_then(|one| one.format).map(|one| one.codec),
            expected: source.map_or(0, Source::expected),
            lost: source.map_or(0, Source::lost),
            jitter_ms: source.and_then(|one| Some(in_ms(one.jitter, one.format?.clock))),
            round_trip_ms: self.round_trip_ms,
            reported_loss: self.reported.map(|one| one.loss),
            reported_jitter_ms: reported.map(|(one, clock)| in_ms(f64::from(one.jitter), clock)),
            reported_discard: self.discard,
            reported_mos: self.mos,
        }
    }

    /// The clock of the stream that this side sends.
    pub fn clock(&self) -> Option<u32> {
        Some(self.sources.get(self.latest)?.format?.clock)
    }
}

#[cfg(test)]
mod tests;
