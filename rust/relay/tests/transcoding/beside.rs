//! What goes beside speech: events, comfort noise, reports, and what is said of the flows.

use super::*;

#[test]
fn events_have_the_receivers_number_and_clock() {
    let mut call = call(|_| ());
    call.office_says(0);
    let event = |end: u8, duration: u16| {
        let [high, low] = duration.to_be_bytes();
        rtp(100, 1, 160, 7, &[5, end | 10, high, low])
    };
    let first = call.say(1, &event(0, 160), 20);
    assert_eq!(first[0].3, 101);
    assert_eq!(
        (first[0].1, &first[0].4[..]),
        (1_000_960, &[5, 10, 3, 192][..])
    );
    let last = call.say(1, &event(0x80, 800), 100);
    assert_eq!(
        (last[0].1, &last[0].4[..]),
        (1_000_960, &[5, 138, 18, 192][..])
    );
    let speech = call.office_says(7);
    assert_eq!((speech[0].0, speech[0].1), (1, 1_000_000 + 7 * 960));

    call.shard.withhold(CALL, 0, 0, true);
    assert_eq!(call.say(1, &event(0, 160), 20), []);
    assert_eq!(call.office_says(8)[0].0, 2);
}

#[test]
fn a_digit_of_ours_takes_the_place_of_speech() {
    let mut call = call(|_| ());
    call.office_says(0);
    call.shard.dial(CALL, 0, '7', 60, 0);
    let heard: Vec<_> = (1..8).flat_map(|number| call.office_says(number)).collect();
    let types: Vec<_> = heard.iter().map(|one| one.3).collect();
    assert_eq!(types, [101, 101, 101, 101, 101, 96, 96]);
    assert_eq!(heard[0].4, [7, 10, 3, 192]);
}

#[test]
fn comfort_noise_passes_to_who_knows_it() {
    let noise = rtp(13, 1, 160, 7, &[60]);
    let mut deaf = call(|_| ());
    deaf.office_says(0);
    assert_eq!(deaf.say(1, &noise, 20), []);
    let mut knows = call(|both| {
        both[0] = wanted(Speech::G722, 9);
        both[0].noise = Some(13);
    });
    knows.office_says(0);
    let heard = knows.say(1, &noise, 20);
    assert_eq!(
        (heard[0].1, heard[0].3, &heard[0].4[..]),
        (1_000_160, 13, &[60][..])
    );
}

#[test]
fn reports_are_ours_and_of_what_each_side_sees() {
    let mut call = call(|_| ());
    for number in [0, 1, 2, 4] {
        call.office_says(number);
    }
    // The office's own report ends here: the phone knows neither its source nor its clock.
    let mut sender = vec![0x80, 200, 0, 6, 0, 0, 0, 7, 0, 0, 1, 2, 3, 4, 0, 0];
    sender.extend([0; 12]);
    let mut room = sender.clone();
    let mut data = Datagram::new(&mut room, sender.len());
    let office = at("10.10.10.13:40753");
    let verdict = call.shard.packet(call.office[1], office, &mut data, 1_000);
    assert_eq!((verdict, call.sent()), (Verdict::Handled, vec![]));

    call.shard.tick(60_000, 2_000);
    assert_eq!(call.sent(), []);
    call.shard.tick(60_000, 2_500);
    let sent = call.sent();
    assert_eq!(sent.len(), 2);
    let to_phone = RtcpHeader::compound(&sent[0].bytes)
        .next()
        .expect("a report");
    assert_eq!((sent[0].via, to_phone.packet_type()), (call.phone[1], 200));
    assert_eq!(to_phone.blocks().count(), 0, "the phone has sent nothing");
    assert_eq!(
        &sent[0].bytes[20..24],
        &5_u32.to_be_bytes(),
        "with the one made up"
    );
    let to_office = RtcpHeader::compound(&sent[1].bytes)
        .next()
        .expect("a report");
    assert_eq!(
        (sent[1].via, to_office.packet_type()),
        (call.office[1], 201)
    );
    let block = to_office.blocks().next().expect("a block");
    assert_eq!((block.ssrc, block.lost, block.fraction_lost), (7, 1, 51));
    assert_eq!((block.last_report, block.delay), (0x0102_0304, 98_304));

    // The phone answers our report: that is its round trip, and its loss is that of its own leg.
    let time = to_phone.report_time().expect("a time").to_be_bytes();
    let mut answer = vec![0x81, 201, 0, 7, 0, 0, 0, 9, 0, 0, 0xaa, 0xaa, 128, 0, 0, 5];
    answer.extend([0, 0, 0, 0, 0, 0, 3, 192]);
    answer.extend(time);
    answer.extend([0; 4]);
    let mut room = answer.clone();
    let mut data = Datagram::new(&mut room, answer.len());
    let phone = at("192.168.67.61:61001");
    call.shard.packet(call.phone[1], phone, &mut data, 2_540);
    let stats = call.shard.stats(CALL, 2_600).expect("the session");
    let quality = stats[0].quality.clone().expect("of the phone");
    assert_eq!(quality.round_trip_ms, Some(40.0));
    assert_eq!(quality.reported_loss, Some(0.5));
    assert_eq!(quality.reported_jitter_ms, Some(20.0));
}

#[test]
fn it_is_said_why_the_kernel_has_no_part_in_it() {
    let mut call = call(|_| ());
    let said = |call: &Call| -> Vec<_> {
        let stats = call.shard.stats(CALL, 0).expect("the session");
        stats
            .iter()
            .map(|one| (one.why.as_ref().map(ToString::to_string), one.transcoding))
            .collect()
    };
    let transcoded = Some("transcoded".to_owned());
    let rtcp = Some("RTCP".to_owned());
    assert_eq!(
        said(&call),
        [
            (transcoded.clone(), Some("PCMA")),
            (rtcp.clone(), None),
            (transcoded, Some("opus")),
            (rtcp, None)
        ]
    );
    call.shard.transcode(CALL, 0, None, 0);
    assert_eq!(said(&call)[0].1, None);
    let mut room = alaw(1, 160, 7, 160);
    let length = room.len();
    let mut data = Datagram::new(&mut room, length);
    let verdict = call.shard.packet(call.office[0], at(OFFICE), &mut data, 20);
    assert!(matches!(verdict, Verdict::Forward { .. }));
    call.shard.tick(60_000, 10_000);
    assert_eq!(call.sent(), []);
}
