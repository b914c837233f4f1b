//! STUN messages: whatever is read keeps within its datagram, and an answer to it is well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stun::{Attribute, Kind, Message, Writer};

fuzz_target!(|data: &[u8]| {
    let Some(message) = Message::parse(data) else {
        return;
    };
    let _ = (message.mapped(), message.error_code(), message.unknown().count());
    assert!(!message.is_authentic(b"a password that the input cannot know"));
    let username = message.get(Attribute::Username).unwrap_or_default();
    let answer = Writer::new(Kind::BindingSuccess, message.transaction())
        .with(Attribute::Username, username)
        .finish(b"password");
    let again = Message::parse(&answer).expect("what is written is read");
    assert!(again.is_authentic(b"password") && again.is_fingerprinted());
    assert_eq!(again.get(Attribute::Username), Some(username));
});
