//! Changing a message: new text goes to the end of the buffer, untouched lines stay where they are.
use std::borrow::Cow;

use crate::error::Error;
use crate::header::{self, CONTENT_LENGTH, CONTENT_TYPE};
use crate::message::Message;
use crate::scan::{Line, Span, Start};
use crate::tokens::{self, all, TOKEN};
use crate::values::Values;

/// A buffer that edits have grown by this beyond twice its live bytes is written anew.
pub(crate) const SLACK: usize = 1 << 14;

pub(crate) fn check_line(text: &[u8], place: &'static str) -> Result<(), Error> {
    match memchr::memchr2(b'\r', b'\n', text) {
        Some(_) => Err(Error::unusable("line break in a value", place)),
        None => Ok(()),
    }
}

fn check_name(name: &[u8]) -> Result<(), Error> {
    if all(name, TOKEN) {
        Ok(())
    } else {
        Err(Error::unusable("not a header name", "header"))
    }
}

impl Message {
    /// Replaces the Request-URI.
    ///
    /// # Errors
    /// It is a response, or the URI is empty or has characters that no URI has.
    pub fn set_uri(&mut self, text: &[u8]) -> Result<(), Error> {
        self.tidy();
        if !all(text, tokens::URI) {
            return Err(Error::unusable("not a URI", "start-line"));
        }
        let span = self.intern(text);
        match &mut self.start {
            Start::Request { uri, .. } => *uri = span,
            Start::Response { .. } => {
                return Err(Error::unusable("a response has no URI", "start-line"))
            }
        }
        self.start_line = Span::default();
        Ok(())
    }

    /// Replaces the body; sets `Content-Length`, removes `Content-Type` when empty.
    pub fn set_body(&mut self, body: &[u8]) {
        self.tidy();
        self.body = self.intern(body);
        if body.is_empty() {
            self.remove_id(CONTENT_TYPE, b"");
        }
        let length = body.len().to_string();
        self.put(b"Content-Length", CONTENT_LENGTH, length.as_bytes());
    }

