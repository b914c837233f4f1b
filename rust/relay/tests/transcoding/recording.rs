//! A transcoded stream that is recorded: each side as it spoke.

use relay::{Heard as Recorded, Tap};

use super::*;

fn recorded(call: &mut Call) -> Vec<Recorded> {
    let taps = std::iter::from_fn(|| call.shard.poll_tap());
    taps.map(|tap| match tap {
        Tap::Packet(heard) => heard,
        Tap::End { .. } => panic!("it goes on"),
    })
    .collect()
}

#[test]
fn what_is_recorded_is_what_each_side_said_not_what_it_became() {
    let mut call = call(|_| ());
    call.shard.record(CALL, 0, Some(3), 0);
    let heard = call.office_says(0).remove(0);
    let alaw_packet = alaw(0, 0, 7, 160);
    let opus_packet = rtp(96, 0, heard.1, 9, &heard.4);
    call.say(0, &opus_packet, 20);
    let found = recorded(&mut call);
    let said: Vec<_> = found
        .iter()
        .map(|one| (one.side, one.at, one.format.codec, &one.packet))
        .collect();
    assert_eq!(
        said,
        [
            (1, 0, Codec::Pcma, &alaw_packet),
            (0, 20, Codec::Opus, &opus_packet)
        ]
    );
}

#[test]
fn packets_that_wait_for_a_whole_frame_are_recorded_and_what_is_withheld_is_not() {
    let mut call = call(|both| both[0].frame = Some(60));
    call.shard.record(CALL, 0, Some(3), 0);
    for number in 0..3 {
        call.office_says(number);
    }
    assert_eq!(recorded(&mut call).len(), 3);
    // A payload that is none, and a stranger's.
    call.say(0, &rtp(96, 1, 960, 9, &[0xff, 0xff, 1]), 70);
    let stranger = at("203.0.113.9:5000");
    let mut room = alaw(9, 1440, 7, 160);
    let length = room.len();
    let mut data = Datagram::new(&mut room, length);
    let verdict = call.shard.packet(call.office[0], stranger, &mut data, 80);
    assert_eq!(verdict, Verdict::Refused);
    // On hold with the null address nothing reaches the phone, whole frame or not.
    let muted = Remote {
        rtp: Some(at(PHONE)),
        muted: true,
        ..Remote::default()
    };
    call.shard.signal(CALL, 0, 0, &muted);
    for number in 3..9 {
        call.office_says(number);
    }
    assert_eq!(recorded(&mut call), []);
}
