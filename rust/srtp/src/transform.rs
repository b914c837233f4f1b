//! The two ways of protection with session keys: AES-CM with HMAC-SHA1, and AES-GCM.

mod cm;
mod gcm;

use crate::error::Error;
use crate::kdf::{derive, Purpose};
use crate::layout::{RTCP_HEADER, RTCP_WORD};
use crate::master::MasterKey;
use crate::suite::Suite;
use cm::Cm;
use gcm::{Gcm, TAG};

/// Which packet of which source: no two may share both under one key.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    pub ssrc: u32,
    /// 48 bits for RTP, 31 for RTCP.
    pub index: u64,
}

/// The E flag of SRTCP: the packet is encrypted.
pub(crate) const ENCRYPTED: u32 = 0x8000_0000;

/// Session keys of one kind of packets. Boxed: a key schedule takes a kilobyte.
pub(crate) enum Transform {
    Cm(Box<Cm>),
    Gcm(Box<Gcm>),
}

impl Transform {
    pub fn new(master: &MasterKey, purpose: Purpose) -> Self {
        let suite = master.suite();
        let tag = match purpose {
            Purpose::Rtp => suite.rtp_tag(),
            Purpose::Rtcp => suite.rtcp_tag(),
        };
        let keys = derive(master, purpose);
        Self::with_keys(suite, &keys.cipher, &keys.auth, &keys.salt, tag)
    }

    fn with_keys(suite: Suite, cipher: &[u8], auth: &[u8], salt: &[u8], tag: usize) -> Self {
        if suite.is_aead() {
            Self::Gcm(Box::new(Gcm::new(cipher, salt)))
        } else {
            Self::Cm(Box::new(Cm::new(cipher, auth, salt, tag)))
        }
    }

    /// Encrypts what follows `header` of an RTP packet and adds the tag; returns the new length.
    pub fn seal_rtp(
        &self,
        room: &mut [u8],
        header: usize,
        length: usize,
        number: Number,
    ) -> Result<usize, Error> {
        let end = length + self.tag_length();
        let (packet, tag) = split(room, length, end)?;
        let (clear, payload) = packet.split_at_mut(header);
        match self {
            Self::Cm(cm) => {
                cm.crypt(number, payload);
                tag.copy_from_slice(&cm.tag(packet, roc(number))[..tag.len()]);
            }
            Self::Gcm(gcm) => tag.copy_from_slice(&gcm.seal(number, clear, payload)?),
        }
        Ok(end)
    }

    /// Checks an SRTP packet, decrypts it and returns its length without the tag.
    pub fn open_rtp(&self, data: &mut [u8], header: usize, number: Number) -> Result<usize, Error> {
        let length = data.len().checked_sub(self.tag_length());
        let length = length.filter(|length| *length >= header);
        let (packet, tag) = data.split_at_mut(length.ok_or(Error::Malformed)?);
        match self {
            Self::Cm(cm) => {
                cm.check(packet, roc(number), tag)?;
                cm.crypt(number, &mut packet[header..]);
            }
            Self::Gcm(gcm) => {
                let (clear, payload) = packet.split_at_mut(header);
                gcm.open(number, clear, payload, tag)?;
            }
        }
        Ok(packet.len())
    }

    /// Encrypts an RTCP packet, adds word and tag in the order of the suite; returns the new length.
    pub fn seal_rtcp(
        &self,
        room: &mut [u8],
        length: usize,
        number: Number,
    ) -> Result<usize, Error> {
        let word = (ENCRYPTED | number.index as u32).to_be_bytes();
        let end = length + RTCP_WORD + self.tag_length();
        let (packet, added) = split(room, length, end)?;
        let (clear, payload) = packet.split_at_mut(RTCP_HEADER);
        match self {
            Self::Cm(cm) => {
                cm.crypt(number, payload);
                let (place, tag) = added.split_at_mut(RTCP_WORD);
                place.copy_from_slice(&word);
                tag.copy_from_slice(&cm.tag(packet, word)[..tag.len()]);
            }
            Self::Gcm(gcm) => {
                let (tag, place) = added.split_at_mut(TAG);
                tag.copy_from_slice(&gcm.seal(number, &[&*clear, &word].concat(), payload)?);
                place.copy_from_slice(&word);
            }
        }
        Ok(end)
    }

    /// Checks an SRTCP packet whose word the caller has read, and decrypts it where E says so.
    pub fn open_rtcp(&self, data: &mut [u8], word: u32, number: Number) -> Result<usize, Error> {
        let length = data.len().checked_sub(RTCP_WORD + self.tag_length());
        let length = length.filter(|length| *length >= RTCP_HEADER);
        let (packet, added) = data.split_at_mut(length.ok_or(Error::Malformed)?);
        let (encrypted, word) = (word & ENCRYPTED != 0, word.to_be_bytes());
        match self {
            Self::Cm(cm) => {
                cm.check(packet, word, &added[RTCP_WORD..])?;
                if encrypted {
                    cm.crypt(number, &mut packet[RTCP_HEADER..]);
                }
            }
            Self::Gcm(gcm) => {
                let clear = if encrypted { RTCP_HEADER } else { packet.len() };
                let (clear, payload) = packet.split_at_mut(clear);
                gcm.open(number, &[&*clear, &word].concat(), payload, &added[..TAG])?;
            }
        }
        Ok(packet.len())
    }

    /// Where the word of an SRTCP packet begins; None: the packet is too short.
    pub fn word_at(&self, length: usize) -> Option<usize> {
        match self {
            Self::Cm(cm) => length.checked_sub(RTCP_WORD + cm.tag_length()),
            Self::Gcm(_) => length.checked_sub(RTCP_WORD),
        }
    }

    fn tag_length(&self) -> usize {
        match self {
            Self::Cm(cm) => cm.tag_length(),
            Self::Gcm(_) => TAG,
        }
    }
}

/// The rollover counter, which the tag covers and the packet does not carry.
fn roc(number: Number) -> [u8; 4] {
    ((number.index >> 16) as u32).to_be_bytes()
}

/// The packet, and the bytes after it up to `end`.
fn split(room: &mut [u8], length: usize, end: usize) -> Result<(&mut [u8], &mut [u8]), Error> {
    let used = room.get_mut(..end).ok_or(Error::Malformed)?;
    Ok(used.split_at_mut(length))
}

#[cfg(test)]
mod vectors;
