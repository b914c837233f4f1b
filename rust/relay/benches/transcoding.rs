//! CPU a transcoded packet: through a shard, as in a call, without sockets.
//!
//!     cargo bench -p relay --bench transcoding

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use codec::Encoder;
use relay::{
    Codec, Content, Datagram, Format, Origin, Remote, Shard, Speech, StreamPorts, Tuning, Wanted,
};

/// Packets of a run: a minute of speech.
const PACKETS: u16 = 3_000;
const RUNS: usize = 5;
/// Speech at 8000 samples a second.
const SPEECH: &[u8] = include_bytes!("../../../src/farline/lab/speech/dora.wav");

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn format(codec: Speech, payload_type: u8) -> Format {
    Format {
        payload_type,
        clock: codec.clock(),
        codec: Codec::from_name(codec.name()),
    }
}

/// The payloads of a minute of speech.
fn payloads(codec: Speech) -> Vec<Vec<u8>> {
    let samples: Vec<i16> = SPEECH[44..]
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let mut encoder = Encoder::new(codec, 8_000, Tuning::default()).expect("an encoder");
    let frames = samples.chunks_exact(160).cycle().take(PACKETS.into());
    let payload = |frame: &[i16]| {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload).expect("a frame");
        payload
    };
    frames.map(payload).collect()
}

/// Microseconds a packet from side 0 to side 1, where `to` is None as it is.
fn run(from: Speech, to: Option<Speech>) -> f64 {
    let mut shard = Shard::default();
    let ports: StreamPorts = [
        [at("192.0.2.1:35000"), at("192.0.2.1:35001")],
        [at("10.0.0.1:35000"), at("10.0.0.1:35001")],
    ];
    let peers = [at("192.0.2.9:5000"), at("10.0.0.9:5000")];
    let keys = shard.open(1, 0, Content::Rtp, &ports, 0);
    for (side, peer) in peers.into_iter().enumerate() {
        let remote = Remote {
            rtp: Some(peer),
            ..Remote::default()
        };
        shard.signal(1, 0, side, &remote);
    }
    shard.describe(1, 0, 0, &[format(from, 96)]);
    if let Some(to) = to {
        let side = |codec, ssrc| {
            let wanted = Wanted {
                codec,
                payload_type: 97,
                frame: None,
                longest: None,
                events: None,
                noise: None,
                tuning: Tuning::default(),
                wakes: None,
            };
            let origin = Origin {
                ssrc,
                sequence: 0,
                timestamp: 0,
            };
            (wanted, origin)
        };
        shard.transcode(1, 0, Some([side(from, 1), side(to, 2)]), 0);
    }
    let step = from.clock() / 50;
    let packets: Vec<Vec<u8>> = (0_u16..)
        .zip(payloads(from))
        .map(|(number, payload)| {
            let mut packet = vec![0x80, 96];
            packet.extend(number.to_be_bytes());
            packet.extend((u32::from(number) * step).to_be_bytes());
            packet.extend([0, 0, 0, 7]);
            packet.extend(payload);
            packet
        })
        .collect();
    let mut room = [0; 2048];
    let begin = Instant::now();
    for (number, packet) in (0_u64..).zip(&packets) {
        room[..packet.len()].copy_from_slice(packet);
        let mut data = Datagram::new(&mut room, packet.len());
        black_box(shard.packet(keys[0][0], peers[0], &mut data, number * 20));
        while let Some(sent) = shard.poll_transmit() {
            black_box(sent);
        }
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(PACKETS)
}

fn main() {
    let pairs = [
        (Speech::Pcma, None),
        (Speech::Pcma, Some(Speech::Pcmu)),
        (Speech::Pcma, Some(Speech::G722)),
        (Speech::G722, Some(Speech::Pcma)),
        (Speech::Pcma, Some(Speech::Opus)),
        (Speech::Opus, Some(Speech::Pcma)),
        (Speech::G722, Some(Speech::Opus)),
        (Speech::Opus, Some(Speech::G722)),
    ];
    for (from, to) in pairs {
        let mut times: Vec<f64> = (0..RUNS).map(|_| run(from, to)).collect();
        times.sort_by(f64::total_cmp);
        let name = to.map_or("as it is", Speech::name);
        println!(
            "{:>5} to {name:8} {:8.1} µs a packet of 20 ms (best {:.1})",
            from.name(),
            times[RUNS / 2],
            times[0]
        );
    }
}
