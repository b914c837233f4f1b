//! URIs: SIP and SIPS (RFC 3261 section 19.1), TEL (RFC 3966), any other scheme as opaque text.
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use memchr::{memchr, memchr2};

use crate::error::Error;
use crate::params::ParamText;
use crate::scan::Span;
use crate::tokens::{self, all, is, HOST, USER};

/// What the scheme tells about the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `sip` or `sips`.
    Sip,
    /// `tel`.
    Tel,
    /// Anything else.
    Other,
}

/// Where the parts of a URI stand in its text.
#[derive(Clone, Copy, Debug)]
pub struct UriParts {
    /// Which grammar was used.
    pub kind: Kind,
    /// Without the colon.
    pub scheme: Span,
    /// User and password; the number of a TEL URI.
    pub userinfo: Option<Span>,
    /// Host with brackets, without port; empty in other schemes.
    pub host: Span,
    /// 1 to 65535.
    pub port: Option<u16>,
    /// Host and port.
    pub hostport: Span,
    /// From the first semicolon.
    pub params: Span,
    /// After the question mark.
    pub headers: Span,
}

const BAD: Error = Error::bad("malformed URI", "URI");

/// Whether a host is a name, an IPv4 address or an IPv6 address in brackets.
pub fn is_host(host: &[u8]) -> bool {
    match host {
        [b'[', address @ .., b']'] => is_ipv6(address),
        _ => all(host, HOST),
    }
}

pub(crate) fn is_ipv6(address: &[u8]) -> bool {
    let text = std::str::from_utf8(address).unwrap_or("");
    address.len() <= 46 && (text.parse::<Ipv6Addr>().is_ok() || has_third_colon(text))
}

/// `2001:db8:::192.0.2.1`, as the grammar of RFC 3261 had it by mistake: RFC 5118 section 4.10
/// asks to take it for `2001:db8::192.0.2.1`.
fn has_third_colon(text: &str) -> bool {
    text.rsplit_once(":::").is_some_and(|(head, tail)| {
        tail.parse::<Ipv4Addr>().is_ok() && format!("{head}::{tail}").parse::<Ipv6Addr>().is_ok()
    })
}

/// Splits `host [":" port]`; the port comes second.
pub fn host_and_port(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let host_end = match text.first()? {
        b'[' => memchr(b']', text)? + 1,
        _ => memchr(b':', text).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(host_end);
    if !is_host(host) {
        return None;
    }
    match rest {
        [] => Some((host, None)),
        [b':', digits @ ..] => {
            let port = tokens::number(digits, 65_535).filter(|&port| port > 0)?;
            Some((host, Some(u16::try_from(port).ok()?)))
        }
        _ => None,
    }
}

impl UriParts {
    /// Reads a URI that fills the text.
    ///
    /// # Errors
    /// No scheme, white space, or (SIP, SIPS, TEL) not what the scheme's grammar allows.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let colon = memchr(b':', text).ok_or(BAD)?;
        let scheme = &text[..colon];
        let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b));
        if !named || !all(&text[colon + 1..], tokens::URI) {
            return Err(BAD);
        }
        let end = Span::new(text.len(), text.len());
        let mut parts = Self {
            kind: Kind::Other,
            scheme: Span::new(0, colon),
            userinfo: None,
            host: end,
            port: None,
            hostport: end,
            params: end,
            headers: end,
        };
        if scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips") {
            parts.kind = Kind::Sip;
            parts.read_sip(text, colon + 1)?;
        } else if scheme.eq_ignore_ascii_case(b"tel") {
            parts.kind = Kind::Tel;
            let end = memchr(b';', text).unwrap_or(text.len());
            if end == colon + 1 {
                return Err(BAD);
            }
            parts.userinfo = Some(Span::new(colon + 1, end));
            parts.params = Span::new(end, text.len());
        }
        Ok(parts)
    }

    fn read_sip(&mut self, text: &[u8], from: usize) -> Result<(), Error> {
        let mut host = from;
        if let Some(at) = memchr(b'@', &text[from..]) {
            host = from + at + 1;
            self.userinfo = Some(Span::new(from, host - 1));
            if at == 0 || text[from] == b':' || memchr(b'@', &text[host..]).is_some() {
                return Err(BAD);
            }
        }
        let stop = memchr2(b';', b'?', &text[host..]).map_or(text.len(), |n| host + n);
        let (name, port) = host_and_port(&text[host..stop]).ok_or(BAD)?;
        let question = memchr(b'?', &text[stop..]).map_or(text.len(), |n| stop + n);
        self.host = Span::new(host, host + name.len());
        self.hostport = Span::new(host, stop);
        self.port = port;
        self.params = Span::new(stop, question);
        self.headers = Span::new((question + 1).min(text.len()), text.len());
        Ok(())
    }
}

