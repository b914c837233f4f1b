//! What the control side asks of a worker.

use std::net::UdpSocket;
use std::sync::mpsc::Sender;
use std::sync::Arc;

use crate::bundle::Member;
use crate::crypto::Protection;
use crate::format::Format;
use crate::ice::Credentials;
use crate::music::Music;
use crate::types::{Content, PortStats, Remote, StreamPorts};
use crate::voice::{Origin, Wanted};
use crate::{Millis, SideIndex};

/// What the control side asks of a worker.
pub(crate) enum Command {
    /// Take over the bound sockets `[side][kind]` of a stream.
    Open {
        session: u64,
        stream: u16,
        content: Content,
        ports: StreamPorts,
        /// DS byte of what leaves, by side.
        classes: [u8; 2],
        sockets: Vec<UdpSocket>,
        /// What names the stream in every process.
        identity: u64,
        /// The sockets are not read before `Resume`.
        asleep: bool,
    },
    /// All has been said of a stream of the process before this one: go on with it.
    Resume {
        session: u64,
        stream: u16,
    },
    Signal {
        session: u64,
        stream: u16,
        side: SideIndex,
        remote: Remote,
    },
    Protect {
        session: u64,
        stream: u16,
        side: SideIndex,
        wanted: Protection,
    },
    Ice {
        session: u64,
        stream: u16,
        side: SideIndex,
        credentials: Option<Credentials>,
    },
    Describe {
        session: u64,
        stream: u16,
        side: SideIndex,
        formats: Vec<Format>,
    },
    Transcode {
        session: u64,
        stream: u16,
        sides: Option<Box<[(Wanted, Origin); 2]>>,
    },
    Withhold {
        session: u64,
        stream: u16,
        side: SideIndex,
        withheld: bool,
    },
    Dial {
        session: u64,
        side: SideIndex,
        digit: char,
        duration: Millis,
    },
    /// Streams of one side that share the transport of one of them.
    Bundle {
        session: u64,
        side: SideIndex,
        carrier: u16,
        mid_extension: u8,
        members: Vec<Member>,
    },
    Hold {
        session: u64,
        held: bool,
        patience: Option<Millis>,
    },
    /// Let nothing through any more; false: it goes on.
    Quiet {
        session: u64,
        quiet: bool,
    },
    /// Play music towards a side; None: no longer.
    Play {
        session: u64,
        stream: u16,
        side: SideIndex,
        music: Option<Arc<Music>>,
    },
    /// Send copies of a stream through another; None: no longer.
    Fork {
        session: u64,
        stream: u16,
        to: Option<u16>,
    },
    /// Record a stream under that number; None: no longer.
    Record {
        session: u64,
        stream: u16,
        recording: Option<u64>,
    },
    Close {
        session: u64,
        stream: u16,
    },
    Query {
        session: u64,
        reply: Sender<Option<Vec<PortStats>>>,
    },
    /// End the session, close its sockets and give its last counters.
    Delete {
        session: u64,
        reply: Sender<Option<Vec<PortStats>>>,
    },
    Stop,
}
