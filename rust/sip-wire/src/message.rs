//! The message: one buffer, the places of its lines, and reading from them.
use std::borrow::Cow;

use crate::edit::SLACK;
use crate::error::Error;
use crate::header::{self, HeaderId, BROKEN, CALL_ID, CONTENT_LENGTH, CSEQ, FROM, OTHER, TO};
use crate::name_addr::AddrParts;
use crate::scan::{self, Line, Span, Start};
use crate::tokens;
use crate::values::Values;
use crate::via::Via;

/// Largest message, in bytes.
pub const MAX_MESSAGE: usize = 65_535;
/// Most header lines of a message.
pub const MAX_HEADERS: usize = 512;

/// A SIP request or response.
#[derive(Clone, Debug)]
pub struct Message {
    /// What was parsed, then what edits added; lines point into it.
    pub(crate) buffer: Vec<u8>,
    pub(crate) start: Start,
    /// The raw start line; empty when it is to be written from `start`.
    pub(crate) start_line: Span,
    pub(crate) lines: Vec<Line>,
    pub(crate) body: Span,
    /// What `validate` reports before anything else.
    pub(crate) defect: Option<Error>,
    /// Length of the buffer at which edits collect garbage.
    pub(crate) compact_at: usize,
}

impl Message {
    /// Reads a message that is there whole: a datagram or a frame.
    ///
    /// Accepts what can be answered with 400; `validate` has the rest. CRLFs before the start
    /// line are skipped (RFC 3261 section 7.5), bytes after Content-Length are dropped (18.3).
    ///
    /// # Errors
    /// Too large, too many headers, not SIP, or an unreadable status line.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        if data.len() > MAX_MESSAGE {
            return Err(Error::too_large("message too large", "message"));
        }
        let mut data = data;
        while let Some(rest) = data.strip_prefix(b"\r\n") {
            data = rest;
        }
        let head = scan::scan(data)?;
        let mut message = Self {
            buffer: Vec::new(),
            start: head.start,
            start_line: head.start_line,
            lines: head.lines,
            body: Span::new(head.body, data.len()),
            defect: head.defect,
            compact_at: 2 * data.len() + SLACK,
        };
        message.buffer = data.to_vec();
        message.cut_body();
        Ok(message)
    }

    fn cut_body(&mut self) {
        let Some(line) = self.first(CONTENT_LENGTH, b"") else {
            return;
        };
        let held = (self.body.end - self.body.start) as usize;
        let value = line.value.of(&self.buffer);
        match tokens::number(value, u64::MAX).map(usize::try_from) {
            Some(Ok(length)) if length <= held => {
                self.body.end = self.body.start + Span::new(length, length).end;
            }
            Some(_) => {
                let defect = Error::bad("body shorter than said", "Content-Length");
                self.defect.get_or_insert(defect);
            }
            None => {
                let defect = Error::bad("not a length", "Content-Length");
                self.defect.get_or_insert(defect);
            }
        }
    }

    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The request's method, or the method in `CSeq`; empty when unreadable.
    pub fn method(&self) -> &[u8] {
        match self.start {
            Start::Request { method, .. } => method.of(&self.buffer),
            Start::Response { .. } => self.cseq_parts().map_or(b"", |parts| parts.1),
        }
    }

    /// Request-URI; empty in a response.
    pub fn uri(&self) -> &[u8] {
        match self.start {
            Start::Request { uri, .. } => uri.of(&self.buffer),
            Start::Response { .. } => b"",
        }
    }

    /// Status code; 0 in a request.
    pub const fn status(&self) -> u16 {
        match self.start {
            Start::Request { .. } => 0,
            Start::Response { status, .. } => status,
        }
    }

    /// Reason phrase; empty in a request.
    pub fn reason(&self) -> &[u8] {
        match self.start {
            Start::Request { .. } => b"",
            Start::Response { reason, .. } => reason.of(&self.buffer),
        }
    }

    pub(crate) fn version(&self) -> &[u8] {
        match self.start {
            Start::Request { version, .. } | Start::Response { version, .. } => {
                version.of(&self.buffer)
            }
        }
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        self.body.of(&self.buffer)
    }

    /// `Call-ID`; empty when missing.
    pub fn call_id(&self) -> Cow<'_, [u8]> {
        self.first(CALL_ID, b"")
            .map_or(Cow::Borrowed(b""), |line| self.text(line))
    }

    /// Number and method of `CSeq`, as written.
    pub(crate) fn cseq_parts(&self) -> Option<(&[u8], &[u8])> {
        let value = self.first(CSEQ, b"")?.value.of(&self.buffer);
        let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
        let method = tokens::skip_space(value, digits);
        (method > digits).then(|| (&value[..digits], &value[method..]))
    }

    /// The number of `CSeq`, below 2^31 (RFC 3261 section 8.1.1.5).
    pub fn cseq(&self) -> Option<u32> {
        let (number, _) = self.cseq_parts()?;
        let number = tokens::number(number, (1 << 31) - 1)?;
        u32::try_from(number).ok()
    }

    /// The tag of From; empty when there is none.
    pub fn from_tag(&self) -> Cow<'_, [u8]> {
        self.tag(FROM)
    }

    /// The tag of To; empty when there is none.
    pub fn to_tag(&self) -> Cow<'_, [u8]> {
        self.tag(TO)
    }

    fn tag(&self, id: HeaderId) -> Cow<'_, [u8]> {
        let nothing = Cow::Borrowed(&b""[..]);
        let Some(line) = self.first(id, b"") else {
            return nothing;
        };
        let value = line.value.of(&self.buffer);
        match AddrParts::parse(value) {
            Ok((parts, _)) => parts.param(value, b"tag").unwrap_or(nothing),
            Err(_) => nothing,
        }
    }

    /// The first Via value; `None` when missing or unreadable.
    pub fn top_via(&self) -> Option<Via> {
        let first = self.values(b"Via").next()?;
        Via::parse(&first).ok()
    }

    /// The value of the first line of that name.
    pub fn get(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let id = header::lookup(name);
        self.first(id, name).map(|line| self.text(line))
    }

    /// The value of every line of that name.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> + 'a {
        self.matching(name).map(|line| self.text(line))
    }

    /// Every value of that name: lines of lists split at their commas, empty values left out.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> + 'a {
        self.matching(name).flat_map(|line| Values {
            text: line.value.of(&self.buffer),
            at: 0,
            list: header::is_list(line.id),
            folded: line.folded,
        })
    }

    /// Long name and value of every line in order; lines without a name are left out.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Cow<'_, [u8]>)> {
        let named = self.lines.iter().filter(|line| line.id != BROKEN);
        named.map(|line| {
            let long = header::long_name(line.id).map(str::as_bytes);
            (
                long.unwrap_or_else(|| line.name.of(&self.buffer)),
                self.text(line),
            )
        })
    }

    /// The message as it goes out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.buffer.len() + 64);
        self.write_start(&mut out);
        for line in &self.lines {
            if line.end == 0 {
                out.extend_from_slice(line.name.of(&self.buffer));
                out.extend_from_slice(b": ");
                out.extend_from_slice(line.value.of(&self.buffer));
                out.extend_from_slice(b"\r\n");
            } else {
                let raw = Span {
                    start: line.name.start,
                    end: line.end,
                };
                out.extend_from_slice(raw.of(&self.buffer));
                if !out.ends_with(b"\r\n") {
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body());
        out
    }

    fn write_start(&self, out: &mut Vec<u8>) {
        let raw = self.start_line.of(&self.buffer);
        if !raw.is_empty() {
            out.extend_from_slice(raw);
            if !raw.ends_with(b"\r\n") {
                out.extend_from_slice(b"\r\n");
            }
            return;
        }
        let (first, status) = match self.start {
            Start::Request { method, .. } => (method.of(&self.buffer), String::new()),
            Start::Response { status, .. } => (&b"SIP/2.0"[..], status.to_string()),
        };
        let (second, third) = match self.start {
            Start::Request { uri, .. } => (uri.of(&self.buffer), &b"SIP/2.0"[..]),
            Start::Response { reason, .. } => (status.as_bytes(), reason.of(&self.buffer)),
        };
        out.extend_from_slice(&[first, b" ", second, b" ", third, b"\r\n"].concat());
    }

    /// A value as one line.
    pub(crate) fn text(&self, line: &Line) -> Cow<'_, [u8]> {
        let value = line.value.of(&self.buffer);
        if line.folded {
            Cow::Owned(tokens::unfold(value))
        } else {
            Cow::Borrowed(value)
        }
    }

    pub(crate) fn is_named(&self, line: &Line, id: HeaderId, name: &[u8]) -> bool {
        line.id == id && (id != OTHER || line.name.of(&self.buffer).eq_ignore_ascii_case(name))
    }

    /// The first line of that header; `name` matters for unknown ones only.
    pub(crate) fn first(&self, id: HeaderId, name: &[u8]) -> Option<&Line> {
        self.lines.iter().find(|line| self.is_named(line, id, name))
    }

    fn matching<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Line> + 'a {
        let id = header::lookup(name);
        self.lines
            .iter()
            .filter(move |line| self.is_named(line, id, name))
    }
}
