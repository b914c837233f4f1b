//! Checking and unprotecting what came.

use crate::error::Error;
use crate::kdf::Purpose;
use crate::layout::{rtcp_ssrc, rtp_header, rtp_numbers, word, RTCP_HEADER};
use crate::master::MasterKey;
use crate::sources::{Progress, Sources};
use crate::transform::{Number, Transform, ENCRYPTED};

/// Unprotects the packets of one direction with one master key.
pub struct Receiver {
    master: MasterKey,
    rtp: Transform,
    rtcp: Transform,
    rtp_sources: Sources,
    rtcp_sources: Sources,
}

impl Receiver {
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

    /// Unprotects an SRTP packet in place, and returns the length of the RTP packet.
    ///
    /// # Errors
    /// `Malformed`, `Unauthentic`, `Replayed`, `TooManySources`.
    pub fn unprotect_rtp(&mut self, data: &mut [u8]) -> Result<usize, Error> {
        let header = rtp_header(data)?;
        let (sequence, ssrc) = rtp_numbers(data);
        let window = self.rtp_sources.window(ssrc)?;
        let index = window.estimate(sequence);
        if !window.is_fresh(index) {
            return Err(Error::Replayed);
        }
        let length = self.rtp.open_rtp(data, header, Number { ssrc, index })?;
        self.rtp_sources.note(ssrc, index);
        Ok(length)
    }

    /// Unprotects an SRTCP packet in place, and returns the length of the RTCP packet.
    ///
    /// # Errors
    /// `Malformed`, `Unauthentic`, `Replayed`, `TooManySources`.
    pub fn unprotect_rtcp(&mut self, data: &mut [u8]) -> Result<usize, Error> {
        let at = self.rtcp.word_at(data.len()).ok_or(Error::Malformed)?;
        if at < RTCP_HEADER || data[0] >> 6 != 2 {
            return Err(Error::Malformed);
        }
        let (ssrc, word) = (rtcp_ssrc(data), word(data, at));
        let index = u64::from(word & !ENCRYPTED);
        if !self.rtcp_sources.window(ssrc)?.is_fresh(index) {
            return Err(Error::Replayed);
        }
        let length = self.rtcp.open_rtcp(data, word, Number { ssrc, index })?;
        self.rtcp_sources.note(ssrc, index);
        Ok(length)
    }

    /// The source of the last packet that was unprotected: its place in the table, and how far it is.
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
