//! Addresses as o=, c= and a=rtcp name them.

use std::net::IpAddr;

use crate::error::Reason;

/// 4 or 6 for IP4 or IP6.
pub(crate) fn version_of(kind: &[u8]) -> Option<u8> {
    match kind {
        [b'I' | b'i', b'P' | b'p', version @ (b'4' | b'6')] => Some(version - b'0'),
        _ => None,
    }
}

/// An IP literal or a domain name out of network, type, address; the type must fit a literal.
pub(crate) fn read<'a>(network: &[u8], kind: &[u8], address: &'a [u8]) -> Result<&'a str, Reason> {
    let version = version_of(kind).filter(|_| network.eq_ignore_ascii_case(b"IN"));
    let version = version.ok_or(Reason::AddressType)?;
    let text = std::str::from_utf8(address).map_err(|_| Reason::Address)?;
    let fits = match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => version == 4,
        Ok(IpAddr::V6(_)) => version == 6,
        Err(_) => is_name(text),
    };
    if fits {
        Ok(text)
    } else {
        Err(Reason::Address)
    }
}

/// Labels of letters, digits and hyphens; not digits alone.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(fits)
    };
    name.split('.').all(is_label) && !name.bytes().all(|one| one == b'.' || one.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_fits_its_literal_and_names_are_names() {
        for (kind, address) in [
            ("IP4", "10.0.0.1"),
            ("ip6", "2001:db8::1"),
            ("IP6", "a.b."),
            ("IP4", "x-1"),
        ] {
            assert_eq!(
                read(b"in", kind.as_bytes(), address.as_bytes()),
                Ok(address)
            );
        }
        for (kind, address) in [
            ("IP4", "::1"),
            ("IP6", "10.0.0.1"),
            ("IP4", "300.1.1.1"),
            ("IP4", "a..b"),
            ("IP4", "."),
            ("IP6", "fe80::1%eth0"),
            ("IP4", "\u{e9}"),
        ] {
            let found = read(b"IN", kind.as_bytes(), address.as_bytes());
            assert_eq!(found, Err(Reason::Address), "{address}");
        }
        assert_eq!(read(b"IN", b"IP5", b"a"), Err(Reason::AddressType));
    }
}
