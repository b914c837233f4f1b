//! G.722 at 64 kbit/s (ITU-T G.722): two sub-bands of 8000 samples a second, each by ADPCM. Six bits
//! of every byte are the lower band's, two the higher one's. Names are those of the recommendation's
//! blocks.

/// Coefficients of the quadrature mirror filter: every second of its 24, the others are the same
/// backwards (table 11).
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the lower band (table 14).
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940,
    1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Output levels of the lower band's quantizer with 6 bits and with the 4 that adapt it, by code
/// (tables 16 to 18).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const QM4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// The same for the higher band (table 19).
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// How a code moves the logarithmic scale factor (tables 20 and 21).
const WL: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
const WH: [i32; 4] = [798, -214, 798, -214];
/// The logarithm's inverse (table 22).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Limits of the scale factors' logarithms.
const LOWER_LIMIT: i32 = 18_432;
const HIGHER_LIMIT: i32 = 22_528;
/// Where the logarithm is 1.
const LOWER_SHIFT: i32 = 8;
const HIGHER_SHIFT: i32 = 10;

fn saturate(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// Predictor and scale factor of a sub-band: alike in encoder and decoder.
#[derive(Debug)]
struct Band {
    /// What the predictor expects (SL, SH), and the part of the zeros in it (SZL, SZH).
    expected: i32,
    zeros: i32,
    /// Coefficients of the poles, and the reconstructed signal that they are applied to.
    a: [i32; 2],
    reconstructed: [i32; 2],
    /// The last partially reconstructed signals.
    partial: [i32; 2],
    /// Coefficients of the zeros, and the difference signals that they are applied to.
    b: [i32; 6],
    differences: [i32; 6],
    /// The scale factor's logarithm and the scale factor (NBL and DETL, NBH and DETH).
    logarithm: i32,
    scale: i32,
}

impl Band {
    fn new(scale: i32) -> Self {
        Self {
            expected: 0,
            zeros: 0,
            a: [0; 2],
            reconstructed: [0; 2],
            partial: [0; 2],
            b: [0; 6],
            differences: [0; 6],
            logarithm: 0,
            scale,
        }
    }

    /// Blocks 3L and 3H: the next scale factor.
    fn rescale(&mut self, weight: i32, limit: i32, shift: i32) {
        self.logarithm = (((self.logarithm * 127) >> 7) + weight).clamp(0, limit);
        let mantissa = ILB[(self.logarithm >> 6 & 31) as usize];
        let down = shift - (self.logarithm >> 11);
        let linear = if down < 0 {
            mantissa << -down
        } else {
            mantissa >> down
        };
        self.scale = linear << 2;
    }

    /// Blocks 4L and 4H: what the predictor learns from a difference.
    fn adapt(&mut self, difference: i32) {
        let reconstructed = saturate(self.expected + difference);
        let partial = saturate(self.zeros + difference);
        let same = |one: i32, other: i32, step: i32| {
            if (one < 0) == (other < 0) {
                step
            } else {
                -step
            }
        };
        // UPPOL2
        let turned = same(partial, self.partial[0], -saturate(self.a[0] << 2));
        let second = (turned.min(32_767) >> 7) + same(partial, self.partial[1], 128);
        let second = (second + ((self.a[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        // UPPOL1
        let bound = saturate(15_360 - second);
        let first = saturate(same(partial, self.partial[0], 192) + ((self.a[0] * 32_640) >> 15));
        self.a = [first.clamp(-bound, bound), second];
        // UPZERO
        let step = if difference == 0 { 0 } else { 128 };
        for (b, before) in self.b.iter_mut().zip(self.differences) {
            *b = saturate(same(difference, before, step) + ((*b * 32_640) >> 15));
        }
        // DELAYA
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        // FILTEP, FILTEZ, PREDIC
        let times = |coefficient: i32, signal: i32| (coefficient * saturate(2 * signal)) >> 15;
        let poles = self.a.iter().zip(self.reconstructed);
        let poles = saturate(poles.map(|(a, signal)| times(*a, signal)).sum());
        let zeros = self.b.iter().zip(self.differences);
        self.zeros = saturate(zeros.map(|(b, signal)| times(*b, signal)).sum());
        self.expected = saturate(poles + self.zeros);
    }
}

#[derive(Debug)]
struct Bands {
    lower: Band,
    higher: Band,
    /// The last 24 values at the filter.
    delay: [i32; 24],
}

impl Bands {
    fn new() -> Self {
        Self {
            lower: Band::new(32),
            higher: Band::new(8),
            delay: [0; 24],
        }
    }

    /// Takes a code into both predictors (blocks 2 to 4), as encoder and decoder do.
    fn learn(&mut self, code: u8) {
        let coarse = usize::from(code & 0x3f) >> 2;
        let difference = (self.lower.scale * QM4[coarse]) >> 15;
        self.lower.rescale(WL[coarse], LOWER_LIMIT, LOWER_SHIFT);
        self.lower.adapt(difference);
        let high = usize::from(code >> 6);
        let difference = (self.higher.scale * QM2[high]) >> 15;
        self.higher.rescale(WH[high], HIGHER_LIMIT, HIGHER_SHIFT);
        self.higher.adapt(difference);
    }

    /// Takes two values into the filter; the sums of its two halves.
    fn filter(&mut self, pair: [i32; 2]) -> [i32; 2] {
        self.delay.copy_within(2.., 0);
        self.delay[22..].copy_from_slice(&pair);
        let mut sums = [0; 2];
        for (at, values) in self.delay.chunks_exact(2).enumerate() {
            sums[0] += values[0] * QMF[at];
            sums[1] += values[1] * QMF[11 - at];
        }
        sums
    }
}

/// Makes bytes of samples.
#[derive(Debug)]
pub(crate) struct Encoder(Bands);

impl Encoder {
    pub fn new() -> Self {
        Self(Bands::new())
    }

    /// The byte of two samples.
    pub fn encode(&mut self, pair: [i16; 2]) -> u8 {
        let [odd, even] = self.0.filter(pair.map(i32::from));
        let (low, high) = ((even + odd) >> 14, (even - odd) >> 14);
        let code = quantize_low(saturate(low - self.0.lower.expected), self.0.lower.scale)
            | quantize_high(saturate(high - self.0.higher.expected), self.0.higher.scale) << 6;
        self.0.learn(code);
        code
    }
}

/// QUANTL: 30 levels each way; codes count down from 63 and 31 below zero, from 61 above.
fn quantize_low(difference: i32, scale: i32) -> u8 {
    let magnitude = if difference < 0 {
        !difference
    } else {
        difference
    };
    let mut levels = Q6[1..].iter();
    let level = levels.position(|level| magnitude < (level * scale) >> 12);
    let level = level.map_or(30, |at| at as u8 + 1);
    match (difference < 0, level) {
        (true, 1 | 2) => 64 - level,
        (true, _) => 34 - level,
        (false, _) => 62 - level,
    }
}

/// QUANTH.
fn quantize_high(difference: i32, scale: i32) -> u8 {
    let magnitude = if difference < 0 {
        !difference
    } else {
        difference
    };
    let beyond = magnitude >= (564 * scale) >> 12;
    match (difference < 0, beyond) {
        (true, false) => 1,
        (true, true) => 0,
        (false, false) => 3,
        (false, true) => 2,
    }
}

/// Makes samples of bytes.
#[derive(Debug)]
pub(crate) struct Decoder(Bands);

impl Decoder {
    pub fn new() -> Self {
        Self(Bands::new())
    }

    /// The two samples of a byte.
    pub fn decode(&mut self, code: u8) -> [i16; 2] {
        let limit = |value: i32| value.clamp(-16_384, 16_383);
        let (lower, higher) = (&self.0.lower, &self.0.higher);
        let fine = (lower.scale * QM6[usize::from(code & 0x3f)]) >> 15;
        let low = limit(lower.expected + fine);
        let step = (higher.scale * QM2[usize::from(code >> 6)]) >> 15;
        let high = limit(higher.expected + step);
        self.0.learn(code);
        let [second, first] = self.0.filter([low + high, low - high]);
        [first, second].map(|sum| saturate(sum >> 11) as i16)
    }
}
