use super::*;

const ALAW: Format = Format {
    payload_type: 8,
    clock: 8000,
    codec: Codec::Pcma,
};

fn observer() -> Observer {
    let mut observer = Observer::default();
    observer.describe(&[ALAW]);
    observer
}

fn take(observer: &mut Observer, ssrc: u8, sequence: u16, timestamp: u32, now: Millis) {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend([0, 0, 0, ssrc, 0xd5]);
    observer.rtp(&RtpHeader::parse(&packet).expect("well formed"), now);
}

fn lost_and_expected(observer: &Observer) -> (i64, u64) {
    let quality = observer.quality(None);
    (quality.lost, quality.expected)
}

#[test]
fn gaps_are_lost_and_late_packets_are_not() {
    let mut observer = observer();
    for sequence in [65_534, 65_535, 1, 0, 4] {
        take(&mut observer, 7, sequence, 0, 0);
    }
    assert_eq!(lost_and_expected(&observer), (2, 7));
    assert_eq!(observer.quality(None).codec, Some(Codec::Pcma));
    assert_eq!(observer.quality(None).ssrc, Some(7));
}

#[test]
fn a_source_that_begins_anew_has_not_lost_what_lies_between() {
    let mut observer = observer();
    for sequence in [1, 2, 3, 30_000, 4, 40_000, 40_001, 40_002] {
        take(&mut observer, 7, sequence, 0, 0);
    }
    assert_eq!(lost_and_expected(&observer), (0, 6));
}

#[test]
fn jitter_is_that_of_rfc_3550() {
    let mut observer = observer();
    // Every second packet comes 8 ms late: |D| is 64 units, and J tends to it.
    for number in 0..500_u16 {
        let late = u64::from(number % 2) * 8;
        let at = u32::from(number) * 160;
        take(&mut observer, 7, number, at, u64::from(number) * 20 + late);
    }
    let jitter = observer.quality(None).jitter_ms.expect("known");
    assert!((jitter - 8.0).abs() < 0.1, "{jitter}");
}

#[test]
fn more_sources_than_there_is_room_for_are_no_harm() {
    let mut observer = observer();
    for ssrc in 0..200 {
        take(&mut observer, ssrc, 1, 0, u64::from(ssrc));
    }
    assert_eq!(observer.sources.len(), MAX_SOURCES);
    assert_eq!(
        (observer.quality(None).sources, observer.quality(None).ssrc),
        (200, Some(199))
    );
}

#[test]
fn round_trip_and_loss_come_from_the_peers_report() {
    let mut observer = observer();
    let mut sender_report = vec![0x80, 200, 0, 6, 0, 0, 0, 9, 0, 0, 1, 2, 3, 4, 0, 0];
    sender_report.extend([0; 12]);
    observer.rtcp_leaves(&sender_report, 1000);
    // It held the report for half a second; 580 ms have passed: 80 ms are the network's.
    let mut answer = vec![0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 9, 64, 0, 0, 5];
    answer.extend([0, 0, 0, 0, 0, 0, 0, 160, 1, 2, 3, 4, 0, 0, 0x80, 0]);
    observer.rtcp(&answer, 1580);
    let quality = observer.quality(Some(8000));
    assert_eq!(quality.round_trip_ms, Some(80.0));
    assert_eq!(quality.reported_loss, Some(0.25));
    assert_eq!(quality.reported_jitter_ms, Some(20.0));
}
