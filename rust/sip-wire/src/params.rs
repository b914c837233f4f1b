//! Header parameters, `*( SEMI generic-param )` (RFC 3261 section 25.1), and splicing them.
use std::borrow::Cow;

use crate::error::Error;
use crate::tokens::{self, all, is, run, skip_space, TOKEN, VALUE};

/// A parameter's name and value as given out: plain text, `None` without `=`.
pub type ParamText<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

/// Where a parameter stands: from its semicolon to its end.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The semicolon.
    pub start: usize,
    /// The name.
    pub name: (usize, usize),
    /// The value with its quotes.
    pub value: Option<(usize, usize)>,
    /// After the last byte.
    pub end: usize,
}

/// Reads parameters from `at` to the end of the text.
pub struct Params<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Params<'a> {
    /// Begins at the first semicolon or the space before it.
    pub const fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    fn read(&mut self) -> Option<Result<Param, ()>> {
        let text = self.text;
        let start = skip_space(text, self.at);
        if start == text.len() {
            return None;
        }
        if text[start] != b';' {
            return Some(Err(()));
        }
        let name_start = skip_space(text, start + 1);
        let name_end = run(text, name_start, TOKEN);
        if name_end == name_start {
            return Some(Err(()));
        }
        let mut param = Param {
            start,
            name: (name_start, name_end),
            value: None,
            end: name_end,
        };
        let equals = skip_space(text, name_end);
        if text.get(equals) == Some(&b'=') {
            let from = skip_space(text, equals + 1);
            let end = match text.get(from) {
                Some(b'"') => tokens::quoted_end(text, from),
                _ => Some(run(text, from, VALUE)),
            };
            let Some(end) = end else {
                return Some(Err(()));
            };
            param.value = Some((from, end));
            param.end = end.max(equals + 1);
        }
        self.at = param.end;
        Some(Ok(param))
    }
}

impl Iterator for Params<'_> {
    type Item = Result<Param, ()>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read();
        if matches!(item, Some(Err(()))) {
            self.at = self.text.len();
        }
        item
    }
}

/// Whether the text from `at` on is parameters and nothing else.
pub fn check(text: &[u8], at: usize, place: &'static str) -> Result<(), Error> {
    match Params::new(text, at).find(Result::is_err) {
        Some(_) => Err(Error::bad("malformed parameters", place)),
        None => Ok(()),
    }
}

/// The first parameter of that name.
pub fn find(text: &[u8], at: usize, name: &[u8]) -> Option<Param> {
    let mut params = Params::new(text, at).flatten();
    params.find(|p| text[p.name.0..p.name.1].eq_ignore_ascii_case(name))
}

/// Plain text of a parameter's value, "" when it has none.
pub fn value<'a>(text: &'a [u8], param: &Param) -> Cow<'a, [u8]> {
    let plain = param
        .value
        .map(|(start, end)| tokens::unquote(&text[start..end]));
    plain.unwrap_or(Cow::Borrowed(b""))
}

/// Every parameter in order.
pub fn list(text: &[u8], at: usize) -> impl Iterator<Item = ParamText<'_>> {
    Params::new(text, at).flatten().map(|p| {
        let value = p
            .value
            .map(|(start, end)| tokens::unquote(&text[start..end]));
        (Cow::Borrowed(&text[p.name.0..p.name.1]), value)
    })
}

/// Appends `;name=value`, quoted where the value needs it.
pub fn write(out: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    if !all(name, TOKEN) {
        return Err(Error::unusable("not a parameter name", "parameter"));
    }
    out.push(b';');
    out.extend_from_slice(name);
    let Some(value) = value else {
        return Ok(());
    };
    out.push(b'=');
    if value.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Err(Error::unusable("line break in a value", "parameter"));
    }
    if !value.is_empty() && value.iter().all(|&b| b < 0x80 && is(b, VALUE)) {
        out.extend_from_slice(value);
    } else {
        tokens::quote_into(out, value);
    }
    Ok(())
}

/// The text with the parameter put in its place or at the end; other bytes stay.
pub fn with(text: &[u8], at: usize, name: &[u8], value: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let (start, end) = find(text, at, name).map_or((text.len(), text.len()), |p| (p.start, p.end));
    let mut out = Vec::with_capacity(text.len() + name.len() + 32);
    out.extend_from_slice(&text[..start]);
    write(&mut out, name, value)?;
    out.extend_from_slice(&text[end..]);
    Ok(out)
}

/// The text without the parameters of that name.
pub fn without(text: &[u8], at: usize, name: &[u8]) -> Vec<u8> {
    let mut out = text[..at].to_vec();
    let mut from = at;
    for param in Params::new(text, at).flatten() {
        if text[param.name.0..param.name.1].eq_ignore_ascii_case(name) {
            out.extend_from_slice(&text[from..param.start]);
            from = param.end;
        }
    }
    out.extend_from_slice(&text[from..]);
    out
}
