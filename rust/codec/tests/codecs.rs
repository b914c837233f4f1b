//! Codecs against another implementation, and what is left of speech after two of them.

use std::path::PathBuf;

use codec::{Codec, Decoder, Encoder, Error, Tuning, MAX_PAYLOAD};

const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

fn vector(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    std::fs::read(root.join(name)).expect("a vector")
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// A second and a half.
fn speech() -> Vec<i16> {
    samples(&vector("../src/farline/lab/speech/dora.wav")[44..])[8_000..20_000].to_vec()
}

/// Through an encoder and a decoder, 20 ms at a time.
fn through(codec: Codec, rate: u32, sent: &[i16], tuning: Tuning) -> Vec<i16> {
    let mut encoder = Encoder::new(codec, rate, tuning).expect("an encoder");
    let mut decoder = Decoder::new(codec, rate).expect("a decoder");
    let mut heard = Vec::new();
    for frame in sent.chunks_exact(rate as usize / 50) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload).expect("a frame");
        decoder.decode(&payload, &mut heard).expect("a payload");
    }
    heard
}

/// How alike two signals are at the best delay of up to 20 ms at 8 kHz: 1 is the same.
fn likeness(sent: &[i16], heard: &[i16]) -> f64 {
    let at = |delay: usize| {
        let pairs = sent.iter().zip(heard.get(delay..).unwrap_or_default());
        let (mut product, mut one, mut other) = (0.0, 1.0, 1.0);
        for (sent, heard) in pairs {
            let (sent, heard) = (f64::from(*sent), f64::from(*heard));
            product += sent * heard;
            one += sent * sent;
            other += heard * heard;
        }
        product / (one * other).sqrt()
    };
    (0..160).map(at).fold(0.0, f64::max)
}

#[test]
fn g722_is_that_of_spandsp() {
    let sent = samples(&vector("g722/input.pcm"));
    let mut coded = Vec::new();
    let mut encoder = Encoder::new(Codec::G722, 16_000, Tuning::default()).expect("an encoder");
    for frame in sent.chunks(320) {
        encoder.encode(frame, &mut coded).expect("a frame");
    }
    assert!(coded == vector("g722/coded.g722"));
    let mut heard = Vec::new();
    let mut decoder = Decoder::new(Codec::G722, 16_000).expect("a decoder");
    for payload in coded.chunks(160) {
        decoder.decode(payload, &mut heard).expect("a payload");
    }
    let expected = samples(&vector("g722/decoded.pcm"));
    let mut pairs = heard.iter().zip(&expected);
    assert_eq!(pairs.position(|(one, other)| one != other), None);
    assert_eq!(heard.len(), expected.len());
}

#[test]
fn speech_is_itself_after_each_codec_at_each_rate() {
    let speech = speech();
    for codec in ALL {
        for rate in [8_000, 16_000, 48_000] {
            let mut sent = Vec::new();
            let mut up = codec::Resampler::new(8_000, rate).expect("rates");
            up.run(&speech, &mut sent);
            let wide = through(codec, rate, &sent, Tuning::default());
            let mut heard = Vec::new();
            let mut down = codec::Resampler::new(rate, 8_000).expect("rates");
            down.run(&wide, &mut heard);
            let alike = likeness(&speech, &heard);
            let wanted = if codec == Codec::Opus { 0.9 } else { 0.98 };
            assert!(alike > wanted, "{codec:?} at {rate}: {alike}");
        }
    }
}

#[test]
fn what_the_receiver_asked_for_is_kept_to() {
    let tuning = Tuning {
        bitrate: Some(8_000),
        forward_correction: true,
        constant: true,
    };
    let mut encoder = Encoder::new(Codec::Opus, 8_000, tuning).expect("an encoder");
    let lengths: Vec<usize> = speech()
        .chunks_exact(160)
        .map(|frame| {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload).expect("a frame");
            payload.len()
        })
        .collect();
    assert!(lengths.iter().all(|length| *length == 20), "{lengths:?}");
}

#[test]
fn a_lost_packet_is_made_up() {
    let speech = speech();
    for codec in ALL {
        let tuning = Tuning {
            forward_correction: true,
            bitrate: Some(24_000),
            ..Tuning::default()
        };
        let mut encoder = Encoder::new(codec, 8_000, tuning).expect("an encoder");
        let payloads: Vec<Vec<u8>> = speech
            .chunks_exact(160)
            .map(|frame| {
                let mut payload = Vec::new();
                encoder.encode(frame, &mut payload).expect("a frame");
                payload
            })
            .collect();
        let mut decoder = Decoder::new(codec, 8_000).expect("a decoder");
        let mut heard = Vec::new();
        for (at, payload) in payloads.iter().enumerate() {
            if at % 10 == 5 {
                let next = payloads.get(at + 1).map(Vec::as_slice);
                decoder.conceal(160, next, &mut heard);
            } else {
                decoder.decode(payload, &mut heard).expect("a payload");
            }
        }
        assert_eq!(heard.len(), payloads.len() * 160, "{codec:?}");
        let alike = likeness(&speech, &heard);
        assert!(alike > 0.8, "{codec:?}: {alike}");
    }
}

#[test]
fn what_is_no_payload_is_refused_and_harms_nothing() {
    for codec in ALL {
        let mut decoder = Decoder::new(codec, 16_000).expect("a decoder");
        let mut heard = Vec::new();
        let long = vec![0xff; MAX_PAYLOAD + 1];
        assert_eq!(decoder.decode(&[], &mut heard), Err(Error::Payload));
        assert_eq!(decoder.decode(&long, &mut heard), Err(Error::Payload));
        decoder.conceal(usize::MAX, Some(&long), &mut heard);
        assert!(heard.len() <= 1920 && heard.iter().all(|one| *one == 0));
    }
    let mut opus = Decoder::new(Codec::Opus, 8_000).expect("a decoder");
    let mut heard = Vec::new();
    assert_eq!(
        opus.decode(&[0xff, 0xff, 1], &mut heard),
        Err(Error::Payload)
    );
    assert!(heard.is_empty());
}

#[test]
fn frames_that_a_codec_does_not_have_are_refused() {
    for (codec, length) in [(Codec::Opus, 240), (Codec::G722, 161), (Codec::Pcma, 0)] {
        let mut encoder = Encoder::new(codec, 8_000, Tuning::default()).expect("an encoder");
        let mut payload = Vec::new();
        let frame = vec![0; length];
        assert_eq!(
            encoder.encode(&frame, &mut payload),
            Err(Error::Frame(length))
        );
        assert!(payload.is_empty());
    }
    assert!(Decoder::new(Codec::Opus, 44_100).is_err());
}

#[test]
fn names_are_read_in_any_case() {
    assert_eq!(Codec::from_name("OPUS"), Some(Codec::Opus));
    assert_eq!(Codec::from_name("pcma"), Some(Codec::Pcma));
    assert_eq!(Codec::from_name("telephone-event"), None);
}
