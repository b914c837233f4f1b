//! The sample messages of RFC 5769, and what hostile ones do.

use stun::{Attribute, Kind, Message, Writer};

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

/// RFC 5769 section 2.1: a binding request of ICE.
const REQUEST: [u8; 108] = [
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

/// RFC 5769 section 2.2: its answer over IPv4.
const RESPONSE: [u8; 80] = [
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9,
    0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];

#[test]
fn the_request_of_rfc_5769_is_read_and_authentic() {
    let message = Message::parse(&REQUEST).expect("a message");
    assert_eq!(message.kind(), Kind::BindingRequest);
    assert!(message.is_fingerprinted());
    assert_eq!(message.get(Attribute::Username), Some(&b"evtj:h6vY"[..]));
    assert!(message.get(Attribute::IceControlled).is_some());
    assert!(message.get(Attribute::UseCandidate).is_none());
    assert!(message.is_authentic(PASSWORD));
    assert!(!message.is_authentic(b"another"));
    assert_eq!(message.unknown().count(), 0);
}

#[test]
fn the_response_of_rfc_5769_names_the_address() {
    let message = Message::parse(&RESPONSE).expect("a message");
    assert_eq!(message.kind(), Kind::BindingSuccess);
    assert!(message.is_authentic(PASSWORD));
    assert_eq!(message.mapped(), "192.0.2.1:32853".parse().ok());
}

#[test]
fn what_is_written_is_read() {
    let at = "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
        .parse()
        .expect("an address");
    let bytes = Writer::new(Kind::BindingError, *b"transaction!")
        .with_mapped(at)
        .with_error(487, "Role Conflict")
        .finish(b"pass");
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!(message.kind(), Kind::BindingError);
    assert_eq!(message.transaction(), *b"transaction!");
    assert_eq!(message.mapped(), Some(at));
    assert_eq!(message.error_code(), Some(487));
    assert!(message.is_authentic(b"pass") && message.is_fingerprinted());
}

#[test]
fn any_changed_bit_is_seen() {
    for at in 0..REQUEST.len() * 8 {
        let mut changed = REQUEST;
        changed[at / 8] ^= 1 << (at % 8);
        let message = Message::parse(&changed);
        assert!(message.is_none_or(|one| !one.is_authentic(PASSWORD) || !one.is_fingerprinted()));
    }
}

#[test]
fn cut_and_noisy_messages_are_refused() {
    for length in 0..REQUEST.len() {
        assert!(Message::parse(&REQUEST[..length]).is_none());
    }
    let mut long = REQUEST.to_vec();
    long.push(0);
    assert!(Message::parse(&long).is_none());
    assert!(Message::parse(&[0x80; 64]).is_none());
}

#[test]
fn what_follows_the_integrity_counts_for_nothing() {
    // USE-CANDIDATE put behind by somebody who does not know the password.
    let mut bytes = REQUEST[..100].to_vec();
    bytes.extend([0x00, 0x25, 0, 0]);
    let length = (bytes.len() - 20) as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let message = Message::parse(&bytes).expect("a message");
    assert!(message.is_authentic(PASSWORD));
    assert!(message.get(Attribute::UseCandidate).is_none());
    assert!(!message.is_fingerprinted());
}

#[test]
fn an_attribute_that_must_be_understood_is_named() {
    let mut bytes = REQUEST[..20].to_vec();
    bytes.extend([0x7f, 0x01, 0, 0, 0xff, 0x01, 0, 0]);
    bytes[3] = 8;
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!(message.unknown().collect::<Vec<_>>(), [0x7f01]);
}