    /// Puts the value where the first line of that name stood (else at the end), drops the rest.
    ///
    /// # Errors
    /// The name is no token or the value has a line break in it.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), Error> {
        check_name(name)?;
        check_line(value, "header")?;
        self.put(name, header::lookup(name), value);
        Ok(())
    }

    fn put(&mut self, name: &[u8], id: u8, value: &[u8]) {
        self.tidy();
        let span = self.intern(value);
        let found = self
            .lines
            .iter()
            .position(|line| self.is_named(line, id, name));
        let Some(at) = found else {
            let line = self.new_line(name, id, span);
            self.lines.push(line);
            return;
        };
        let line = &mut self.lines[at];
        (line.value, line.end, line.folded) = (span, 0, false);
        self.drop_after(at + 1, id, name);
    }

    /// The same with one line a value; none removes the header.
    ///
    /// # Errors
    /// As `set`; then nothing has changed.
    pub fn set_all(&mut self, name: &[u8], values: &[Cow<'_, [u8]>]) -> Result<(), Error> {
        self.tidy();
        check_name(name)?;
        values
            .iter()
            .try_for_each(|value| check_line(value, "header"))?;
        let id = header::lookup(name);
        let found = self
            .lines
            .iter()
            .position(|line| self.is_named(line, id, name));
        let at = found.unwrap_or(self.lines.len());
        let mut lines = Vec::with_capacity(values.len());
        for value in values {
            let span = self.intern(value);
            lines.push(self.new_line(name, id, span));
        }
        self.drop_after(at, id, name);
        self.lines.splice(at..at, lines);
        Ok(())
    }

    /// A new line after the last of that name, else at the end.
    ///
    /// # Errors
    /// As `set`.
    pub fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), Error> {
        let id = header::lookup(name);
        let found = self
            .lines
            .iter()
            .rposition(|line| self.is_named(line, id, name));
        let at = found.map_or(self.lines.len(), |at| at + 1);
        self.insert(at, name, id, value)
    }

    /// A new line before the first of that name, else as the first header.
    ///
    /// # Errors
    /// As `set`.
    pub fn prepend(&mut self, name: &[u8], value: &[u8]) -> Result<(), Error> {
        let id = header::lookup(name);
        let found = self
            .lines
            .iter()
            .position(|line| self.is_named(line, id, name));
        self.insert(found.unwrap_or(0), name, id, value)
    }

    fn insert(&mut self, at: usize, name: &[u8], id: u8, value: &[u8]) -> Result<(), Error> {
        self.tidy();
        check_name(name)?;
        check_line(value, "header")?;
        let span = self.intern(value);
        let line = self.new_line(name, id, span);
        self.lines.insert(at, line);
        Ok(())
    }

    /// Removes the first value of that name and returns it; other values of its line stay.
    pub fn pop(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        let id = header::lookup(name);
        loop {
            let at = self
                .lines
                .iter()
                .position(|line| self.is_named(line, id, name))?;
            let line = self.lines[at];
            let mut values = Values {
                text: line.value.of(&self.buffer),
                at: 0,
                list: header::is_list(id),
                folded: line.folded,
            };
            let Some((start, end)) = values.next_span() else {
                self.lines.remove(at);
                continue;
            };
            let value = &values.text[start..end];
            let value = if line.folded {
                tokens::unfold(value)
            } else {
                value.to_vec()
            };
            let (rest, stop) = tokens::trim(
                values.text,
                values.at.min(values.text.len()),
                values.text.len(),
            );
            if rest == stop {
                self.lines.remove(at);
            } else {
                let line = &mut self.lines[at];
                line.value.start += Span::new(rest, rest).start;
                line.end = 0;
            }
            return Some(value);
        }
    }

    /// Removes every line of that name, returns how many there were.
    pub fn remove(&mut self, name: &[u8]) -> usize {
        self.remove_id(header::lookup(name), name)
    }

    fn remove_id(&mut self, id: u8, name: &[u8]) -> usize {
        let before = self.lines.len();
        self.drop_after(0, id, name);
        before - self.lines.len()
    }

    fn drop_after(&mut self, from: usize, id: u8, name: &[u8]) {
        let mut at = 0;
        let mut lines = std::mem::take(&mut self.lines);
        lines.retain(|line| {
            at += 1;
            at <= from || !self.is_named(line, id, name)
        });
        self.lines = lines;
    }

    fn new_line(&mut self, name: &[u8], id: u8, value: Span) -> Line {
        Line {
            name: self.intern(name),
            value,
            end: 0,
            id,
            folded: false,
        }
    }

    /// Drops the bytes that nothing points at, when edits have made many of them.
    fn tidy(&mut self) {
        if self.buffer.len() < self.compact_at {
            return;
        }
        let old = std::mem::take(&mut self.buffer);
        let mut fresh = Vec::with_capacity(old.len() / 2);
        let mut keep = |span: &mut Span| {
            let start = fresh.len();
            fresh.extend_from_slice(span.of(&old));
            *span = Span::new(start, fresh.len());
        };
        match &mut self.start {
            Start::Request {
                method,
                uri,
                version,
            } => {
                [method, uri, version].into_iter().for_each(&mut keep);
            }
            Start::Response {
                version, reason, ..
            } => {
                [version, reason].into_iter().for_each(&mut keep);
            }
        }
        self.start_line = Span::default();
        keep(&mut self.body);
        for line in &mut self.lines {
            // A raw line is not worth keeping raw at this size: it is written from its parts.
            line.end = 0;
            keep(&mut line.name);
            keep(&mut line.value);
        }
        self.buffer = fresh;
        self.compact_at = self.buffer.len() * 2 + SLACK;
    }

    /// Puts bytes at the end of the buffer.
    pub(crate) fn intern(&mut self, text: &[u8]) -> Span {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(text);
        Span::new(start, self.buffer.len())
    }
}
