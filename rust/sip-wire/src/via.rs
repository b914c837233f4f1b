//! One Via value (RFC 3261 section 20.42).
use std::borrow::Cow;

use crate::error::Error;
use crate::params;
use crate::scan::Span;
use crate::tokens::{self, run, skip_space, TOKEN};
use crate::uri::is_host;

const BAD: Error = Error::bad("malformed Via", "Via");

/// Where the parts stand in the text.
#[derive(Clone, Copy, Debug)]
pub struct ViaParts {
    /// `UDP`, `TCP`, `TLS` or another token.
    pub transport: Span,
    /// Host of sent-by, with brackets.
    pub host: Span,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// Where the parameters begin.
    pub params: usize,
}

fn token(text: &[u8], at: usize) -> Result<(Span, usize), Error> {
    let start = skip_space(text, at);
    let end = run(text, start, TOKEN);
    if end == start {
        return Err(BAD);
    }
    Ok((Span::new(start, end), end))
}

fn slash(text: &[u8], at: usize) -> Result<usize, Error> {
    let at = skip_space(text, at);
    if text.get(at) == Some(&b'/') {
        Ok(at + 1)
    } else {
        Err(BAD)
    }
}

impl ViaParts {
    /// Reads a value that fills the text; space may stand wherever the grammar has `LWS`.
    ///
    /// # Errors
    /// Anything that the grammar does not allow.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let (_name, at) = token(text, 0)?;
        let (_version, at) = token(text, slash(text, at)?)?;
        let (transport, at) = token(text, slash(text, at)?)?;
        let start = skip_space(text, at);
        if start == at {
            return Err(BAD);
        }
        let ends = |b: &u8| matches!(b, b':' | b';') || tokens::is_space(*b);
        let end = if text.get(start) == Some(&b'[') {
            memchr::memchr(b']', &text[start..]).ok_or(BAD)? + start + 1
        } else {
            text[start..]
                .iter()
                .position(ends)
                .map_or(text.len(), |n| start + n)
        };
        if !is_host(&text[start..end]) {
            return Err(BAD);
        }
        let (port, params) = port(text, end)?;
        params::check(text, params, "Via")?;
        Ok(Self {
            transport,
            host: Span::new(start, end),
            port,
            params,
        })
    }
}

fn port(text: &[u8], at: usize) -> Result<(Option<u16>, usize), Error> {
    let colon = skip_space(text, at);
    if text.get(colon) != Some(&b':') {
        return Ok((None, at));
    }
    let start = skip_space(text, colon + 1);
    let digits = text[start..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let port = tokens::number(&text[start..start + digits], 65_535).filter(|&p| p > 0);
    let port = port.and_then(|p| u16::try_from(p).ok()).ok_or(BAD)?;
    Ok((Some(port), start + digits))
}

/// A Via value with its text.
#[derive(Clone, Debug)]
pub struct Via {
    text: Vec<u8>,
    parts: ViaParts,
}

impl Via {
    /// Keeps the text as it is.
    ///
    /// # Errors
    /// As [`ViaParts::parse`].
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            parts: ViaParts::parse(text)?,
            text: text.to_vec(),
        })
    }

    /// The value as given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The transport as written.
    pub fn transport(&self) -> &[u8] {
        self.parts.transport.of(&self.text)
    }

    /// The host of sent-by without brackets.
    pub fn host(&self) -> &[u8] {
        match self.parts.host.of(&self.text) {
            [b'[', address @ .., b']'] => address,
            host => host,
        }
    }

    /// The port of sent-by, where one is written.
    pub const fn port(&self) -> Option<u16> {
        self.parts.port
    }

    /// A parameter's value, "" without one, `None` when it is absent.
    pub fn param(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let param = params::find(&self.text, self.parts.params, name)?;
        Some(params::value(&self.text, &param))
    }

    /// The value with a parameter in its place or at the end.
    ///
    /// # Errors
    /// The name is no token or the value has a line break.
    pub fn with_param(&self, name: &[u8], value: Option<&[u8]>) -> Result<Self, Error> {
        Self::parse(&params::with(&self.text, self.parts.params, name, value)?)
    }
}
