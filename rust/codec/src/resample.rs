//! From one sampling rate to a multiple of it, and back: a polyphase FIR filter.
//!
//! Rates of speech are multiples of each other by 2, 3 and 6, so the filter is a windowed sinc (Kaiser)
//! whose phases are whole. It passes up to 3.5 of 4 kHz (for 8000 to or from more) within 0.1 dB, and
//! what would fold back is 60 dB down from 4.5 kHz on. The delay is 2 ms at 8000.

use crate::Error;

/// Taps of the filter by phase: half to either side.
const TAPS: usize = 32;
/// Of the Kaiser window: 60 dB.
const BETA: f64 = 5.65;

/// Changes the rate of a stream of samples; it remembers the end of what came before.
#[derive(Debug)]
pub struct Resampler {
    way: Way,
    /// Upwards by phase, each backwards; downwards in one.
    taps: Vec<f32>,
    /// The samples before the next, oldest first.
    history: Vec<f32>,
    /// Downwards: samples until the next that counts.
    skip: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Same,
    Up(usize),
    Down(usize),
}

impl Resampler {
    /// From a rate to another: both of 8000, 16000 and 48000.
    ///
    /// # Errors
    /// `Rate`.
    pub fn new(from: u32, to: u32) -> Result<Self, Error> {
        for rate in [from, to] {
            if ![8_000, 16_000, 48_000].contains(&rate) {
                return Err(Error::Rate(rate));
            }
        }
        let way = match (to / from, from / to) {
            (1, _) => Way::Same,
            (0, down) => Way::Down(down as usize),
            (up, _) => Way::Up(up as usize),
        };
        let (taps, history) = match way {
            Way::Same => (Vec::new(), 0),
            Way::Up(factor) => (phases(factor), TAPS - 1),
            Way::Down(factor) => (prototype(factor, 1.0), TAPS * factor - 1),
        };
        Ok(Self {
            way,
            taps,
            history: vec![0.0; history],
            skip: 0,
        })
    }

    /// Appends what some samples become. Downwards, what is left over of a group counts with the next.
    pub fn run(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        if self.way == Way::Same {
            out.extend_from_slice(samples);
            return;
        }
        let kept = self.history.len();
        let mut line = std::mem::take(&mut self.history);
        line.extend(samples.iter().map(|sample| f32::from(*sample)));
        match self.way {
            Way::Up(_) => {
                for window in line.windows(TAPS) {
                    let phases = self.taps.chunks_exact(TAPS);
                    out.extend(phases.map(|taps| dot(taps, window)));
                }
            }
            Way::Down(factor) => {
                let mut windows = line.windows(kept + 1).skip(self.skip).step_by(factor);
                out.extend(windows.by_ref().map(|window| dot(&self.taps, window)));
                let over = (samples.len() + factor - self.skip) % factor;
                self.skip = (factor - over) % factor;
            }
            Way::Same => {}
        }
        line.drain(..line.len() - kept);
        self.history = line;
    }
}

fn dot(taps: &[f32], window: &[f32]) -> i16 {
    // Eight sums, so that the compiler may use the width of the machine.
    let mut sums = [0.0_f32; 8];
    for (taps, window) in taps.chunks_exact(8).zip(window.chunks_exact(8)) {
        for at in 0..8 {
            sums[at] += taps[at] * window[at];
        }
    }
    sums.iter().sum::<f32>().round() as i16 // `as` saturates
}

/// The low-pass filter at the lower of two rates, in samples of the higher one.
fn prototype(factor: usize, gain: f64) -> Vec<f32> {
    let length = TAPS * factor;
    let middle = (length - 1) as f64 / 2.0;
    let tap = |at: usize| {
        let apart = (at as f64 - middle) / factor as f64;
        let edge = (at as f64 - middle) / (middle + 0.5);
        sinc(apart) * bessel(BETA * (1.0 - edge * edge).sqrt()) / bessel(BETA)
    };
    let taps: Vec<f64> = (0..length).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap * gain / sum) as f32).collect()
}

