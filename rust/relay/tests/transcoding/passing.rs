//! Sides that share a codec, of which one may speak another.

use relay::Offload;

use super::*;

/// The office knows A-law; the phone has answered with A-law and Opus.
fn call_that_shares(shard: Shard) -> Call {
    let mut call = open(shard);
    let both = [
        format(8, 8_000, Codec::Pcma),
        format(96, 48_000, Codec::Opus),
    ];
    call.shard.describe(CALL, 0, 0, &both);
    let mut sides = [wanted(Speech::Opus, 96), wanted(Speech::Pcma, 8)];
    sides[0].wakes = Some(0);
    sides[1].wakes = Some(1 << 96);
    call.transcode(sides);
    call.shard.resume(CALL, 0);
    call
}

#[test]
fn what_both_know_passes_until_the_other_codec_comes() {
    let words: Vec<_> = (0..64 * CELL_WORDS).map(|_| AtomicU64::new(0)).collect();
    let words: &'static [AtomicU64] = words.leak();
    let keeper = |words, before| Shard::with_keeper(Keeper::new(Box::new(words), before));
    let mut call = call_that_shares(keeper(words, Before::new()));
    let pass = |call: &mut Call, side: usize, number: u16| {
        let (key, from) = [(call.phone[0], PHONE), (call.office[0], OFFICE)][side];
        let mut room = alaw(number, u32::from(number) * 160, 7, 160);
        let length = room.len();
        let mut data = Datagram::new(&mut room, length);
        call.shard.packet(key, at(from), &mut data, 20)
    };
    for side in [0, 1] {
        assert!(matches!(pass(&mut call, side, 1), Verdict::Forward { .. }));
    }
    let becomes = |call: &Call| {
        let stats = call.shard.stats(CALL, 0).expect("the session");
        [stats[0].transcoding, stats[2].transcoding]
    };
    assert_eq!(becomes(&call), [None, None]);

    let opus = |number: u16| {
        let mut encoder = codec::Encoder::new(Speech::Opus, 8_000, Tuning::default());
        let encoder = encoder.as_mut().expect("an encoder");
        let mut payload = Vec::new();
        let samples = tone(u32::from(number) * 160, 160);
        encoder.encode(&samples, &mut payload).expect("a frame");
        rtp(96, number, u32::from(number) * 960, 9, &payload)
    };
    let heard = call.say(0, &opus(2), 40);
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].0, heard[0].1, heard[0].3), (500, 5_000, 8));
    assert_eq!(becomes(&call), [Some("PCMA"), None]);
    // From now on one source of ours has all that the phone says; the office's own packets pass.
    // Its timestamps go on by the clock that counts (RFC 7160 section 4.1).
    let heard = call.say(0, &alaw(3, 2_880, 9, 160), 60);
    assert_eq!((heard[0].0, heard[0].4.len()), (501, 160));
    assert!(matches!(pass(&mut call, 1, 2), Verdict::Forward { .. }));

    // The next process begins where this one has come to.
    let mut before = Before::new();
    assert!(Keeper::read(words, &mut before));
    let fresh: Vec<_> = (0..64 * CELL_WORDS).map(|_| AtomicU64::new(0)).collect();
    let fresh: &'static [AtomicU64] = fresh.leak();
    let mut call = call_that_shares(keeper(fresh, before));
    assert_eq!(becomes(&call), [Some("PCMA"), None]);
    assert_eq!(call.say(0, &opus(4), 80)[0].0, 502);
}

#[test]
fn the_kernel_relays_what_both_know_and_not_the_other_codec() {
    let mut call = open(Shard::with_kernel(Ok(())));
    let both = [format(8, 8_000, Codec::Pcma), format(9, 8_000, Codec::G722)];
    call.shard.describe(CALL, 0, 0, &both);
    let mut sides = [wanted(Speech::G722, 9), wanted(Speech::Pcma, 8)];
    sides[0].wakes = Some(0);
    sides[1].wakes = Some(1 << 9);
    call.transcode(sides);
    for (key, from) in [(call.phone[0], PHONE), (call.office[0], OFFICE)] {
        let mut room = alaw(1, 160, 7, 160);
        let length = room.len();
        let mut data = Datagram::new(&mut room, length);
        call.shard.packet(key, at(from), &mut data, 20);
    }
    let offloads = std::iter::from_fn(|| call.shard.poll_offload());
    let flows = offloads.filter_map(|one| match one {
        Offload::Settle { port, flow } if port == call.phone[0] => Some(flow.payload_types),
        _ => None,
    });
    let types = flows.last().expect("the phone's flow");
    assert_eq!(types & (1 << 8 | 1 << 9), 1 << 8);
}
