//! What is noticed of a call, and reported.

use super::*;

#[test]
fn silence_is_reported_once_and_not_on_hold() {
    let Call {
        mut shard,
        keys: [[phone, _], _],
    } = call();
    assert_eq!(silence(&mut shard, 59_999), None);
    assert_eq!(silence(&mut shard, 60_000), Some(60_000));
    assert_eq!(silence(&mut shard, 61_000), None);
    packet(
        &mut shard,
        phone,
        at("192.168.67.61:61000"),
        &rtp(1),
        62_000,
    );
    assert_eq!(silence(&mut shard, 62_500), None);
    shard.hold(CALL, true, None, 63_000);
    assert_eq!(silence(&mut shard, 200_000), None);
    shard.hold(CALL, false, None, 200_000);
    assert_eq!(silence(&mut shard, 259_999), None);
    assert_eq!(silence(&mut shard, 260_001), Some(60_001));
}

#[test]
fn a_session_of_its_own_patience_is_judged_by_that() {
    let Call { mut shard, .. } = call();
    shard.hold(CALL, false, Some(5_000), 0);
    assert_eq!(silence(&mut shard, 4_999), None);
    assert_eq!(silence(&mut shard, 5_000), Some(5_000));
    shard.hold(CALL, true, Some(90_000), 6_000);
    shard.hold(CALL, false, Some(90_000), 7_000);
    assert_eq!(silence(&mut shard, 96_999), None);
    assert_eq!(silence(&mut shard, 97_000), Some(90_000));
}

/// What is reported of the call's silence, where it may last a minute.
fn silence(shard: &mut Shard, now: u64) -> Option<u64> {
    shard.tick(60_000, now);
    let told: Vec<_> = std::iter::from_fn(|| shard.poll_report()).collect();
    told.into_iter().find_map(|one| match one.event {
        Event::Silence { idle } => Some(idle),
        _ => None,
    })
}

#[test]
fn the_round_trip_of_a_leg_is_measured_between_a_report_and_its_answer() {
    let Call {
        mut shard,
        keys: [[_, phone], [_, office]],
    } = call();
    let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 9, 0, 0, 1, 2, 3, 4, 0, 0];
    report.extend([0; 12]);
    let sent = packet(&mut shard, office, at("10.10.10.13:40753"), &report, 1000);
    assert!(matches!(sent, Verdict::Forward { .. }), "{sent:?}");
    let mut answer = vec![0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 9, 64, 0, 0, 5];
    answer.extend([0, 0, 0, 0, 0, 0, 0, 160, 1, 2, 3, 4, 0, 0, 0x80, 0]);
    packet(&mut shard, phone, at("192.168.67.61:61001"), &answer, 1580);
    let stats = shard.stats(CALL, 2000).expect("the call");
    let quality = stats[0].quality.as_ref().expect("of an RTP port");
    assert_eq!(quality.round_trip_ms, Some(80.0));
    assert_eq!(quality.reported_loss, Some(0.25));
    assert_eq!(stats[1].quality, None);
}

#[test]
fn one_way_audio_is_reported_once_a_silence_with_who_is_silent() {
    let Call {
        mut shard,
        keys: [[phone, _], [office, _]],
    } = call();
    let heard = |shard: &mut Shard, key, from: &str, now| {
        packet(shard, key, at(from), &rtp(1), now);
        shard.tick(60_000, now);
        shard.poll_report()
    };
    let (mobile, inside) = ("192.168.67.61:61000", "10.10.10.13:40752");
    assert_eq!(heard(&mut shard, phone, mobile, 7_000), None);
    let told = heard(&mut shard, phone, mobile, 8_000).expect("the office is silent");
    let silent_office = Event::OneWay {
        stream: 0,
        side: 1,
        idle: 8_000,
    };
    assert_eq!(told.event, silent_office);
    assert_eq!(heard(&mut shard, phone, mobile, 9_000), None);
    assert_eq!(heard(&mut shard, office, inside, 10_000), None);
    assert_eq!(heard(&mut shard, phone, mobile, 17_000), None);
    assert!(heard(&mut shard, phone, mobile, 18_000).is_some());
    shard.hold(CALL, true, None, 18_500);
    assert_eq!(heard(&mut shard, phone, mobile, 60_000), None);
    shard.hold(CALL, false, None, 60_000);
    shard.quiet(CALL, true);
    assert_eq!(heard(&mut shard, phone, mobile, 70_000), None);
}
