//! Payloads to samples.

use opus::Channels;

use crate::conceal::Concealer;
use crate::g711::{self, Law};
use crate::resample::Resampler;
use crate::{g722, Codec, Error, MAX_PAYLOAD};

/// The longest Opus packet, in milliseconds (RFC 6716 section 3.2.5).
const OPUS_LONGEST: u32 = 120;
/// What one call of `conceal` makes up at most, in milliseconds.
const CONCEALED: u32 = 120;

/// Makes samples of the payloads of one stream.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    rate: u32,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    /// libopus has its own concealment and any of our rates.
    Opus(opus::Decoder),
    Ours(Box<Ours>),
}

#[derive(Debug)]
struct Ours {
    adpcm: Option<g722::Decoder>,
    law: Law,
    own: Vec<i16>,
    concealer: Concealer,
    resampler: Resampler,
}

impl Decoder {
    /// A decoder whose samples have a rate of 8000, 16000 or 48000.
    ///
    /// # Errors
    /// `Rate`, `System`.
    pub fn new(codec: Codec, rate: u32) -> Result<Self, Error> {
        let resampler = Resampler::new(codec.rate(), rate)?;
        let inner = match codec {
            Codec::Opus => {
                let decoder = opus::Decoder::new(rate, Channels::Mono);
                Inner::Opus(decoder.map_err(|_| Error::System)?)
            }
            _ => Inner::Ours(Box::new(Ours {
                adpcm: (codec == Codec::G722).then(g722::Decoder::new),
                law: if codec == Codec::Pcmu {
                    Law::Mu
                } else {
                    Law::A
                },
                own: Vec::new(),
                concealer: Concealer::new(codec.rate()),
                resampler,
            })),
        };
        Ok(Self { codec, rate, inner })
    }

    /// What it decodes.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Appends the samples of a payload. A stereo Opus packet is mixed down. One of silence (Opus DTX)
    /// becomes comfort noise.
    ///
    /// # Errors
    /// `Payload`: nothing was appended.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Error> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return Err(Error::Payload);
        }
        match &mut self.inner {
            Inner::Opus(decoder) => {
                let most = self.rate * OPUS_LONGEST / 1000;
                opus_decode(decoder, payload, most, false, out)
            }
            Inner::Ours(one) => {
                one.decode(payload);
                one.concealer.hear(&one.own);
                one.resampler.run(&one.own, out);
                Ok(())
            }
        }
    }

    /// Appends what fills a gap of that many samples (120 ms at most): packets that did not come.
    /// `next`: the payload behind the gap, which for Opus may tell of the one before (FEC).
    pub fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) {
        let samples = samples.min((self.rate * CONCEALED / 1000) as usize);
        match &mut self.inner {
            Inner::Opus(decoder) => {
                // Only whole steps of 2.5 ms can be made up.
                let step = self.rate as usize / 400;
                let samples = (samples / step * step) as u32;
                let next = next.filter(|one| !one.is_empty() && one.len() <= MAX_PAYLOAD);
                let told = next.map(|next| opus_decode(decoder, next, samples, true, out));
                // What cannot be made up either is left out: there is nothing to go on from.
                if !matches!(told, Some(Ok(()))) {
                    opus_decode(decoder, &[], samples, false, out).unwrap_or_default();
                }
            }
            Inner::Ours(one) => {
                one.own.clear();
                let own = samples * self.codec.rate() as usize / self.rate as usize;
                one.concealer.fill(own, &mut one.own);
                one.resampler.run(&one.own, out);
            }
        }
    }
}

impl Ours {
    fn decode(&mut self, payload: &[u8]) {
        self.own.clear();
        match &mut self.adpcm {
            Some(adpcm) => {
                let pairs = payload.iter().flat_map(|code| adpcm.decode(*code));
                self.own.extend(pairs);
            }
            None => {
                let samples = payload.iter().map(|code| g711::decode(self.law, *code));
                self.own.extend(samples);
            }
        }
    }
}

fn opus_decode(
    decoder: &mut opus::Decoder,
    payload: &[u8],
    most: u32,
    fec: bool,
    out: &mut Vec<i16>,
) -> Result<(), Error> {
    if most == 0 {
        return Ok(());
    }
    let begin = out.len();
    out.resize(begin + most as usize, 0);
    let made = decoder.decode(payload, &mut out[begin..], fec);
    out.truncate(begin + made.as_ref().map_or(0, |made| *made));
    made.map(drop).map_err(|_| Error::Payload)
}