/// A URI with its text.
#[derive(Clone, Debug)]
pub struct Uri {
    text: Vec<u8>,
    parts: UriParts,
}

/// One parameter as written: from its semicolon, name, value.
pub(crate) struct RawParam {
    pub(crate) start: usize,
    pub(crate) end: usize,
    equals: Option<usize>,
}

pub(crate) fn raw_params(text: &[u8], span: Span) -> impl Iterator<Item = RawParam> + '_ {
    let (mut at, stop) = (span.start as usize, span.end as usize);
    std::iter::from_fn(move || {
        while at < stop {
            let start = at;
            let end = memchr(b';', &text[at + 1..stop]).map_or(stop, |n| at + 1 + n);
            at = end;
            if end > start + 1 {
                let equals = memchr(b'=', &text[start..end]).map(|n| start + n);
                return Some(RawParam { start, end, equals });
            }
        }
        None
    })
}

impl RawParam {
    pub(crate) fn name<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        tokens::unescape(&text[self.start + 1..self.equals.unwrap_or(self.end)])
    }

    fn value<'a>(&self, text: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        self.equals
            .map(|at| tokens::unescape(&text[at + 1..self.end]))
    }
}

impl Uri {
    /// Keeps the text as it is.
    ///
    /// # Errors
    /// As [`UriParts::parse`].
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let parts = UriParts::parse(text)?;
        Ok(Self {
            text: text.to_vec(),
            parts,
        })
    }

    /// The URI as given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where its parts stand.
    pub const fn parts(&self) -> &UriParts {
        &self.parts
    }

    /// The scheme as written.
    pub fn scheme(&self) -> &[u8] {
        self.parts.scheme.of(&self.text)
    }

    /// The user without password, unescaped; the number of a TEL URI.
    pub fn user(&self) -> Option<Cow<'_, [u8]>> {
        let info = self.parts.userinfo?.of(&self.text);
        let end = memchr(b':', info).unwrap_or(info.len());
        Some(tokens::unescape(&info[..end]))
    }

    /// The host without brackets.
    pub fn host(&self) -> &[u8] {
        match self.parts.host.of(&self.text) {
            [b'[', address @ .., b']'] => address,
            host => host,
        }
    }

    /// The port, where one is written.
    pub const fn port(&self) -> Option<u16> {
        self.parts.port
    }

    /// What follows the question mark.
    pub fn headers(&self) -> &[u8] {
        self.parts.headers.of(&self.text)
    }

    /// Parameters in order, unescaped; empty ones are left out.
    pub fn params(&self) -> impl Iterator<Item = ParamText<'_>> {
        let params = raw_params(&self.text, self.parts.params);
        params.map(|p| (p.name(&self.text), p.value(&self.text)))
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<RawParam> {
        let mut params = raw_params(&self.text, self.parts.params);
        params.find(|p| p.name(&self.text).eq_ignore_ascii_case(name))
    }

    /// A parameter's value, "" without one, `None` when it is absent.
    pub fn param(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let param = self.find(name)?;
        Some(param.value(&self.text).unwrap_or(Cow::Borrowed(b"")))
    }
}

/// Whether the byte may stand unescaped in a user, for comparing (RFC 3261 section 19.1.4).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    is(byte, USER) && !b"&=+$,;?/".contains(&byte)
}
