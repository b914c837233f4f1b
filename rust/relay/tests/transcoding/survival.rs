//! What the process after has of it.

use super::*;

#[test]
fn the_process_after_goes_on_with_sources_sequence_and_timestamps() {
    let words: Vec<_> = (0..64 * CELL_WORDS).map(|_| AtomicU64::new(0)).collect();
    let words: &'static [AtomicU64] = words.leak();
    let master = |seed| MasterKey::new(Suite::AesCm128HmacSha1_80, &[seed; 30]).expect("a key");
    let process = |before: Before, words| {
        let mut call = open(Shard::with_keeper(Keeper::new(Box::new(words), before)));
        let keys = Protection::Srtp {
            receive: master(1),
            send: master(2),
        };
        call.shard.protect(CALL, 0, 0, keys);
        call.transcode([wanted(Speech::Opus, 96), wanted(Speech::Pcma, 8)]);
        call.shard.resume(CALL, 0);
        call
    };
    // The phone's leg has SRTP: what it opens may come once only.
    let mut phone = Receiver::new(master(2));
    let mut hear = |call: &mut Call, number: u16| {
        let packet = alaw(number, u32::from(number) * 160, 7, 160);
        let length = packet.len();
        let mut room = packet;
        let mut data = Datagram::new(&mut room, length);
        let now = u64::from(number) * 20;
        call.shard
            .packet(call.office[0], at(OFFICE), &mut data, now);
        let mut sent = call.sent().remove(0).bytes;
        let length = phone.unprotect_rtp(&mut sent).expect("authentic and new");
        let header = RtpHeader::parse(&sent[..length]).expect("RTP");
        (header.ssrc(), header.sequence(), header.timestamp())
    };
    let mut first = process(Before::new(), words);
    for number in 0..5 {
        hear(&mut first, number);
    }
    let mut before = Before::new();
    assert!(Keeper::read(words, &mut before));
    let fresh: Vec<_> = (0..64 * CELL_WORDS).map(|_| AtomicU64::new(0)).collect();
    let mut second = process(before, fresh.leak());
    // Half a second was lost.
    assert_eq!(hear(&mut second, 30), (0xaaaa, 3, 1_000_000 + 30 * 960));
}
