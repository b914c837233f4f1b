//! Which lines speak of keys, and which of the transport.

use crate::value::trimmed;

/// Attributes of an agreement on keys (SDES, DTLS-SRTP, ZRTP).
const KEYS: [&[u8]; 6] = [
    b"crypto",
    b"fingerprint",
    b"setup",
    b"tls-id",
    b"zrtp-hash",
    b"key-mgmt",
];
/// What else a browser writes of ICE, BUNDLE and header extensions.
const TRANSPORT: [&[u8]; 24] = [
    b"identity",
    b"ice-ufrag",
    b"ice-pwd",
    b"ice-options",
    b"ice-lite",
    b"ice-pacing",
    b"ice-mismatch",
    b"candidate",
    b"end-of-candidates",
    b"remote-candidates",
    b"rtcp",
    b"rtcp-mux",
    b"rtcp-mux-only",
    b"mid",
    b"group",
    b"bundle-only",
    b"msid",
    b"msid-semantic",
    b"ssrc",
    b"ssrc-group",
    b"extmap",
    b"extmap-allow-mixed",
    b"rid",
    b"simulcast",
];
/// RTCP feedback that works with header extensions only.
const BY_EXTENSION: [&[u8]; 2] = [b"transport-cc", b"goog-remb"];

/// Whether the value of an a= line is part of an agreement on keys.
pub(crate) fn is_key(value: &[u8]) -> bool {
    is_one_of(&KEYS, name(value))
}

/// Whether the value of an a= line speaks of the transport, and not of what is carried.
pub(crate) fn is_of_transport(value: &[u8]) -> bool {
    let known = name(value);
    if is_one_of(&KEYS, known) || is_one_of(&TRANSPORT, known) {
        return true;
    }
    let has = |word: &&[u8]| value.windows(word.len()).any(|part| part == *word);
    value.starts_with(b"rtcp-fb:") && BY_EXTENSION.iter().any(has)
}

fn name(value: &[u8]) -> &[u8] {
    trimmed(value.split(|byte| *byte == b':').next().unwrap_or_default())
}

fn is_one_of(names: &[&[u8]], name: &[u8]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_case_and_blanks() {
        assert!(is_key(b" Crypto :1 AES"));
        assert!(!is_key(b"rtpmap:8 PCMA/8000"));
        assert!(is_of_transport(b"ICE-Lite") && is_of_transport(b"simulcast:send 1"));
        assert!(is_of_transport(b"rtcp-fb:96 goog-remb"));
        assert!(!is_of_transport(b"rtcp-fb:96 nack") && !is_of_transport(b"ptime:20"));
    }
}
