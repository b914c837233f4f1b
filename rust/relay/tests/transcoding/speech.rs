//! Frames, losses and pauses.

use super::*;

#[test]
fn each_side_gets_its_own_codec_from_a_source_of_ours() {
    let mut call = call(|_| ());
    let heard: Vec<Heard> = (0..50)
        .flat_map(|number| call.office_says(number))
        .collect();
    let head: Vec<_> = heard[..3]
        .iter()
        .map(|one| (one.0, one.1, one.2, one.3))
        .collect();
    assert_eq!(
        head,
        [
            (65_534, 1_000_000, true, 96),
            (65_535, 1_000_960, false, 96),
            (0, 1_001_920, false, 96)
        ]
    );
    assert_eq!(heard.len(), 50);
    let samples = listen(Speech::Opus, &heard);
    assert_eq!(samples.len(), 8_000);
    assert!(
        tone_in(&samples[2_000..]) > 0.9,
        "{}",
        tone_in(&samples[2_000..])
    );

    // What the phone heard it says again.
    let mut back = Vec::new();
    for (number, one) in heard.iter().enumerate() {
        let packet = rtp(96, number as u16, one.1, 9, &one.4);
        back.extend(call.say(0, &packet, 2_000 + number as u64 * 20));
    }
    assert_eq!((back[0].0, back[0].1, back[0].3), (500, 5_000, 8));
    assert_eq!((back[49].0, back[49].1), (549, 5_000 + 49 * 160));
    assert!(back.iter().all(|one| one.4.len() == 160));
    let samples = listen(Speech::Pcma, &back);
    assert!(
        tone_in(&samples[2_000..]) > 0.85,
        "{}",
        tone_in(&samples[2_000..])
    );
}

#[test]
fn packets_are_as_long_as_the_receiver_wants() {
    let mut long = call(|both| both[0].frame = Some(60));
    let heard: Vec<_> = (0..9).flat_map(|number| long.office_says(number)).collect();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[1].1 - heard[0].1, 2_880);
    // Sender's packets of 30 ms, which Opus has not, go on as 20; A-law keeps them.
    let mut odd = call(|_| ());
    let heard: Vec<_> = (0..4)
        .flat_map(|number| odd.say(1, &alaw(number, u32::from(number) * 240, 7, 240), 0))
        .collect();
    assert_eq!(heard.len(), 6);
    let mut short = call(|both| {
        both[0] = wanted(Speech::G722, 9);
        both[0].longest = Some(10);
    });
    let heard = short.office_says(0);
    assert_eq!(heard.len(), 2);
    assert_eq!((heard[1].1 - heard[0].1, heard[0].4.len()), (80, 80));
}

#[test]
fn a_lost_packet_is_made_up_and_a_late_one_is_dropped() {
    let mut call = call(|_| ());
    for number in 0..10 {
        call.office_says(number);
    }
    let heard = call.office_says(12);
    let head: Vec<_> = heard.iter().map(|one| (one.0, one.1, one.2)).collect();
    let base = 1_000_000 + 10 * 960;
    assert_eq!(
        head,
        [
            (8, base, false),
            (9, base + 960, false),
            (10, base + 1920, false)
        ]
    );
    assert_eq!(call.office_says(11), []);
    assert_eq!(call.office_says(12), []);
    assert_eq!(call.office_says(13).len(), 1);
}

#[test]
fn a_pause_and_another_source_leave_the_timestamps_with_the_time() {
    let mut call = call(|_| ());
    call.office_says(0);
    let after = call.office_says(50);
    assert_eq!(
        (after[0].0, after[0].1, after[0].2),
        (65_535, 1_048_000, true)
    );
    // Another source, as after a transfer behind the office: ours goes on.
    let packet = alaw(9, 77_777, 8, 160);
    let other = call.say(1, &packet, 1_500);
    let passed = 500 * 48;
    assert_eq!(
        (other[0].0, other[0].1, other[0].2),
        (0, 1_048_000 + passed, true)
    );
}

#[test]
fn what_cannot_be_decoded_is_counted_and_harms_nothing() {
    let mut call = call(|_| ());
    for (number, payload) in [
        (96, &[0xff, 0xff, 1][..]),
        (96, &[]),
        (77, &[1]),
        (101, &[5]),
    ] {
        let packet = rtp(number, 1, 960, 9, payload);
        assert_eq!(call.say(0, &packet, 0), []);
    }
    let stats = call.shard.stats(CALL, 0).expect("the session");
    assert_eq!(stats[2].counters.untargeted_packets, 4);
    assert_eq!(call.office_says(0).len(), 1);
}
