//! When two URIs mean the same (RFC 3261 section 19.1.4, RFC 3966 section 4).
use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::tokens;
use crate::uri::{is_unreserved, Kind, Uri};

/// Parameters that must be in both or in neither.
const STRICT: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];

type Table = BTreeMap<Vec<u8>, Vec<u8>>;

/// Escapes that need not be are undone; the others are the same whatever their case.
fn normal(text: &[u8]) -> Cow<'_, [u8]> {
    tokens::unescape_if(text, is_unreserved)
}

fn pairs(text: &[u8], separator: u8) -> Table {
    let pieces = text
        .split(|&b| b == separator)
        .filter(|piece| !piece.is_empty());
    let pair = |piece: &[u8]| {
        let mut halves = piece.splitn(2, |&b| b == b'=');
        let mut next = || normal(halves.next().unwrap_or(b"")).to_ascii_lowercase();
        (next(), next())
    };
    pieces.map(pair).collect()
}

/// The number without the visual separators of RFC 3966 section 5.1.1.
fn digits(number: &[u8]) -> Vec<u8> {
    let visible = normal(number).to_ascii_lowercase();
    visible
        .into_iter()
        .filter(|b| !b"-.()".contains(b))
        .collect()
}

impl Uri {
    /// Whether both name the same thing.
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        let kind = self.parts().kind;
        if kind != other.parts().kind || !self.scheme().eq_ignore_ascii_case(other.scheme()) {
            return false;
        }
        match kind {
            Kind::Sip => self.sip_equivalent(other),
            Kind::Tel => {
                let number = |uri: &Self| digits(uri.userinfo());
                number(self) == number(other) && self.param_table() == other.param_table()
            }
            Kind::Other => {
                let rest = |uri: &Self| uri.text()[uri.scheme().len()..].to_vec();
                rest(self) == rest(other)
            }
        }
    }

    fn userinfo(&self) -> &[u8] {
        self.parts()
            .userinfo
            .map_or(b"", |span| span.of(self.text()))
    }

    fn param_table(&self) -> Table {
        pairs(self.parts().params.of(self.text()), b';')
    }

    fn sip_equivalent(&self, other: &Self) -> bool {
        let same_authority = self.parts().userinfo.is_some() == other.parts().userinfo.is_some()
            && normal(self.userinfo()) == normal(other.userinfo())
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port();
        if !same_authority || pairs(self.headers(), b'&') != pairs(other.headers(), b'&') {
            return false;
        }
        let (ours, theirs) = (self.param_table(), other.param_table());
        let agree = |one: &Table, two: &Table| {
            one.iter().all(|(name, value)| match two.get(name) {
                Some(other) => value == other,
                None => !STRICT.contains(&name.as_slice()),
            })
        };
        agree(&ours, &theirs) && agree(&theirs, &ours)
    }
}
