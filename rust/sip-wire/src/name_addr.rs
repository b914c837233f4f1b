//! `( name-addr / addr-spec ) *( SEMI generic-param )`: From, To, Contact, Route and their kin.
use std::borrow::Cow;

use memchr::memchr;

use crate::error::Error;
use crate::params::{self, ParamText};
use crate::scan::Span;
use crate::tokens::{self, is, skip_space, DISPLAY};
use crate::uri::{Uri, UriParts};

const BAD: Error = Error::bad("malformed address", "address");

/// Where the parts stand in the text.
#[derive(Clone, Copy, Debug)]
pub struct AddrParts {
    /// With its quotes.
    pub display: Span,
    /// Between the angle brackets, where there are some.
    pub uri: Span,
    /// Whether there are angle brackets.
    pub bracketed: bool,
    /// Where the header parameters begin.
    pub params: usize,
}

impl AddrParts {
    /// Reads a value that fills the text; the URI is read too.
    ///
    /// # Errors
    /// As RFC 3261 section 20.10; a bare URI must not hold a question mark.
    pub fn parse(text: &[u8]) -> Result<(Self, UriParts), Error> {
        let from = skip_space(text, 0);
        let parts = match display(text, from)? {
            Some((display, open)) => {
                let close = memchr(b'>', &text[open..]).ok_or(BAD)? + open;
                Self {
                    display,
                    uri: Span::new(open + 1, close),
                    bracketed: true,
                    params: close + 1,
                }
            }
            None => {
                let ends = |b: &u8| tokens::is_space(*b) || *b == b';';
                let end = text[from..]
                    .iter()
                    .position(ends)
                    .map_or(text.len(), |n| from + n);
                if text[from..end].iter().any(|b| matches!(b, b'?' | b',')) {
                    return Err(Error::bad("URI needs angle brackets", "address"));
                }
                Self {
                    display: Span::default(),
                    uri: Span::new(from, end),
                    bracketed: false,
                    params: end,
                }
            }
        };
        let uri = UriParts::parse(parts.uri.of(text))?;
        params::check(text, parts.params, "address")?;
        Ok((parts, uri))
    }

    /// The value of a header parameter in the text that was parsed.
    pub fn param<'a>(&self, text: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
        params::find(text, self.params, name).map(|param| params::value(text, &param))
    }
}

/// The display name and the index of `<`; `None` when the text is a bare URI.
fn display(text: &[u8], from: usize) -> Result<Option<(Span, usize)>, Error> {
    if text.get(from) == Some(&b'"') {
        let end = tokens::quoted_end(text, from).ok_or(BAD)?;
        let open = skip_space(text, end);
        if text.get(open) != Some(&b'<') {
            return Err(BAD);
        }
        return Ok(Some((Span::new(from, end), open)));
    }
    let mut at = from;
    while at < text.len() && (is(text[at], DISPLAY) || tokens::is_space(text[at])) {
        at += 1;
    }
    if text.get(at) == Some(&b'<') {
        let (start, end) = tokens::trim(text, from, at);
        return Ok(Some((Span::new(start, end), at)));
    }
    Ok(None)
}

/// An address with its text.
#[derive(Clone, Debug)]
pub struct NameAddr {
    text: Vec<u8>,
    parts: AddrParts,
}

impl NameAddr {
    /// Keeps the text as it is.
    ///
    /// # Errors
    /// As [`AddrParts::parse`].
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let (parts, _) = AddrParts::parse(text)?;
        Ok(Self {
            text: text.to_vec(),
            parts,
        })
    }

    /// Puts a value together; the display name is always quoted.
    ///
    /// # Errors
    /// A line break in the display name, or a parameter that cannot be written.
    pub fn build(uri: &Uri, display: &[u8], list: &[ParamText<'_>]) -> Result<Self, Error> {
        let mut text = Vec::with_capacity(uri.text().len() + display.len() + 16);
        if display.iter().any(|b| matches!(b, b'\r' | b'\n')) {
            return Err(Error::unusable("line break in a value", "address"));
        }
        if !display.is_empty() {
            tokens::quote_into(&mut text, display);
            text.push(b' ');
        }
        text.push(b'<');
        text.extend_from_slice(uri.text());
        text.push(b'>');
        for (name, value) in list {
            params::write(&mut text, name, value.as_deref())?;
        }
        Self::parse(&text)
    }

    /// The value as given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The display name without quotes, "" when there is none.
    pub fn display(&self) -> Cow<'_, [u8]> {
        tokens::unquote(self.parts.display.of(&self.text))
    }

    /// The URI.
    ///
    /// # Errors
    /// None in practice: it was read when the value was parsed.
    pub fn uri(&self) -> Result<Uri, Error> {
        Uri::parse(self.parts.uri.of(&self.text))
    }

    /// Header parameters in order, unquoted.
    pub fn params(&self) -> impl Iterator<Item = ParamText<'_>> {
        params::list(&self.text, self.parts.params)
    }

    /// A header parameter's value, "" without one.
    pub fn param(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.parts.param(&self.text, name)
    }

    /// Another URI; display name and parameters keep their bytes. Brackets are added if missing.
    ///
    /// # Errors
    /// None in practice.
    pub fn with_uri(&self, uri: &Uri) -> Result<Self, Error> {
        let (before, after) = if self.parts.bracketed {
            (&b""[..], &b""[..])
        } else {
            (&b"<"[..], &b">"[..])
        };
        let span = self.parts.uri;
        let head = &self.text[..span.start as usize];
        let tail = &self.text[span.end as usize..];
        Self::parse(&[head, before, uri.text(), after, tail].concat())
    }

    /// The value with a header parameter in its place or at the end.
    ///
    /// # Errors
    /// The name is no token or the value has a line break.
    pub fn with_param(&self, name: &[u8], value: Option<&[u8]>) -> Result<Self, Error> {
        Self::parse(&params::with(&self.text, self.parts.params, name, value)?)
    }

    /// The value without the header parameters of that name.
    ///
    /// # Errors
    /// None in practice.
    pub fn without_param(&self, name: &[u8]) -> Result<Self, Error> {
        Self::parse(&params::without(&self.text, self.parts.params, name))
    }
}
