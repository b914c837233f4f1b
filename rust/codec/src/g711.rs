//! G.711 (ITU-T G.711): one byte a sample, logarithmic. Tables are made by the recommendation's rules,
//! with the linear value scaled to 16 bits (13 bits for A-law, 14 for µ-law).

/// Added to a magnitude of 14 bits before its segment is looked for.
const BIAS: i32 = 33;
/// The largest magnitude of µ-law, in 14 bits.
const CLIP: i32 = 8158;

/// One of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    A,
    Mu,
}

static ALAW: [i16; 256] = table(Law::A);
static ULAW: [i16; 256] = table(Law::Mu);

/// The sample of a code.
pub(crate) fn decode(law: Law, code: u8) -> i16 {
    match law {
        Law::A => ALAW[usize::from(code)],
        Law::Mu => ULAW[usize::from(code)],
    }
}

/// The code of a sample.
pub(crate) fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::A => encode_alaw(sample),
        Law::Mu => encode_ulaw(sample),
    }
}

fn encode_alaw(sample: i16) -> u8 {
    let linear = i32::from(sample) >> 3;
    let magnitude = if linear < 0 { -linear - 1 } else { linear };
    let exponent = (highest_bit(magnitude) - 4).max(0);
    let mantissa = (magnitude >> exponent.max(1)) & 15;
    let sign = if linear < 0 { 0 } else { 0x80 };
    (exponent << 4 | mantissa | sign) as u8 ^ 0x55
}

fn encode_ulaw(sample: i16) -> u8 {
    let linear = i32::from(sample) >> 2;
    let magnitude = linear.abs().min(CLIP) + BIAS;
    let exponent = highest_bit(magnitude) - 5;
    let mantissa = (magnitude >> (exponent + 1)) & 15;
    let sign = if linear < 0 { 0x80 } else { 0 };
    !(exponent << 4 | mantissa | sign) as u8
}

fn highest_bit(magnitude: i32) -> i32 {
    31 - (magnitude | 1).leading_zeros() as i32
}

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code as usize] = match law {
            Law::A => linear_of_alaw(code ^ 0x55),
            Law::Mu => linear_of_ulaw(!code & 0xff),
        };
        code += 1;
    }
    table
}

const fn linear_of_alaw(code: i32) -> i16 {
    let (exponent, mantissa) = (code >> 4 & 7, code & 15);
    let linear = match exponent {
        0 => 2 * mantissa + 1,
        _ => (2 * mantissa + 33) << (exponent - 1),
    };
    (if code & 0x80 != 0 { linear } else { -linear } * 8) as i16
}

const fn linear_of_ulaw(code: i32) -> i16 {
    let (exponent, mantissa) = (code >> 4 & 7, code & 15);
    let linear = ((2 * mantissa + BIAS) << exponent) - BIAS;
    (if code & 0x80 != 0 { -linear } else { linear } * 4) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_recommendations_tables() {
        // G.711 tables 1a, 1b, 2a, 2b: first and last values, with the even bits of A-law inverted.
        let known = [
            (Law::A, 0xd5, 8),
            (Law::A, 0x55, -8),
            (Law::A, 0xaa, 32_256),
            (Law::A, 0x2a, -32_256),
            (Law::Mu, 0xff, 0),
            (Law::Mu, 0x7f, 0),
            (Law::Mu, 0x80, 32_124),
            (Law::Mu, 0x00, -32_124),
        ];
        for (law, code, sample) in known {
            assert_eq!(decode(law, code), sample, "{law:?} {code:#x}");
        }
    }

    #[test]
    fn every_code_comes_back() {
        for code in 0..=255 {
            assert_eq!(encode(Law::A, decode(Law::A, code)), code);
            // µ-law has two codes of zero.
            let back = encode(Law::Mu, decode(Law::Mu, code));
            assert_eq!(back, if code == 0x7f { 0xff } else { code });
        }
    }

    #[test]
    fn every_sample_is_coded_within_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            for law in [Law::A, Law::Mu] {
                let apart = i32::from(decode(law, encode(law, sample))) - i32::from(sample);
                let step = (i32::from(sample).abs() / 16).max(16);
                assert!(apart.abs() <= step, "{law:?} {sample} {apart}");
            }
        }
    }
}
