//! What the kernel has counted is the port's and the side's.

use super::*;

#[test]
fn what_the_kernel_counts_is_the_ports_and_the_sides() {
    let mut call = Call::settled();
    let [[phone, _], [office, _]] = call.keys;
    let told = |packets, expected| Count {
        packets,
        bytes: packets * 172,
        expected,
        jitter_us: 2_500,
        idle: Some(30),
    };
    call.shard.counted(phone, &told(100, 110), 5_000);
    call.shard.counted(phone, &told(150, 160), 6_000);
    // A key that is dialled comes up to the relay, which the kernel takes for lost.
    call.speak(0, PHONE, &rtp(101, 162), 6_010);
    let stats = call.shard.stats(CALL, 6_010).expect("a session");
    let (inside, outside) = (&stats[0], &stats[2]);
    assert_eq!(inside.counters.received_packets, 1 + 150 + 1);
    assert_eq!(inside.counters.received_bytes, 172 * 152);
    assert_eq!(outside.counters.sent_packets, 150);
    assert_eq!(inside.idle, Some(0));
    let quality = inside.quality.clone().expect("RTP");
    assert_eq!((quality.expected, quality.lost), (161, 9));
    assert_eq!(quality.jitter_ms, Some(2.5));
    // Back with the relay, the gap that the kernel has relayed is not lost.
    call.shard
        .signal(CALL, 0, 1, &remote("10.10.10.13:5", "10.10.10.13"));
    call.speak(0, PHONE, &rtp(8, 170), 6_020);
    let stats = call.shard.stats(CALL, 6_020).expect("a session");
    let quality = stats[0].quality.clone().expect("RTP");
    assert_eq!((quality.expected, quality.lost), (162, 9));
    assert_eq!(call.keys[1][0], office);
}

#[test]
fn silence_is_judged_by_what_the_kernel_has_seen() {
    let mut call = Call::settled();
    let [[phone, _], [office, _]] = call.keys;
    let asks = |port, flow: Flow| {
        let flow = flow.key;
        Offload::Count { port, flow }
    };
    call.shard.tick(60_000, 70_000);
    assert_eq!(call.shard.poll_report(), None);
    assert_eq!(
        call.commands(),
        [asks(phone, inwards()), asks(office, outwards())]
    );
    let seen = Count {
        packets: 9,
        idle: Some(1_000),
        ..Count::default()
    };
    call.shard.counted(phone, &seen, 70_000);
    call.shard.tick(60_000, 70_500);
    // The phone sends, the office does not: that is told, and is no silence.
    let report = call.shard.poll_report().expect("one-way audio");
    assert!(matches!(report.event, Event::OneWay { side: 1, .. }));
    assert_eq!(call.shard.poll_report(), None);
    // The kernel has seen nothing since: now it is a silence, of its true length.
    call.shard.tick(60_000, 130_000);
    call.commands();
    call.shard.tick(60_000, 130_500);
    let report = call.shard.poll_report().expect("silent");
    assert_eq!(report.event, Event::Silence { idle: 61_500 });
}