/// The same by phase, each in the order of the samples.
fn phases(factor: usize) -> Vec<f32> {
    let taps = prototype(factor, factor as f64);
    let phase = |at: usize| taps.iter().skip(at).step_by(factor).copied().rev();
    (0..factor)
        .flat_map(|at| phase(at).collect::<Vec<_>>())
        .collect()
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x.abs() < 1e-9 {
        1.0
    } else {
        x.sin() / x
    }
}

/// The modified Bessel function of the first kind and order 0.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for number in 1..30 {
        let half = x / 2.0 / f64::from(number);
        term *= half * half;
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f64, length: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        let sample = |at: usize| (10_000.0 * (step * at as f64).sin()).round() as i16;
        (0..length).map(sample).collect()
    }

    /// Decibels of what comes out against a tone that goes in.
    fn gain(from: u32, to: u32, hertz: f64) -> f64 {
        let mut resampler = Resampler::new(from, to).expect("rates");
        let mut out = Vec::new();
        for frame in tone(from, hertz, from as usize / 4).chunks(from as usize / 50) {
            resampler.run(frame, &mut out);
        }
        let settled = &out[out.len() / 2..];
        let power: f64 = settled.iter().map(|one| f64::from(*one).powi(2)).sum();
        10.0 * (power / settled.len() as f64 / 5e7).log10()
    }

    #[test]
    fn speech_passes_and_what_would_fold_does_not() {
        for high in [16_000, 48_000] {
            for hertz in [100.0, 1000.0, 3000.0, 3500.0] {
                assert!(gain(8_000, high, hertz).abs() < 0.1, "up {high} {hertz}");
                assert!(gain(high, 8_000, hertz).abs() < 0.1, "down {high} {hertz}");
            }
            for hertz in [4500.0, 6000.0, 7900.0] {
                assert!(gain(high, 8_000, hertz) < -55.0, "fold {high} {hertz}");
            }
        }
        assert!(gain(16_000, 48_000, 7000.0).abs() < 0.1);
        assert!(gain(48_000, 16_000, 9000.0) < -55.0);
    }

    #[test]
    fn images_of_a_tone_are_down() {
        let mut up = Resampler::new(8_000, 16_000).expect("rates");
        let mut down = Resampler::new(16_000, 8_000).expect("rates");
        let (mut wide, mut back) = (Vec::new(), Vec::new());
        let sent = tone(8_000, 1000.0, 1600);
        up.run(&sent, &mut wide);
        down.run(&wide, &mut back);
        assert_eq!((wide.len(), back.len()), (3200, 1600));
        // There and back the tone is itself again, 31.5 samples (twice 2 ms) later.
        let step = std::f64::consts::TAU / 8.0;
        let expected = |at: usize| 10_000.0 * (step * (at as f64 - 31.5)).sin();
        let apart = |at: usize| (f64::from(back[at]) - expected(at)).abs();
        let worst = (800..1500).map(apart).fold(0.0, f64::max);
        assert!(worst < 20.0, "{worst}");
    }

    #[test]
    fn frames_of_any_length_make_the_same_stream() {
        let sent = tone(48_000, 700.0, 4800);
        let mut whole = Vec::new();
        Resampler::new(48_000, 8_000)
            .expect("rates")
            .run(&sent, &mut whole);
        let mut parts = Vec::new();
        let mut resampler = Resampler::new(48_000, 8_000).expect("rates");
        for frame in sent.chunks(7) {
            resampler.run(frame, &mut parts);
        }
        assert_eq!(whole.len(), 800);
        assert_eq!(whole, parts);
    }

    #[test]
    fn other_rates_are_refused() {
        assert_eq!(
            Resampler::new(8_000, 44_100).err(),
            Some(Error::Rate(44_100))
        );
    }
}
