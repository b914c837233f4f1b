//! What signaling says of a session's streams, on its way to the thread that has them.

use super::Relay;
use crate::bundle::Member;
use crate::crypto::Protection;
use crate::dtls::Terms;
use crate::error::RelayError;
use crate::format::Format;
use crate::ice::Credentials;
use crate::types::Remote;
use crate::worker::Command;
use crate::SideIndex;

impl Relay {
    /// Takes what signaling says of one side of a stream.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn signal(
        &self,
        session: &str,
        stream: u16,
        side: SideIndex,
        remote: Remote,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Signal {
                session: number,
                stream,
                side,
                remote,
            },
        )
    }

    /// Sets what protects one side of a stream; until then it is in the clear.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn protect(
        &self,
        session: &str,
        stream: u16,
        side: SideIndex,
        wanted: Protection,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Protect {
                session: number,
                stream,
                side,
                wanted,
            },
        )
    }

    /// Lets the keys of one side of a stream come out of a DTLS handshake on these terms; the same
    /// terms again change nothing.
    ///
    /// # Errors
    /// `NoIdentity`, `NoStream`, `Stuck`.
    pub fn shake(
        &self,
        session: &str,
        stream: u16,
        side: SideIndex,
        terms: Terms,
    ) -> Result<(), RelayError> {
        let identity = self.identity.clone().ok_or(RelayError::NoIdentity)?;
        self.protect(session, stream, side, Protection::Dtls { identity, terms })
    }

    /// Sets our ICE credentials for one side of a stream: from now on only sources that a check has
    /// proved may send there. None: ICE is not spoken.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn ice(
        &self,
        session: &str,
        stream: u16,
        side: SideIndex,
        credentials: Option<Credentials>,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Ice {
                session: number,
                stream,
                side,
                credentials,
            },
        )
    }

    /// Takes what the payload types mean that one side of a stream sends.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn describe(
        &self,
        session: &str,
        stream: u16,
        side: SideIndex,
        formats: Vec<Format>,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(stream))?;
        self.tell(
            worker,
            Command::Describe {
                session: number,
                stream,
                side,
                formats,
            },
        )
    }

    /// Puts streams of one side of a session onto the transport of one of them (RFC 9143). Streams
    /// that are not named any more have their own again; without any the bundle ends.
    ///
    /// `mid_extension`: the identifier of the MID's header extension; 0: not agreed.
    ///
    /// # Errors
    /// `NoStream`, `Stuck`.
    pub fn bundle(
        &self,
        session: &str,
        carrier: u16,
        side: SideIndex,
        mid_extension: u8,
        members: Vec<Member>,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, Some(carrier))?;
        self.tell(
            worker,
            Command::Bundle {
                session: number,
                side,
                carrier,
                mid_extension,
                members,
            },
        )
    }

    /// Marks a session as held, or no longer so: on hold, silence is no time-out, else it is after
    /// `patience`; None: after the relay's own.
    ///
    /// # Errors
    /// `NoStream` where there is no such session, `Stuck`.
    pub fn hold(
        &self,
        session: &str,
        held: bool,
        patience: Option<crate::Millis>,
    ) -> Result<(), RelayError> {
        let (number, worker) = self.find(session, None)?;
        self.tell(
            worker,
            Command::Hold {
                session: number,
                held,
                patience,
            },
        )
    }

    /// Lets nothing through a session any more, for its call is being hung up; false: it goes on.
    ///
    /// # Errors
    /// `NoStream` where there is no such session, `Stuck`.
    pub fn quiet(&self, session: &str, quiet: bool) -> Result<(), RelayError> {
        let (session, worker) = self.find(session, None)?;
        self.tell(worker, Command::Quiet { session, quiet })
    }
}
