//! What protects one side of a stream: nothing, SRTP, or a lock until the keys are known.

use std::fmt;

use rtp::Class;
pub(crate) use srtp::Error;
use srtp::{MasterKey, Receiver, Sender};

use crate::types::Datagram;

/// What signaling says of the protection of one side of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
}

/// The contexts behind a `Protection`.
#[derive(Default)]
pub(crate) enum Guard {
    #[default]
    Plain,
    Closed,
    Srtp(Box<(Receiver, Sender)>),
}

impl Guard {
    /// The guard after a change; contexts whose master key stays are taken over.
    pub fn change(self, wanted: Protection) -> Self {
        let (receive, send) = match wanted {
            Protection::Plain => return Self::Plain,
            Protection::Closed => return Self::Closed,
            Protection::Srtp { receive, send } => (receive, send),
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

    /// The suite that the peer's packets and ours have, by SDP's name.
    pub fn suite(&self) -> Option<&'static str> {
        match self {
            Self::Srtp(both) => Some(both.0.master().suite().name()),
            _ => None,
        }
    }

    /// Whether packets pass as they are.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    pub fn is_srtp(&self) -> bool {
        matches!(self, Self::Srtp(_))
    }

    /// Unprotects what arrived; what is neither RTP nor RTCP inside is malformed.
    pub fn open(&mut self, class: Class, data: &mut Datagram<'_>) -> Result<(), Error> {
        match self {
            Self::Plain => Ok(()),
            Self::Closed => Err(Error::Unauthentic),
            Self::Srtp(both) => {
                let packet = &mut data.room[..data.length];
                data.length = match class {
                    Class::Rtcp => both.0.unprotect_rtcp(packet)?,
                    _ => both.0.unprotect_rtp(packet)?,
                };
                let is_it = rtp::classify(&data.room[..data.length]) == class;
                is_it.then_some(()).ok_or(Error::Malformed)
            }
        }
    }

    /// Protects what is to leave.
    pub fn seal(&mut self, class: Class, data: &mut Datagram<'_>) -> Result<(), Error> {
        match self {
            Self::Plain => Ok(()),
            Self::Closed => Err(Error::Unauthentic),
            Self::Srtp(both) => {
                data.length = match class {
                    Class::Rtcp => both.1.protect_rtcp(data.room, data.length)?,
                    _ => both.1.protect_rtp(data.room, data.length)?,
                };
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Plain => "Plain",
            Self::Closed => "Closed",
            Self::Srtp(_) => "Srtp(***)",
        })
    }
}
