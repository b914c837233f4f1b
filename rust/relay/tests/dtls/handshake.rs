//! Handshakes: who gets keys, and who does not.

use std::sync::Arc;
use std::time::Duration;

use dimpl::Output;
use relay::{Hash, Identity, Protection, Terms, Verdict};
use sha2::{Digest, Sha256};

use super::{
    browser_engine, call, rtp, Call, BORDER_CERTIFICATE, BORDER_KEY, BROWSER, CALL, CERTIFICATE,
    OFFICE, STRANGER,
};

#[test]
fn keys_come_out_of_a_handshake_in_either_role() {
    for active in [false, true] {
        let mut call = call(active, CERTIFICATE);
        assert_eq!(
            call.pass(call.office, OFFICE, &rtp(1)),
            Err(Verdict::Unprotected)
        );
        assert_eq!(
            call.pass(call.browser, BROWSER, &rtp(1)),
            Err(Verdict::Unauthentic)
        );
        call.shake(0);
        assert_eq!(call.named, BORDER_CERTIFICATE);
        call.speaks_both_ways();
    }
}

#[test]
fn lost_flights_are_repeated() {
    for active in [false, true] {
        let mut call = call(active, CERTIFICATE);
        call.shake(3);
        call.speaks_both_ways();
    }
}

#[test]
fn another_certificate_than_the_signaled_one_gets_no_keys() {
    for active in [false, true] {
        let mut call = call(active, b"another certificate");
        for _ in 0..20 {
            let mut room = vec![0; 4096];
            call.now += 500;
            let instant = call.epoch + Duration::from_millis(call.now);
            if call.peer.handle_timeout(instant).is_err() {
                break;
            }
            while let Output::Packet(bytes) = call.peer.poll_output(&mut room) {
                let _ = call.pass(call.browser, BROWSER, bytes);
            }
            call.shard.wake(call.now);
            while let Some(transmit) = call.shard.poll_transmit() {
                let _ = call.peer.handle_packet(&transmit.bytes);
            }
        }
        let verdict = call.pass(call.browser, BROWSER, &rtp(1));
        assert_eq!(verdict, Err(Verdict::Unauthentic));
        let stats = call.shard.stats(CALL, call.now).expect("a session");
        assert!(stats.iter().all(|port| port.suite.is_none()));
    }
}

#[test]
fn a_strangers_client_hello_gets_no_answer_before_or_after() {
    let mut call = call(false, CERTIFICATE);
    let mut stranger = browser_engine(true, call.epoch);
    stranger.handle_timeout(call.epoch).expect("alive");
    let mut room = vec![0; 4096];
    let hello = match stranger.poll_output(&mut room) {
        Output::Packet(bytes) => bytes.to_vec(),
        other => panic!("no ClientHello: {other:?}"),
    };
    for shaken in [false, true] {
        if shaken {
            call.shake(0);
        }
        let verdict = call.pass(call.browser, STRANGER, &hello);
        assert_eq!(verdict, Err(Verdict::Refused));
        assert_eq!(call.shard.poll_transmit(), None);
    }
    call.speaks_both_ways();
}

#[test]
fn noise_from_the_peers_own_address_neither_ends_the_handshake_nor_the_call() {
    let mut call = call(false, CERTIFICATE);
    for shaken in [false, true] {
        if shaken {
            call.shake(0);
        }
        for at in 0..40u8 {
            let mut noise = vec![20 + at; 60];
            noise[1..3].copy_from_slice(&[0xfe, 0xfd]);
            let verdict = call.pass(call.browser, BROWSER, &noise);
            assert_eq!(verdict, Err(Verdict::Handled));
        }
        while call.shard.poll_transmit().is_some() {}
    }
    call.speaks_both_ways();
}

#[test]
fn terms_that_stay_keep_the_keys_and_another_fingerprint_drops_them() {
    let mut call = call(false, CERTIFICATE);
    call.shake(0);
    let protect = |call: &mut Call, digest: Vec<u8>| {
        let (certificate, key) = (BORDER_CERTIFICATE.to_vec(), BORDER_KEY.to_vec());
        let identity = Identity::new(certificate, key, call.epoch).expect("an identity");
        let terms = Terms {
            fingerprints: vec![(Hash::Sha256, digest)],
            active: true,
        };
        let identity = Arc::new(identity);
        let wanted = Protection::Dtls { identity, terms };
        call.shard.protect(CALL, 0, 0, wanted);
    };
    protect(&mut call, Sha256::digest(CERTIFICATE).to_vec());
    call.speaks_both_ways();
    protect(&mut call, vec![0; 32]);
    let verdict = call.pass(call.office, OFFICE, &rtp(10));
    assert_eq!(verdict, Err(Verdict::Unprotected));
}
