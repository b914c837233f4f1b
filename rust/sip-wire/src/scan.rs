//! One pass over start line and headers: where things are, and the first thing that is wrong.
use memchr::{memchr, memchr2, memrchr};

use crate::error::Error;
use crate::header::{self, HeaderId, BROKEN};
use crate::message::MAX_HEADERS;
use crate::tokens::{self, all, TOKEN};

/// A stretch of the message's buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// After the last byte.
    pub end: u32,
}

impl Span {
    /// From indices; the buffer's bound (see `message.rs`) keeps them in range.
    pub fn new(start: usize, end: usize) -> Self {
        Self {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        }
    }

    /// The bytes.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }
}

/// One header line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its name, or the whole line when it is broken.
    pub name: Span,
    /// Its value, trimmed.
    pub value: Span,
    /// End of the raw line with its CRLF; 0 when it is to be written from name and value.
    pub end: u32,
    /// Which header.
    pub id: HeaderId,
    /// Whether the value holds CR or LF.
    pub folded: bool,
}

/// The first line.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// `Method SP Request-URI SP SIP-Version`.
    Request {
        /// Method.
        method: Span,
        /// Request-URI.
        uri: Span,
        /// Version.
        version: Span,
    },
    /// `SIP-Version SP Status-Code SP Reason-Phrase`.
    Response {
        /// Version.
        version: Span,
        /// 100 to 699.
        status: u16,
        /// Reason phrase.
        reason: Span,
    },
}

/// What the pass found.
pub struct Head {
    /// The first line.
    pub start: Start,
    /// Its raw bytes with CRLF.
    pub start_line: Span,
    /// The header lines.
    pub lines: Vec<Line>,
    /// Where the body begins.
    pub body: usize,
    /// The first defect that parsing could pass over.
    pub defect: Option<Error>,
}

/// How a physical line ended.
struct Break {
    /// Index of the CR.
    cr: usize,
    /// Index after the LF.
    next: usize,
}

struct Scanner<'a> {
    data: &'a [u8],
    defect: Option<Error>,
}

impl Scanner<'_> {
    fn note(&mut self, defect: Error) {
        self.defect.get_or_insert(defect);
    }

    /// The end of the line; a bare CR or LF does not end it (two readers would disagree).
    fn line_end(&mut self, from: usize, stray: &mut bool) -> Break {
        let mut at = from;
        while let Some(found) = memchr2(b'\r', b'\n', &self.data[at..]) {
            let cr = at + found;
            if self.data[cr] == b'\r' && self.data.get(cr + 1) == Some(&b'\n') {
                return Break { cr, next: cr + 2 };
            }
            self.note(Error::bad("bare CR or LF", "header"));
            *stray = true;
            at = cr + 1;
        }
        self.note(Error::bad("headers do not end", "header"));
        Break {
            cr: self.data.len(),
            next: self.data.len(),
        }
    }

    /// One header with its continuation lines; the index after it comes second.
    fn header(&mut self, from: usize) -> (Line, usize) {
        let mut folded = false;
        let mut end = self.line_end(from, &mut folded);
        let first_end = end.cr;
        while matches!(self.data.get(end.next), Some(b' ' | b'\t')) {
            folded = true;
            end = self.line_end(end.next, &mut folded);
        }
        let mut line = Line {
            name: Span::new(from, end.cr),
            value: Span::new(end.cr, end.cr),
            end: Span::new(end.next, end.next).end,
            id: BROKEN,
            folded,
        };
        let colon = memchr(b':', &self.data[from..first_end]).map(|c| from + c);
        if let Some(colon) = colon {
            let name = from..header::name_end(self.data, from, colon);
            if all(&self.data[name.clone()], TOKEN) {
                let (start, stop) = tokens::trim(self.data, colon + 1, end.cr);
                line.id = header::lookup(&self.data[name.clone()]);
                line.name = Span::new(name.start, name.end);
                line.value = Span::new(start, stop);
                line.folded = folded && memchr2(b'\r', b'\n', &self.data[start..stop]).is_some();
            }
        }
        if line.id == BROKEN {
            self.note(Error::bad("no header name", "header"));
        }
        (line, end.next)
    }
}

/// Reads the head; `data` begins with the start line and is within the limits of size.
pub fn scan(data: &[u8]) -> Result<Head, Error> {
    let mut scanner = Scanner { data, defect: None };
    let first = scanner.line_end(0, &mut false);
    let (start, exact) = start_line(data, first.cr)?;
    if !exact {
        scanner.note(Error::bad("malformed start line", "start-line"));
    }
    let mut lines = Vec::with_capacity(20);
    let mut at = first.next;
    while at < data.len() && !data[at..].starts_with(b"\r\n") {
        if lines.len() == MAX_HEADERS {
            return Err(Error::too_large("too many headers", "header"));
        }
        let (line, next) = scanner.header(at);
        lines.push(line);
        at = next;
    }
    if at >= data.len() {
        scanner.note(Error::bad("headers do not end", "header"));
    }
    Ok(Head {
        start,
        start_line: Span::new(0, first.next),
        lines,
        body: data.len().min(at + 2),
        defect: scanner.defect,
    })
}

/// Reads the first line; false where it is readable but not what the grammar allows.
fn start_line(data: &[u8], end: usize) -> Result<(Start, bool), Error> {
    let line = &data[..end];
    if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
        return status_line(line).map(|start| (start, true));
    }
    let not_sip = Error::unusable("not a SIP message", "start-line");
    let (from, stop) = tokens::trim(line, 0, end);
    let last = memrchr(b' ', &line[from..stop]).ok_or(not_sip)? + from;
    let first = memchr(b' ', &line[from..stop]).ok_or(not_sip)? + from;
    let version = &line[last + 1..stop];
    if version.len() < 4 || !version[..4].eq_ignore_ascii_case(b"SIP/") {
        return Err(not_sip);
    }
    let (uri_start, uri_end) = tokens::trim(line, first.min(last), last);
    let uri = &line[uri_start..uri_end];
    let exact = (from, stop) == (0, end)
        && (uri_start, uri_end) == (first + 1, last)
        && all(&line[from..first], TOKEN)
        && all(uri, tokens::URI);
    let start = Start::Request {
        method: Span::new(from, first),
        uri: Span::new(uri_start, uri_end),
        version: Span::new(last + 1, stop),
    };
    Ok((start, exact))
}

/// A response that cannot be read can only be dropped.
fn status_line(line: &[u8]) -> Result<Start, Error> {
    let bad = Error::unusable("malformed status line", "start-line");
    let space = memchr(b' ', line).ok_or(bad)?;
    let code = line.get(space + 1..space + 4).ok_or(bad)?;
    let status = tokens::number(code, 699)
        .filter(|&code| code >= 100)
        .ok_or(bad)?;
    let reason = match line.get(space + 4) {
        None => line.len(),
        Some(b' ') => space + 5,
        Some(_) => return Err(bad),
    };
    Ok(Start::Response {
        version: Span::new(0, space),
        status: u16::try_from(status).map_err(|_| bad)?,
        reason: Span::new(reason, line.len()),
    })
}
