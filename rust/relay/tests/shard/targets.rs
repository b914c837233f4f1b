//! Where packets go, and when nowhere.

use super::*;

#[test]
fn a_confined_peer_hears_at_its_signaling_address_until_it_has_sent() {
    let confined = |rtp, source| Remote {
        confined: true,
        ..remote(rtp, source)
    };
    let Call { mut shard, keys } = call();
    let [[phone, phone_rtcp], [office, office_rtcp]] = keys;
    let victim = "203.0.113.9:7000";
    shard.signal(CALL, 0, 0, &confined(victim, "192.168.67.61"));
    let from = at("10.10.10.13:40752");
    let forward = |via, to| Verdict::Forward { via, to: at(to) };
    let sent = packet(&mut shard, office, from, &rtp(1), 10);
    assert_eq!(sent, forward(phone, "192.168.67.61:7000"));
    let from_rtcp = at("10.10.10.13:40753");
    let sent = packet(&mut shard, office_rtcp, from_rtcp, &RTCP, 10);
    assert_eq!(sent, forward(phone_rtcp, "192.168.67.61:7001"));
    packet(&mut shard, phone, at("192.168.67.61:40001"), &rtp(1), 20);
    let sent = packet(&mut shard, office, from, &rtp(1), 30);
    assert_eq!(sent, forward(phone, "192.168.67.61:40001"));
    // A re-INVITE that names another victim opens the lock, and no more.
    shard.signal(CALL, 0, 0, &confined("203.0.113.10:7000", "192.168.67.61"));
    let sent = packet(&mut shard, office, from, &rtp(1), 40);
    assert_eq!(sent, forward(phone, "192.168.67.61:7000"));
    // An address of the other family says nothing of where it is.
    shard.signal(CALL, 0, 0, &confined("203.0.113.9:7000", "2001:db8::1"));
    let sent = packet(&mut shard, office, from, &rtp(1), 50);
    assert_eq!(sent, Verdict::NoTarget);
}

#[test]
fn nothing_passes_a_call_that_is_being_hung_up() {
    let Call { mut shard, keys } = call();
    let [[phone, _], [office, office_rtcp]] = keys;
    let (near, far) = (at("192.168.67.61:40001"), at("10.10.10.13:40752"));
    packet(&mut shard, phone, near, &rtp(1), 10);
    shard.quiet(CALL, true);
    for (key, from) in [(phone, near), (office, far)] {
        assert_eq!(
            packet(&mut shard, key, from, &rtp(1), 20),
            Verdict::NoTarget
        );
    }
    let from_rtcp = at("10.10.10.13:40753");
    let sent = packet(&mut shard, office_rtcp, from_rtcp, &RTCP, 20);
    assert_eq!(sent, Verdict::NoTarget);
    let stats = shard.stats(CALL, 30).expect("a session");
    assert_eq!(stats[0].counters.untargeted_packets, 0);
    assert_eq!(stats[0].counters.received_packets, 2);
    shard.quiet(CALL, false);
    let sent = packet(&mut shard, office, far, &rtp(1), 40);
    let via = phone;
    assert_eq!(sent, Verdict::Forward { via, to: near });
}

#[test]
fn a_muted_side_is_sent_nothing_and_keeps_its_latch() {
    let Call {
        mut shard,
        keys: [[phone, _], [office, _]],
    } = call();
    packet(&mut shard, phone, at("192.168.67.61:61000"), &rtp(1), 5);
    let held = Remote {
        muted: true,
        ..remote("172.22.33.101:5000", "192.168.67.61")
    };
    shard.signal(CALL, 0, 0, &held);
    assert_eq!(
        packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(1), 6),
        Verdict::NoTarget
    );
    shard.signal(CALL, 0, 0, &remote("172.22.33.101:5000", "192.168.67.61"));
    let resumed = packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(1), 7);
    assert_eq!(
        resumed,
        Verdict::Forward {
            via: phone,
            to: at("192.168.67.61:61000")
        }
    );
}

#[test]
fn our_own_ports_and_addresses_of_many_are_no_targets() {
    let Call {
        mut shard,
        keys: [_, [office, _]],
    } = call();
    for useless in [
        "192.168.64.96:35000",
        "10.10.10.7:35000",
        "224.0.0.1:5000",
        "0.0.0.0:5000",
    ] {
        shard.signal(CALL, 0, 0, &remote(useless, "192.168.67.61"));
        assert_eq!(
            packet(&mut shard, office, at("10.10.10.13:40752"), &rtp(1), 6),
            Verdict::NoTarget
        );
    }
}
