//! New messages, without headers.
use crate::edit::{check_line, SLACK};
use crate::error::Error;
use crate::message::Message;
use crate::scan::{Span, Start};
use crate::tokens::{all, TOKEN};

impl Message {
    fn empty(start: Start) -> Self {
        Self {
            buffer: Vec::with_capacity(1024),
            start,
            start_line: Span::default(),
            lines: Vec::with_capacity(20),
            body: Span::default(),
            defect: None,
            compact_at: SLACK,
        }
    }

    /// A request without headers.
    ///
    /// # Errors
    /// The method is no token, or the URI is empty or has white space in it.
    pub fn request(method: &[u8], uri: &[u8]) -> Result<Self, Error> {
        if !all(method, TOKEN) {
            return Err(Error::unusable("not a method", "start-line"));
        }
        let nothing = Span::default();
        let mut message = Self::empty(Start::Request {
            method: nothing,
            uri: nothing,
            version: nothing,
        });
        let method = message.intern(method);
        let version = message.intern(b"SIP/2.0");
        message.start = Start::Request {
            method,
            uri: nothing,
            version,
        };
        message.set_uri(uri)?;
        Ok(message)
    }

    /// A response without headers.
    ///
    /// # Errors
    /// The status is not 100 to 699 or the reason has a line break in it.
    pub fn response(status: u16, reason: &[u8]) -> Result<Self, Error> {
        if !(100..700).contains(&status) {
            return Err(Error::unusable("not a status code", "start-line"));
        }
        check_line(reason, "start-line")?;
        let nothing = Span::default();
        let mut message = Self::empty(Start::Response {
            version: nothing,
            status,
            reason: nothing,
        });
        let reason = message.intern(reason);
        let version = message.intern(b"SIP/2.0");
        message.start = Start::Response {
            version,
            status,
            reason,
        };
        Ok(message)
    }
}
