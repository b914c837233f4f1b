//! What the layer carries for its user, as far as it looks into it.

/// A SIP transport, spelt as in Via (RFC 3261 section 20.42, RFC 7118 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// A WebSocket.
    Ws,
    /// A WebSocket over TLS.
    Wss,
}

impl Transport {
    /// From its name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];
        all.into_iter().find(|transport| transport.name() == name)
    }

    /// As in Via.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Whether it repeats what is lost by itself (RFC 3261 section 17).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// One way to a peer: a connection, or for UDP a pair of addresses.
pub trait Flow: Clone + PartialEq {
    /// The number of the connection, 0 for UDP.
    fn token(&self) -> u64;
    /// What carries it.
    fn transport(&self) -> Transport;
}

/// A message that others hold too.
pub trait Letter: Clone {
    /// Looks at it.
    fn read<R>(&self, look: impl FnOnce(&sip_wire::Message) -> R) -> R;
    /// Changes it.
    fn change<R>(&self, edit: impl FnOnce(&mut sip_wire::Message) -> R) -> R;
}

/// The user's kinds of things, and where identifiers come from.
pub trait Carried {
    /// A message.
    type Letter: Letter;
    /// A way to a peer.
    type Flow: Flow;
    /// What the user knows a transaction by; made when it first asks for it.
    type Tag;
    /// What can go wrong: a message that cannot be written, no identifier.
    type Error: From<sip_wire::Error>;

    /// A message of the layer's own.
    ///
    /// # Errors
    /// There is no room for it.
    fn letter(&self, message: sip_wire::Message) -> Result<Self::Letter, Self::Error>;

    /// Random text for a branch or tag, unguessable.
    ///
    /// # Errors
    /// There is none.
    fn token(&self) -> Result<String, Self::Error>;

    /// Address (no brackets) and port of a flow's peer.
    ///
    /// # Errors
    /// They cannot be read.
    fn remote(&self, flow: &Self::Flow) -> Result<(String, u16), Self::Error>;

    /// The same flow with another port at the peer.
    ///
    /// # Errors
    /// It cannot be made.
    fn with_port(&self, flow: &Self::Flow, port: u16) -> Result<Self::Flow, Self::Error>;

    /// A transaction that has a tag came to a state.
    fn entered(tag: &Self::Tag, state: crate::State);
}
