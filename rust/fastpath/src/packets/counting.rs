//! What the kernel counts of a flow.

use super::frames::{incoming, rtp};
use super::rig::{flow4, Rig, ALAW, REDIRECTED};

#[test]
fn loss_is_what_sequence_numbers_promise_across_a_wrap_a_jump_and_a_new_source() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    let mut send = |sequence: u16, ssrc: u8| {
        let mut payload = rtp(ALAW, sequence, u32::from(sequence) * 160);
        payload[11] = ssrc;
        assert_eq!(rig.tc(&incoming(&flow4(), &payload)).0, REDIRECTED);
        rig.count().expected
    };
    assert_eq!(send(65_534, 1), 1);
    assert_eq!(send(1, 1), 4, "65535, 0 are missing");
    assert_eq!(send(0, 1), 4, "late, and no new promise");
    assert_eq!(send(30_000, 1), 5, "a jump begins a new stretch");
    assert_eq!(send(30_002, 1), 7);
    assert_eq!(send(7, 2), 8, "and so does another source");
    assert_eq!(rig.count().packets, 6);
}

#[test]
fn jitter_is_rfc_3550s() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    // All at once, stamped 20 ms apart: the deviation of each is 20 ms, less what the test takes.
    for number in 0..200u16 {
        rig.tc(&incoming(
            &flow4(),
            &rtp(ALAW, number, u32::from(number) * 160),
        ));
    }
    let jitter = rig.count().jitter_us;
    assert!((10_000..=20_100).contains(&jitter), "{jitter}");
    assert_eq!(rig.count().expected, 200);
}
