//! Speech: whatever a payload is, its decoder makes at most 200 ms of it, and goes on.
#![no_main]

use codec::{Codec, Decoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for codec in [Codec::Pcma, Codec::G722, Codec::Opus] {
        let mut decoder = Decoder::new(codec, 8_000).expect("a decoder");
        let mut heard = Vec::new();
        // Three payloads and a gap before the last, cut by the first byte.
        let Some((first, rest)) = data.split_first() else {
            return;
        };
        for payload in rest.chunks(usize::from(*first).max(rest.len() / 3) + 1) {
            heard.clear();
            let _ = decoder.decode(payload, &mut heard);
            assert!(heard.len() <= 1600);
            heard.clear();
            decoder.conceal(160, Some(payload), &mut heard);
            assert!(heard.len() <= 160);
        }
    }
});
