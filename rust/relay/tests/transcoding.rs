//! Streams whose sides share no codec: what each side gets, packet by packet.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;

use relay::{
    name_of, Before, Codec, Content, Datagram, Format, Keeper, Key, MasterKey, Origin, Protection,
    Remote, Shard, Speech, Suite, Transmit, Tuning, Verdict, Wanted, CELL_WORDS,
};
use rtp::{RtcpHeader, RtpHeader};
use srtp::Receiver;

const CALL: u64 = 7;
const PHONE: &str = "192.168.67.61:61000";
const OFFICE: &str = "10.10.10.13:40752";
const ORIGINS: [Origin; 2] = [
    Origin {
        ssrc: 0xaaaa,
        sequence: 65_534,
        timestamp: 1_000_000,
    },
    Origin {
        ssrc: 0xbbbb,
        sequence: 500,
        timestamp: 5_000,
    },
];

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn format(payload_type: u8, clock: u32, codec: Codec) -> Format {
    Format {
        payload_type,
        clock,
        codec,
    }
}

fn wanted(codec: Speech, payload_type: u8) -> Wanted {
    Wanted {
        codec,
        payload_type,
        frame: None,
        longest: None,
        events: None,
        noise: None,
        tuning: Tuning::default(),
    }
}

/// The phone outside (side 0) speaks Opus, the office inside (side 1) A-law.
struct Call {
    shard: Shard,
    phone: [Key; 2],
    office: [Key; 2],
}

fn open(mut shard: Shard) -> Call {
    let pair = |ip: &str| [at(&format!("{ip}:35000")), at(&format!("{ip}:35001"))];
    let ports = [pair("192.168.64.96"), pair("10.10.10.7")];
    let [phone, office] = shard.open(CALL, 0, Content::Rtp, &ports, 0);
    shard.identify(CALL, 0, name_of(("call", 0)));
    for (side, peer) in [PHONE, OFFICE].into_iter().enumerate() {
        let rtp = at(peer);
        let remote = Remote {
            rtp: Some(rtp),
            rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
            source: Some(rtp.ip()),
            ..Remote::default()
        };
        shard.signal(CALL, 0, side, &remote);
    }
    let opus = [
        format(96, 48_000, Codec::Opus),
        format(101, 48_000, Codec::TelephoneEvent),
    ];
    let alaw = [
        format(8, 8_000, Codec::Pcma),
        format(13, 8_000, Codec::ComfortNoise),
        format(100, 8_000, Codec::TelephoneEvent),
    ];
    shard.describe(CALL, 0, 0, &opus);
    shard.describe(CALL, 0, 1, &alaw);
    Call {
        shard,
        phone,
        office,
    }
}

fn call(change: impl Fn(&mut [Wanted; 2])) -> Call {
    let mut call = open(Shard::default());
    let mut both = [wanted(Speech::Opus, 96), wanted(Speech::Pcma, 8)];
    both[0].events = Some((101, 48_000));
    both[1].events = Some((100, 8_000));
    change(&mut both);
    call.transcode(both);
    call
}

/// What a peer gets: sequence number, timestamp, marker, payload type, payload.
type Heard = (u16, u32, bool, u8, Vec<u8>);

impl Call {
    fn transcode(&mut self, [phone, office]: [Wanted; 2]) {
        let sides = [(phone, ORIGINS[0]), (office, ORIGINS[1])];
        self.shard.transcode(CALL, 0, Some(sides), 0);
    }

    fn sent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.shard.poll_transmit()).collect()
    }

    /// One packet of a side, and what the other gets for it.
    fn say(&mut self, side: usize, bytes: &[u8], now: u64) -> Vec<Heard> {
        let (key, from, exit) = match side {
            0 => (self.phone[0], PHONE, (self.office[0], OFFICE)),
            _ => (self.office[0], OFFICE, (self.phone[0], PHONE)),
        };
        let mut room = bytes.to_vec();
        let mut data = Datagram::new(&mut room, bytes.len());
        let verdict = self.shard.packet(key, at(from), &mut data, now);
        assert_eq!(verdict, Verdict::Handled);
        let heard = self.sent().into_iter().map(|one| {
            assert_eq!((one.via, one.to), (exit.0, at(exit.1)));
            let header = RtpHeader::parse(&one.bytes).expect("RTP");
            assert_eq!(header.ssrc(), ORIGINS[1 - side].ssrc);
            let payload = header.payload().to_vec();
            let (number, marker) = (header.payload_type(), header.marker());
            (
                header.sequence(),
                header.timestamp(),
                marker,
                number,
                payload,
            )
        });
        heard.collect()
    }

    /// The office's packet of that number: 20 ms of speech.
    fn office_says(&mut self, number: u16) -> Vec<Heard> {
        let packet = alaw(number, u32::from(number) * 160, 7, 160);
        self.say(1, &packet, u64::from(number) * 20)
    }
}

fn rtp(number: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, number];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A tone of 400 Hz, by its timestamps.
fn tone(timestamp: u32, length: usize) -> Vec<i16> {
    let phase = |at: usize| std::f64::consts::TAU * (f64::from(timestamp) + at as f64) / 20.0;
    (0..length)
        .map(|at| (8_000.0 * phase(at).sin()) as i16)
        .collect()
}

fn alaw(sequence: u16, timestamp: u32, ssrc: u32, length: usize) -> Vec<u8> {
    let tuning = Tuning::default();
    let mut encoder = codec::Encoder::new(Speech::Pcma, 8_000, tuning).expect("an encoder");
    let mut payload = Vec::new();
    let samples = tone(timestamp, length);
    encoder.encode(&samples, &mut payload).expect("a frame");
    rtp(8, sequence, timestamp, ssrc, &payload)
}

/// How much of what is heard is the tone, of 1.
fn tone_in(samples: &[i16]) -> f64 {
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 1.0);
    for (at, sample) in samples.iter().enumerate() {
        let phase = std::f64::consts::TAU * at as f64 / 20.0;
        let sample = f64::from(*sample);
        sine += sample * phase.sin();
        cosine += sample * phase.cos();
        power += sample * sample;
    }
    (sine * sine + cosine * cosine) * 2.0 / samples.len() as f64 / power
}

fn listen(codec: Speech, heard: &[Heard]) -> Vec<i16> {
    let mut decoder = codec::Decoder::new(codec, 8_000).expect("a decoder");
    let mut samples = Vec::new();
    for one in heard {
        decoder.decode(&one.4, &mut samples).expect("a payload");
    }
    samples
}

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
