//! Samples to payloads.

use opus::{Application, Bitrate, Channels};

use crate::g711::{self, Law};
use crate::resample::Resampler;
use crate::{g722, Codec, Error};

/// The longest Opus packet that is made, in bytes; its bit rate keeps it far below.
const OPUS_ROOM: usize = 1200;
/// Bits a second of Opus by what there is to carry: a little above what RFC 7587 section 3.1.1
/// names, for speech that has been through a codec already.
const NARROW: i32 = 16_000;
const WIDE: i32 = 24_000;
const FULL: i32 = 32_000;
/// Of 0 to 10. What libopus does beyond costs twice the time and is hardly heard in telephone speech.
const COMPLEXITY: i32 = 5;

/// What the receiver asked for; only Opus has anything to tune.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Bits a second at most (maxaveragebitrate).
    pub bitrate: Option<u32>,
    /// Packets carry a second, coarse copy of the one before (useinbandfec).
    pub forward_correction: bool,
    /// Packets of one length (cbr).
    pub constant: bool,
}

/// Makes payloads of the samples of one stream.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    rate: u32,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Opus(opus::Encoder),
    Ours(Box<Ours>),
}

#[derive(Debug)]
struct Ours {
    adpcm: Option<g722::Encoder>,
    law: Law,
    own: Vec<i16>,
    resampler: Resampler,
}

impl Encoder {
    /// An encoder of samples with a rate of 8000, 16000 or 48000.
    ///
    /// # Errors
    /// `Rate`, `System`.
    pub fn new(codec: Codec, rate: u32, tuning: Tuning) -> Result<Self, Error> {
        let resampler = Resampler::new(rate, codec.rate())?;
        let inner = match codec {
            Codec::Opus => Inner::Opus(opus_encoder(rate, tuning).map_err(|_| Error::System)?),
            _ => Inner::Ours(Box::new(Ours {
                adpcm: (codec == Codec::G722).then(g722::Encoder::new),
                law: if codec == Codec::Pcmu {
                    Law::Mu
                } else {
                    Law::A
                },
                own: Vec::new(),
                resampler,
            })),
        };
        Ok(Self { codec, rate, inner })
    }

    /// What it encodes.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Appends the payload of a frame: of any even length for G.711 and G.722, of 5, 10, 20, 40 or
    /// 60 ms for Opus.
    ///
    /// # Errors
    /// `Frame`: nothing was appended.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        match &mut self.inner {
            Inner::Opus(encoder) => {
                let milliseconds = samples.len() * 1000 / self.rate as usize;
                let whole = milliseconds * self.rate as usize / 1000 == samples.len();
                if !whole || ![5, 10, 20, 40, 60].contains(&milliseconds) {
                    return Err(Error::Frame(samples.len()));
                }
                let begin = out.len();
                out.resize(begin + OPUS_ROOM, 0);
                let made = encoder.encode(samples, &mut out[begin..]);
                out.truncate(begin + made.as_ref().map_or(0, |made| *made));
                made.map(drop).map_err(|_| Error::Frame(samples.len()))
            }
            Inner::Ours(one) => {
                if samples.is_empty() || samples.len() % 2 != 0 {
                    return Err(Error::Frame(samples.len()));
                }
                one.own.clear();
                one.resampler.run(samples, &mut one.own);
                one.encode(out);
                Ok(())
            }
        }
    }
}

impl Ours {
    fn encode(&mut self, out: &mut Vec<u8>) {
        match &mut self.adpcm {
            Some(adpcm) => {
                let pairs = self.own.chunks_exact(2);
                out.extend(pairs.map(|pair| adpcm.encode([pair[0], pair[1]])));
            }
            None => {
                let codes = self.own.iter().map(|one| g711::encode(self.law, *one));
                out.extend(codes);
            }
        }
    }
}

fn opus_encoder(rate: u32, tuning: Tuning) -> opus::Result<opus::Encoder> {
    let mut encoder = opus::Encoder::new(rate, Channels::Mono, Application::Voip)?;
    let usual = match rate {
        8_000 => NARROW,
        16_000 => WIDE,
        _ => FULL,
    };
    let most = tuning
        .bitrate
        .map_or(i32::MAX, |one| one.clamp(6_000, 510_000) as i32);
    encoder.set_bitrate(Bitrate::Bits(usual.min(most)))?;
    encoder.set_complexity(COMPLEXITY)?;
    encoder.set_vbr(!tuning.constant)?;
    encoder.set_inband_fec(tuning.forward_correction)?;
    if tuning.forward_correction {
        // Without an expectation of loss libopus sends no second copies.
        encoder.set_packet_loss_perc(5)?;
    }
    Ok(encoder)
}
