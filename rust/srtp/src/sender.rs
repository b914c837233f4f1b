//! Protecting what is sent.

use crate::error::Error;
use crate::kdf::Purpose;
use crate::layout::{rtcp_ssrc, rtp_header, rtp_numbers, RTCP_HEADER};
use crate::master::MasterKey;
use crate::sources::{Progress, Sources};
use crate::transform::{Number, Transform, ENCRYPTED};

/// Protects the packets of one direction with one master key.
pub struct Sender {
    master: MasterKey,
    rtp: Transform,
    rtcp: Transform,
    rtp_sources: Sources,
    rtcp_sources: Sources,
}

impl Sender {
    /// Begins with rollover counter 0 for every source.
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        Self {
            rtp: Transform::new(&master, Purpose::Rtp),
            rtcp: Transform::new(&master, Purpose::Rtcp),
            master,
            rtp_sources: Sources::default(),
            rtcp_sources: Sources::default(),
        }
    }

    /// The key that it was made with.
    #[must_use]
    pub fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Protects the RTP packet in the first `length` bytes of `room`, and returns its new length.
    ///
    /// A packet that was protected before is refused: another one under the same number would show
    /// what both hold (RFC 3711 section 9.1), and the relay does not choose the numbers.
    ///
    /// # Errors
    /// `Malformed`, `Replayed`, `TooManySources`, `Exhausted`.
    pub fn protect_rtp(&mut self, room: &mut [u8], length: usize) -> Result<usize, Error> {
        let packet = room.get(..length).ok_or(Error::Malformed)?;
        let header = rtp_header(packet)?;
        let (sequence, ssrc) = rtp_numbers(packet);
        let window = self.rtp_sources.window(ssrc)?;
        let index = window.estimate(sequence);
        if index >> 48 != 0 {
            return Err(Error::Exhausted);
        }
        if !window.is_fresh(index) {
            return Err(Error::Replayed);
        }
        let length = self
            .rtp
            .seal_rtp(room, header, length, Number { ssrc, index })?;
        self.rtp_sources.note(ssrc, index);
        Ok(length)
    }

    /// Protects the compound RTCP packet in the first `length` bytes of `room`.
    ///
    /// # Errors
    /// `Malformed`, `TooManySources`, `Exhausted`.
    pub fn protect_rtcp(&mut self, room: &mut [u8], length: usize) -> Result<usize, Error> {
        let packet = room.get(..length).ok_or(Error::Malformed)?;
        if packet.len() < RTCP_HEADER {
            return Err(Error::Malformed);
        }
        let ssrc = rtcp_ssrc(packet);
        let index = self.rtcp_sources.window(ssrc)?.next();
        if index >= u64::from(ENCRYPTED) {
            return Err(Error::Exhausted);
        }
        let length = self.rtcp.seal_rtcp(room, length, Number { ssrc, index })?;
        self.rtcp_sources.note(ssrc, index);
        Ok(length)
    }

    /// The source of the last packet that was protected: its place in the table, and how far it is.
    #[must_use]
    pub fn progress(&self, rtcp: bool) -> Option<(usize, Progress)> {
        if rtcp {
            self.rtcp_sources.last()
        } else {
            self.rtp_sources.last()
        }
    }

    /// Goes on where a source was under the same key, in a process before this one.
    ///
    /// # Errors
    /// `TooManySources`.
    pub fn resume(&mut self, rtcp: bool, progress: Progress) -> Result<(), Error> {
        if rtcp {
            self.rtcp_sources.resume(progress)
        } else {
            self.rtp_sources.resume(progress)
        }
    }
}
