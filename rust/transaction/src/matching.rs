//! Which transaction a message belongs to, and where its response goes.
use std::net::Ipv6Addr;

use sip_wire::{Error, Message, Via};

use crate::store::Key;

/// A branch that begins so is unique (RFC 3261 section 8.1.1.7).
pub(crate) const COOKIE: &str = "z9hG4bK";

/// The port of SIP over UDP (section 19.1.2).
pub(crate) const UDP_PORT: u16 = 5060;

fn key(parts: &[&[u8]]) -> Key {
    let length = parts.iter().map(|part| part.len() + 4).sum();
    let mut key = Vec::with_capacity(length);
    for part in parts {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        key.extend_from_slice(&length.to_be_bytes());
        key.extend_from_slice(part);
    }
    key.into()
}

/// The key of the client transaction of a response (section 17.1.3).
pub(crate) fn client_key(branch: &[u8], method: &[u8]) -> Key {
    key(&[branch, method])
}

/// Whether the branch is one of RFC 3261.
pub(crate) fn has_cookie(via: &Via) -> bool {
    let branch = via.param(b"branch");
    branch.is_some_and(|branch| branch.starts_with(COOKIE.as_bytes()))
}

/// The key of the server transaction of a request (section 17.2.3).
///
/// `method` is the one looked for: INVITE for an ACK or CANCEL that may belong to one. Without the
/// cookie the rules of RFC 2543 hold; the To tag of an ACK is then compared by the layer.
pub(crate) fn server_key(request: &Message, via: &Via, method: &[u8]) -> Key {
    let branch = via.param(b"branch").unwrap_or_default();
    let port = via.port().map(u16::to_be_bytes);
    let port = port.as_ref().map_or(&b""[..], |port| port);
    if branch.starts_with(COOKIE.as_bytes()) {
        return key(&[&branch, &via.host().to_ascii_lowercase(), port, method]);
    }
    key(&[
        request.uri(),
        &request.call_id(),
        &request.from_tag(),
        &number(request),
        via.transport(),
        via.host(),
        port,
        &branch,
        method,
    ])
}

/// What two copies of a request share that came by different ways (section 8.2.2.2).
pub(crate) fn merge_key(request: &Message) -> Key {
    key(&[
        &request.call_id(),
        &request.from_tag(),
        &number(request),
        request.method(),
    ])
}

fn number(request: &Message) -> [u8; 4] {
    request.cseq().unwrap_or(u32::MAX).to_be_bytes()
}

/// Writes received and rport into the top Via; whether responses go to the source itself.
///
/// RFC 3261 section 18.2.1: received when the Via's host is not the source. RFC 3581 section 4: a
/// Via that asks with rport gets both, and its port is the one to answer.
pub(crate) fn note_source(
    request: &mut Message,
    via: &Via,
    host: &str,
    port: u16,
) -> Result<bool, Error> {
    let asks = via.param(b"rport").is_some();
    if asks || !same_host(via.host(), host.as_bytes()) {
        let mut noted = via.clone();
        if asks {
            noted = noted.with_param(b"rport", Some(port.to_string().as_bytes()))?;
        }
        noted = noted.with_param(b"received", Some(host.as_bytes()))?;
        request.pop(b"Via");
        request.prepend(b"Via", noted.text())?;
    }
    Ok(asks)
}

/// Whether two texts are one host: names without case, addresses however written (RFC 5118).
fn same_host(one: &[u8], other: &[u8]) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    matches!((address(one), address(other)), (Some(one), Some(other)) if one == other)
}

/// An IPv6 address and its zone. A third colon before an embedded IPv4 address is a slip of RFC
/// 3261 (RFC 5118 section 4.10).
fn address(host: &[u8]) -> Option<(Ipv6Addr, String)> {
    let host = std::str::from_utf8(host).ok()?.replace(":::", "::");
    let (address, zone) = host.split_once('%').unwrap_or((&host, ""));
    Some((address.parse().ok()?, zone.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{key, same_host};

    #[test]
    fn hosts_are_one_however_written() {
        let same = [
            ("A.example", "a.EXAMPLE"),
            ("2001:db8::1", "2001:DB8:0::1"),
            ("::ffff:192.0.2.1", ":::ffff:192.0.2.1"),
            ("fe80:0::1%eth0", "fe80::1%eth0"),
        ];
        for (one, other) in same {
            assert!(same_host(one.as_bytes(), other.as_bytes()), "{one} {other}");
        }
        let others = [
            ("a.example", "b.example"),
            ("192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::2"),
            ("fe80::1%eth0", "fe80::1%eth1"),
        ];
        for (one, other) in others {
            assert!(
                !same_host(one.as_bytes(), other.as_bytes()),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn no_two_lists_of_parts_have_one_key() {
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_ne!(key(&[b"ab"]), key(&[b"ab", b""]));
    }
}
