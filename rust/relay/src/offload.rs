//! What the shard asks of the kernel, and why a flow is not relayed there.

use std::fmt;

use fastpath::{Flow, FlowKey};

use crate::types::Key;

/// A command for the fast path; `port` is where the flow's packets come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offload {
    /// Relay this flow from now on. The outcome goes to `Shard::settled`.
    Settle {
        /// Where the packets come in.
        port: Key,
        /// Which, and what becomes of them.
        flow: Flow,
    },
    /// Leave it to the relay again. What was counted goes to `Shard::counted`.
    Withdraw {
        /// Where the packets come in.
        port: Key,
        /// Which.
        flow: FlowKey,
    },
    /// Say what was counted so far, to `Shard::counted`.
    Count {
        /// Where the packets come in.
        port: Key,
        /// Which.
        flow: FlowKey,
    },
}

/// Why the relay itself forwards a port's packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no fast path, and why.
    NoKernel(String),
    /// It is RTCP, which the relay reads.
    Rtcp,
    /// It is no RTP.
    NotRtp,
    /// One of the sides has keys, or is to have them.
    Crypto,
    /// One of the sides speaks ICE, which may move the peer at any time.
    Ice,
    /// One of the sides has not sent anything yet.
    NotLatched,
    /// The other side wants no packets.
    Held,
    /// The call is being hung up.
    Ending,
    /// Telephone-events are taken out, or put in.
    Digits,
    /// It is recorded.
    Recorded,
    /// Music is played there, or has been: what follows is counted on from it.
    Music,
    /// The two sides share no codec.
    Transcoded,
    /// Signaling has named no payload type that could be relayed there.
    NoPayloadTypes,
    /// The kernel is about to take it.
    Settling,
    /// The kernel does not take it, and why.
    Refused(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKernel(why) | Self::Refused(why) => out.write_str(why),
            Self::Rtcp => out.write_str("RTCP"),
            Self::NotRtp => out.write_str("not RTP"),
            Self::Crypto => out.write_str("SRTP"),
            Self::Ice => out.write_str("ICE"),
            Self::NotLatched => out.write_str("not latched"),
            Self::Held => out.write_str("held"),
            Self::Ending => out.write_str("hung up"),
            Self::Digits => out.write_str("digits"),
            Self::Music => out.write_str("music"),
            Self::Recorded => out.write_str("recorded"),
            Self::Transcoded => out.write_str("transcoded"),
            Self::NoPayloadTypes => out.write_str("no payload types"),
            Self::Settling => out.write_str("settling"),
        }
    }
}
