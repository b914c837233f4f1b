//! What signaling says takes flows back, or leaves them.

use super::*;

#[test]
fn a_new_address_in_signaling_takes_the_flows_back_until_it_is_heard() {
    let mut call = Call::settled();
    let [[phone, _], [office, _]] = call.keys;
    call.shard
        .signal(CALL, 0, 0, &remote("172.22.33.101:5002", "192.168.67.61"));
    assert_eq!(
        call.commands(),
        [withdraw(phone, inwards()), withdraw(office, outwards())]
    );
    assert_eq!(call.why(1), Some(Reason::NotLatched));
    let moved = "192.168.67.61:41111";
    call.speak(0, moved, &rtp(8, 9), 50);
    let mut there = inwards();
    there.key.remote = at(moved);
    let back = Flow {
        to: at(moved),
        ..outwards()
    };
    assert_eq!(
        call.commands(),
        [settle(phone, there), settle(office, back)]
    );
}

#[test]
fn the_same_signaling_again_changes_nothing() {
    let mut call = Call::settled();
    call.shard
        .signal(CALL, 0, 0, &remote("172.22.33.101:5000", "192.168.67.61"));
    call.shard
        .signal(CALL, 0, 1, &remote(OFFICE, "10.10.10.13"));
    call.shard.protect(CALL, 0, 0, Protection::Plain);
    assert_eq!(call.commands(), []);
}

#[test]
fn the_sdp_address_that_speaks_after_a_neighbour_takes_the_rule_over() {
    let mut call = Call::new(Ok(()));
    let [[phone, _], _] = call.keys;
    call.speak(1, OFFICE, &rtp(8, 1), 10);
    call.shard
        .signal(CALL, 0, 0, &remote("192.168.67.61:5000", "192.168.67.61"));
    call.speak(0, PHONE, &rtp(8, 1), 20);
    call.commands();
    call.speak(0, "192.168.67.61:5000", &rtp(8, 1), 30);
    let commands = call.commands();
    assert_eq!(commands[0], withdraw(phone, inwards()));
    assert!(
        matches!(commands[1], Offload::Settle { flow, .. } if flow.key.remote == at("192.168.67.61:5000"))
    );
}

#[test]
fn hold_keys_and_the_end_take_flows_back() {
    let held = Remote {
        muted: true,
        ..remote("172.22.33.101:5000", "192.168.67.61")
    };
    let mut call = Call::settled();
    let [[phone, _], [office, _]] = call.keys;
    call.shard.signal(CALL, 0, 0, &held);
    assert_eq!(call.commands(), [withdraw(office, outwards())]);
    assert_eq!(call.why(1), Some(Reason::Held));

    let mut call = Call::settled();
    let key = |byte| MasterKey::new(Suite::AesCm128HmacSha1_80, &[byte; 30]).expect("a key");
    let keys = Protection::Srtp {
        receive: key(1),
        send: key(2),
    };
    call.shard.protect(CALL, 0, 1, keys);
    assert_eq!(
        call.commands(),
        [withdraw(phone, inwards()), withdraw(office, outwards())]
    );
    assert_eq!(call.why(0), Some(Reason::Crypto));

    let mut call = Call::settled();
    call.shard.quiet(CALL, true);
    assert_eq!(
        call.commands(),
        [withdraw(phone, inwards()), withdraw(office, outwards())]
    );
    assert_eq!(call.why(0), Some(Reason::Ending));
    call.shard.quiet(CALL, false);
    assert_eq!(
        call.commands(),
        [settle(phone, inwards()), settle(office, outwards())]
    );

    let mut call = Call::settled();
    call.shard.delete(CALL, 0);
    assert_eq!(
        call.commands(),
        [withdraw(phone, inwards()), withdraw(office, outwards())]
    );
}
