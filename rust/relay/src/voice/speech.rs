//! Speech decoded and encoded anew, gaps filled, in packets as long as the receiver wants them.

use codec::{Codec, Decoder, Encoder};
use rtp::{RtpHeader, RTP_FIXED};

use super::{Made, Voice, USUAL_FRAME};
use crate::Millis;

/// Gaps of the sender that are filled, in milliseconds; longer ones are pauses.
const FILLED: u32 = 120;
/// The frames that a receiver can be given, in milliseconds.
const FRAMES: [u32; 5] = [10, 20, 30, 40, 60];

/// The two codecs between one format of the sender and what is wanted.
#[derive(Debug)]
pub(super) struct Coder {
    pub(super) decoder: Decoder,
    encoder: Encoder,
    rate: u32,
    /// Samples in a packet.
    frame: usize,
}

impl Voice {
    pub(super) fn speech(
        &mut self,
        header: &RtpHeader<'_>,
        codec: Codec,
        now: Millis,
        made: &mut Vec<Made>,
    ) -> bool {
        let units = |ms: u32| codec.clock() / 1000 * ms;
        let apart = self.follow(header, codec.clock(), now);
        if apart < 0 {
            return true; // late: its place was filled
        }
        let gap = apart.unsigned_abs();
        if self.prepare(codec, header.payload()).is_none() {
            return false;
        }
        let Some(coder) = &mut self.coder else {
            return false;
        };
        if self.paused || gap > units(FILLED) {
            self.pending.clear();
        } else if gap > 0 {
            let samples =
                (u64::from(gap) * u64::from(coder.rate) / u64::from(codec.clock())) as usize;
            let filled = self.pending.len() + samples;
            let next = Some(header.payload());
            coder.decoder.conceal(samples, next, &mut self.pending);
            self.pending.resize(filled, 0);
        }
        let fresh = self.paused || gap > units(FILLED);
        let begin = self.pending.len();
        if coder
            .decoder
            .decode(header.payload(), &mut self.pending)
            .is_err()
        {
            return false;
        }
        let samples = (self.pending.len() - begin) as u64;
        let length = (samples * u64::from(codec.clock()) / u64::from(coder.rate)) as u32;
        if fresh {
            self.begin_at(header, codec.clock());
        }
        self.paused = false;
        self.expected = Some(header.timestamp().wrapping_add(length));
        self.frames(fresh, codec.clock(), now, made);
        true
    }

    /// The codecs for a payload; None: the codec or the payload cannot be had.
    fn prepare(&mut self, codec: Codec, payload: &[u8]) -> Option<()> {
        let known = self.coder.as_ref();
        if known.is_some_and(|one| one.decoder.codec() == codec) {
            return Some(());
        }
        let rate = match self.wanted.codec {
            Codec::Opus => codec.rate().min(16_000),
            wanted => wanted.rate(),
        };
        let mut decoder = Decoder::new(codec, rate).ok()?;
        let mut first = Vec::new();
        decoder.decode(payload, &mut first).ok()?;
        let encoder = Encoder::new(self.wanted.codec, rate, self.wanted.tuning).ok()?;
        let milliseconds = first.len() as u32 * 1000 / rate;
        self.coder = Some(Coder {
            decoder: Decoder::new(codec, rate).ok()?,
            encoder,
            rate,
            frame: (self.frame(milliseconds) * rate / 1000) as usize,
        });
        self.pending.clear();
        Some(())
    }

    /// Milliseconds in a packet, by what is wanted and what comes.
    fn frame(&self, coming: u32) -> u32 {
        let most = self.wanted.longest.unwrap_or(u32::MAX);
        let fits = |one: &u32| {
            let coded = self.wanted.codec != Codec::Opus || *one != 30;
            FRAMES.contains(one) && *one <= most.max(FRAMES[0]) && coded
        };
        let wanted = self.wanted.frame.or(Some(coming)).filter(fits);
        wanted.unwrap_or(USUAL_FRAME.min(most).max(FRAMES[0]))
    }

    /// The next frame begins with a packet.
    fn begin_at(&mut self, header: &RtpHeader<'_>, clock: u32) {
        self.course.timestamp = self.stamp(header.timestamp(), clock);
        self.course.theirs = (header.ssrc(), header.timestamp());
    }

    /// Sends the whole frames that are there.
    fn frames(&mut self, fresh: bool, clock: u32, now: Millis, made: &mut Vec<Made>) {
        let Some(mut coder) = self.coder.take() else {
            return;
        };
        let mut marker = fresh;
        let mut used = 0;
        while let Some(frame) = self.pending.get(used..used + coder.frame) {
            let mut payload = Vec::with_capacity(RTP_FIXED + coder.frame);
            payload.resize(RTP_FIXED, 0);
            if coder.encoder.encode(frame, &mut payload).is_ok() {
                let number = self.wanted.payload_type;
                let timestamp = self.course.timestamp;
                self.left = Some((timestamp, now));
                self.send(payload, (number, marker, timestamp), false, made);
                marker = false;
            }
            used += coder.frame;
            let passed =
                |clock: u32| (coder.frame as u64 * u64::from(clock) / u64::from(coder.rate)) as u32;
            let ours = self.wanted.codec.clock();
            self.course.timestamp = self.course.timestamp.wrapping_add(passed(ours));
            self.course.theirs.1 = self.course.theirs.1.wrapping_add(passed(clock));
        }
        self.pending.drain(..used);
        self.coder = Some(coder);
    }
}
