//! Streams whose sides share no codec: what each side gets, packet by packet.

#[path = "../common/mod.rs"]
mod common;

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;

use common::at;
use relay::{
    name_of, Before, Codec, Content, Datagram, Format, Keeper, Key, MasterKey, Origin, Protection,
    Remote, Shard, Speech, Suite, Transmit, Tuning, Verdict, Wanted, CELL_WORDS,
};
use rtp::{RtcpHeader, RtpHeader};
use srtp::Receiver;

mod beside;
mod passing;
mod recording;
mod speech;
mod survival;

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
        wakes: None,
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
