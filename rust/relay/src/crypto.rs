//! What protects one side of a stream: nothing, SRTP, or a lock until the keys are known.

use std::fmt;
use std::sync::Arc;

use rtp::Class;
pub(crate) use srtp::Error;
use srtp::{MasterKey, Progress, Receiver, Sender};

use crate::dtls::{Association, Identity, Terms};
use crate::types::Datagram;

/// What signaling says of the protection of one side of a stream.
#[derive(Clone, Debug, Default)]
pub enum Protection {
    /// RTP and RTCP as they are.
    #[default]
    Plain,
    /// Nothing passes: the keys are not agreed yet, and nothing may leave in the clear.
    Closed,
    /// SRTP and SRTCP. A key that stays keeps its rollover counters and replay windows.
    Srtp {
        /// The peer's: what arrives is protected with it.
        receive: MasterKey,
        /// Ours: what leaves is protected with it.
        send: MasterKey,
    },
    /// The keys come out of a handshake on the port itself (DTLS-SRTP); nothing passes before.
    Dtls {
        /// Who we are.
        identity: Arc<Identity>,
        /// What the peer must show.
        terms: Terms,
    },
}

/// The contexts behind a `Protection`.
#[derive(Default)]
pub(crate) enum Guard {
    #[default]
    Plain,
    Closed,
    Srtp(Box<(Receiver, Sender)>),
    Dtls(Box<Association>),
}

impl Guard {
    /// The guard after a change; contexts whose master key stays are taken over.
    pub fn change(self, wanted: Protection) -> Self {
        let (receive, send) = match wanted {
            Protection::Plain => return Self::Plain,
            Protection::Closed => return Self::Closed,
            Protection::Srtp { receive, send } => (receive, send),
            Protection::Dtls { identity, terms } => return self.shake(identity, terms),
        };
        let (receiver, sender) = match self {
            Self::Srtp(both) => (Some(both.0), Some(both.1)),
            _ => (None, None),
        };
        let receiver = receiver.filter(|one| *one.master() == receive);
        let sender = sender.filter(|one| *one.master() == send);
        Self::Srtp(Box::new((
            receiver.unwrap_or_else(|| Receiver::new(receive)),
            sender.unwrap_or_else(|| Sender::new(send)),
        )))
    }

    fn shake(self, identity: Arc<Identity>, terms: Terms) -> Self {
        match self {
            Self::Dtls(mut association) if association.is_on(&terms) => {
                association.renew(&terms);
                Self::Dtls(association)
            }
            _ => Self::Dtls(Box::new(Association::new(identity, terms))),
        }
    }

    /// The handshake of this side, where keys come from one.
    pub fn association(&mut self) -> Option<&mut Association> {
        match self {
            Self::Dtls(association) => Some(association),
            _ => None,
        }
    }

    /// Whether packets pass as they are.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    fn contexts(&mut self) -> Option<&mut (Receiver, Sender)> {
        match self {
            Self::Srtp(both) => Some(both),
            Self::Dtls(association) => association.contexts.as_deref_mut(),
            Self::Plain | Self::Closed => None,
        }
    }

    fn agreed(&self) -> Option<&(Receiver, Sender)> {
        match self {
            Self::Srtp(both) => Some(both),
            Self::Dtls(association) => association.contexts.as_deref(),
            Self::Plain | Self::Closed => None,
        }
    }

    /// The suite that the peer's packets and ours have, by SDP's name.
    pub fn suite(&self) -> Option<&'static str> {
        Some(self.agreed()?.0.master().suite().name())
    }

    /// Why there are no keys yet, where a handshake has failed.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Dtls(association) => association.trouble(),
            Self::Plain | Self::Closed | Self::Srtp(_) => None,
        }
    }

    /// Whether packets authenticate, or are to once the keys are there.
    pub fn is_srtp(&self) -> bool {
        matches!(self, Self::Srtp(_) | Self::Dtls(_))
    }

    /// What tells the keys of the two directions from others: what arrives, what leaves; 0: no key.
    pub fn fingerprints(&self) -> [u64; 2] {
        self.agreed().map_or([0; 2], |both| {
            [both.0.master().fingerprint(), both.1.master().fingerprint()]
        })
    }

    /// The source of the last packet of a direction: its place, and how far it is.
    pub fn progress(&self, sent: bool, rtcp: bool) -> Option<(usize, Progress)> {
        let both = self.agreed()?;
        match sent {
            true => both.1.progress(rtcp),
            false => both.0.progress(rtcp),
        }
    }

    /// Goes on where a source was under the same keys. Beyond the most sources none is taken: there
    /// were no more of them before either.
    pub fn resume(&mut self, sent: bool, rtcp: bool, progress: Progress) {
        if let Some(both) = self.contexts() {
            let _ = match sent {
                true => both.1.resume(rtcp, progress),
                false => both.0.resume(rtcp, progress),
            };
        }
    }

    /// Unprotects what arrived; what is neither RTP nor RTCP inside is malformed.
    pub fn open(&mut self, class: Class, data: &mut Datagram<'_>) -> Result<(), Error> {
        if matches!(self, Self::Plain) {
            return Ok(());
        }
        let (receiver, _) = self.contexts().ok_or(Error::Unauthentic)?;
        let packet = &mut data.room[..data.length];
        data.length = match class {
            Class::Rtcp => receiver.unprotect_rtcp(packet)?,
            _ => receiver.unprotect_rtp(packet)?,
        };
        let is_it = rtp::classify(&data.room[..data.length]) == class;
        is_it.then_some(()).ok_or(Error::Malformed)
    }

    /// Protects what is to leave.
    pub fn seal(&mut self, class: Class, data: &mut Datagram<'_>) -> Result<(), Error> {
        if matches!(self, Self::Plain) {
            return Ok(());
        }
        let (_, sender) = self.contexts().ok_or(Error::Unauthentic)?;
        data.length = match class {
            Class::Rtcp => sender.protect_rtcp(data.room, data.length)?,
            _ => sender.protect_rtp(data.room, data.length)?,
        };
        Ok(())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Plain => "Plain",
            Self::Closed => "Closed",
            Self::Srtp(_) => "Srtp(***)",
            Self::Dtls(_) => "Dtls(***)",
        })
    }
}
