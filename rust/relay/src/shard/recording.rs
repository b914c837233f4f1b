//! Recording: copies of the packets that pass leave as effects. The shard keeps none and waits for
//! nobody.

use rtp::{Class, RtpHeader};

use super::Shard;
use crate::recording::{Heard, Tap};
use crate::types::{Key, Verdict};
use crate::Millis;

impl Shard {
    /// Records both sides of a stream from now on under that number; None: no longer.
    pub fn record(&mut self, session: u64, stream: u16, recording: Option<u64>, now: Millis) {
        let Some(keys) = self.keys(session, stream) else {
            return;
        };
        self.end_recording(keys[0][0], now);
        for [home, _] in keys {
            if let Some(port) = self.port_mut(home) {
                port.recording = recording;
            }
        }
        self.resettle(&keys);
    }

    /// The next thing that is heard of a recording; to be asked after `packet` and every command.
    pub fn poll_tap(&mut self) -> Option<Tap> {
        self.taps.pop_front()
    }

    /// The stream of an RTP port is not recorded any more.
    pub(super) fn end_recording(&mut self, home: Key, at: Millis) {
        let ended = self.port_mut(home).and_then(|port| port.recording.take());
        if let Some(recording) = ended {
            self.taps.push_back(Tap::End { recording, at });
        }
    }

    /// A copy of a packet in the clear, where its side is recorded.
    pub(super) fn overhear(
        &mut self,
        home: Key,
        class: Class,
        bytes: &[u8],
        at: Millis,
    ) -> Option<Heard> {
        let port = self.port(home).filter(|_| class == Class::Rtp)?;
        let recording = port.recording?;
        let number = RtpHeader::parse(bytes)?.payload_type();
        Some(Heard {
            recording,
            side: port.side,
            at,
            format: port.senses.as_ref()?.observer.format(number)?,
            packet: bytes.to_vec(),
        })
    }

    /// What was overheard is recorded if it has passed.
    pub(super) fn passed(&mut self, overheard: Option<Heard>, verdict: Verdict) -> Verdict {
        self.heard(overheard.filter(|_| matches!(verdict, Verdict::Forward { .. })));
        verdict
    }

    /// What has passed is recorded.
    pub(super) fn heard(&mut self, heard: Option<Heard>) {
        self.taps.extend(heard.map(Tap::Packet));
    }
}
