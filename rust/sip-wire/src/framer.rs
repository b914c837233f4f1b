//! Cuts a byte stream into messages (RFC 3261 section 18.3) and pings (RFC 5626 section 3.5.1).
use memchr::memmem;

use crate::error::Error;
use crate::header::{self, CONTENT_LENGTH};
use crate::tokens;

/// One piece of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    /// CRLFCRLF: asks for a CRLF.
    Ping,
    /// CRLF: the answer.
    Pong,
}

/// A stream that cannot be followed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What is wrong.
    pub error: Error,
    /// The header part of the message at fault, to answer it; empty when it is not there whole.
    pub head: Vec<u8>,
}

/// Holds the unfinished message of one connection.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    limit: usize,
    /// Up to here the buffer holds no end of headers.
    searched: usize,
    /// Length of the message that begins the buffer, once its headers are there.
    length: Option<usize>,
    /// Whether the last thing given out was a CRLF that may become half a ping.
    half_ping: bool,
    broken: Option<Broken>,
}

impl Framer {
    /// For messages of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            limit,
            searched: 0,
            length: None,
            half_ping: false,
            broken: None,
        }
    }

    /// Bytes of an unfinished message now held.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Why the next `feed` will fail.
    pub const fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Takes bytes and gives what they completed.
    ///
    /// A CRLF at the end of the bytes is a pong at once; if another follows, that is a ping.
    ///
    /// # Errors
    /// The stream is broken and no frame came before that; with frames, the next call says so.
    pub fn feed(&mut self, data: &[u8]) -> Result<Vec<Frame>, Broken> {
        let mut frames = Vec::new();
        if self.broken.is_none() {
            self.buffer.extend_from_slice(data);
            let mut used = 0;
            loop {
                match self.next(used) {
                    Ok(Some((frame, length))) => {
                        frames.push(frame);
                        used += length;
                        self.searched = used;
                        self.length = None;
                    }
                    Ok(None) => break,
                    Err(broken) => {
                        self.broken = Some(broken);
                        used = self.buffer.len();
                        break;
                    }
                }
            }
            self.forget(used);
        }
        match &self.broken {
            Some(broken) if frames.is_empty() => Err(broken.clone()),
            _ => Ok(frames),
        }
    }

    fn forget(&mut self, used: usize) {
        if used > 0 {
            self.buffer.drain(..used);
            self.searched = self.searched.saturating_sub(used);
        }
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    fn next(&mut self, at: usize) -> Result<Option<(Frame, usize)>, Broken> {
        let rest = &self.buffer[at..];
        match rest {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] if self.half_ping => {
                self.half_ping = false;
                return Ok(Some((Frame::Ping, 2)));
            }
            [b'\r', b'\n', b'\r', b'\n', ..] => return Ok(Some((Frame::Ping, 4))),
            [b'\r', b'\n', b'\r'] | [b'\r', b'\n'] => {
                self.half_ping = true;
                return Ok(Some((Frame::Pong, 2)));
            }
            [b'\r', b'\n', ..] => return Ok(Some((Frame::Pong, 2))),
            _ => self.half_ping = false,
        }
        if self.length.is_none() {
            self.length = self.measure(at)?;
        }
        let Some(length) = self.length else {
            return Ok(None);
        };
        let message = self.buffer.get(at..at + length);
        Ok(message.map(|bytes| (Frame::Message(bytes.to_vec()), length)))
    }

    /// The length of the message at `at`, once its headers have ended.
    fn measure(&mut self, at: usize) -> Result<Option<usize>, Broken> {
        let broken = |error, head: &[u8]| Broken {
            error,
            head: head.to_vec(),
        };
        let from = self.searched.max(at);
        let Some(found) = memmem::find(&self.buffer[from..], b"\r\n\r\n") else {
            if self.buffer.len() - at > self.limit {
                return Err(broken(Error::too_large("headers too large", "header"), b""));
            }
            self.searched = self.buffer.len().saturating_sub(3).max(at);
            return Ok(None);
        };
        let end = from + found + 4;
        let head = &self.buffer[at..end];
        if head.len() > self.limit {
            return Err(broken(Error::too_large("headers too large", "header"), b""));
        }
        let body = content_length(head).map_err(|error| broken(error, head))?;
        let fits = body
            .checked_add(head.len())
            .filter(|&length| length <= self.limit);
        match fits {
            Some(length) => Ok(Some(length)),
            None => {
                let error = Error::too_large("message too large", "Content-Length");
                Err(broken(error, head))
            }
        }
    }
}

/// What Content-Length says; there must be one, and if there are more they must agree.
fn content_length(head: &[u8]) -> Result<usize, Error> {
    let mut length = None;
    let mut start = memmem::find(head, b"\r\n").map_or(head.len(), |n| n + 2);
    while start + 2 < head.len() {
        let mut end = start;
        loop {
            end += memmem::find(&head[end..], b"\r\n").unwrap_or(head.len() - end - 2) + 2;
            if !matches!(head.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let line = &head[start..end];
        start = end;
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let name = &line[..header::name_end(line, 0, colon)];
        if header::lookup(name) != CONTENT_LENGTH {
            continue;
        }
        let (from, stop) = tokens::trim(line, colon + 1, line.len());
        let value = tokens::number(&line[from..stop], u64::from(u32::MAX));
        let value = value.and_then(|n| usize::try_from(n).ok());
        if value.is_none() || length.is_some_and(|known| Some(known) != value) {
            return Err(Error::bad("not a length", "Content-Length"));
        }
        length = value;
    }
    length.ok_or(Error::bad("header missing", "Content-Length"))
}
