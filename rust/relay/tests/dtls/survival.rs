//! Keys that outlive the process, and a peer that begins anew.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use dimpl::{Config, Dtls, DtlsCertificate};
use relay::{Before, Keeper, Shard, Verdict, CELL_WORDS};

use super::{
    call, call_in, rtp, BORDER_CERTIFICATE, BORDER_KEY, BROWSER, CALL, CERTIFICATE, OFFICE,
};

fn memory() -> &'static [AtomicU64] {
    let words: Vec<_> = (0..64 * CELL_WORDS).map(|_| AtomicU64::new(0)).collect();
    words.leak()
}

#[test]
fn keys_outlive_the_process_and_nothing_passes_twice() {
    for active in [false, true] {
        let (first, second, third) = (memory(), memory(), memory());
        let shard = Shard::with_keeper(Keeper::new(Box::new(first), Before::new()));
        let mut call = call_in(shard, active, CERTIFICATE);
        call.shake(0);
        call.speaks(1);
        let before = call.sealed(&rtp(2));
        assert_eq!(call.pass(call.browser, BROWSER, &before), Ok(rtp(2)));
        call.dies(first, second, active);
        let again = call.pass(call.browser, BROWSER, &before);
        assert_eq!(again, Err(Verdict::Unauthentic));
        let twice = call.pass(call.office, OFFICE, &rtp(9));
        assert_eq!(twice, Err(Verdict::Unprotected));
        call.speaks(3);
        call.dies(second, third, active);
        call.speaks(4);
    }
}

#[test]
fn what_the_peer_says_of_the_handshake_before_ends_nothing() {
    let (first, second) = (memory(), memory());
    let shard = Shard::with_keeper(Keeper::new(Box::new(first), Before::new()));
    let mut call = call_in(shard, false, CERTIFICATE);
    call.shake(0);
    call.dies(first, second, false);
    call.peer.close().expect("alive");
    for packet in call.poll() {
        let verdict = call.pass(call.browser, BROWSER, &packet);
        assert_eq!(verdict, Err(Verdict::Handled));
    }
    call.speaks(1);
}

#[test]
fn a_peer_that_begins_anew_gets_new_keys_before_and_after_a_death() {
    for (active, dies) in [(false, false), (true, false), (false, true), (true, true)] {
        let (first, second, third) = (memory(), memory(), memory());
        let shard = Shard::with_keeper(Keeper::new(Box::new(first), Before::new()));
        let mut call = call_in(shard, active, CERTIFICATE);
        call.shake(0);
        call.speaks(1);
        if dies {
            call.dies(first, second, active);
        }
        call.starts_again();
        call.speaks(1);
        let words = if dies { second } else { first };
        call.dies(words, third, active);
        call.speaks(2);
    }
}

#[test]
fn who_begins_anew_with_another_certificate_leaves_the_keys_as_they_are() {
    let mut call = call(false, CERTIFICATE);
    call.shake(0);
    let config = Arc::new(Config::builder().build().expect("a configuration"));
    let stranger = DtlsCertificate {
        certificate: BORDER_CERTIFICATE.to_vec(),
        private_key: BORDER_KEY.to_vec(),
    };
    for _ in 0..2 {
        let contexts = call.contexts.take();
        call.peer = Dtls::new_auto(Arc::clone(&config), stranger.clone(), call.epoch);
        call.peer.set_active(true);
        call.shake(0);
        call.contexts = contexts;
    }
    call.speaks(1);
}

#[test]
fn a_closed_stream_leaves_no_key_in_memory() {
    let words = memory();
    let shard = Shard::with_keeper(Keeper::new(Box::new(words), Before::new()));
    let mut call = call_in(shard, false, CERTIFICATE);
    call.shake(0);
    call.speaks(1);
    let filled = |words: &[AtomicU64]| {
        let words = words.iter().map(|word| word.load(Ordering::Acquire));
        words.filter(|word| *word != 0).count()
    };
    let held = filled(words);
    call.shard.delete(CALL, 0);
    assert!(filled(words) + 9 < held, "the words of the keys are zero");
}
