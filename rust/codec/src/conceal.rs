//! What is heard in place of a lost packet of a codec without concealment of its own: the last period
//! of the voice again, fading out within 60 ms (the idea of G.711 appendix I, without its overlaps).

/// Periods of a voice, in seconds: 66 to 400 Hz.
const SHORTEST: f32 = 0.002_5;
const LONGEST: f32 = 0.015;
/// Full volume for so long, silence after so long.
const HOLD: f32 = 0.010;
const GONE: f32 = 0.060;

/// Remembers the end of what was heard.
#[derive(Debug)]
pub(crate) struct Concealer {
    rate: f32,
    /// Two of the longest periods, oldest first.
    history: Vec<i16>,
    /// Samples that were made up since the last that was heard, and the period that is repeated.
    made: usize,
    period: usize,
}

impl Concealer {
    pub fn new(rate: u32) -> Self {
        let rate = rate as f32;
        Self {
            rate,
            history: vec![0; 2 * (LONGEST * rate) as usize],
            made: 0,
            period: 0,
        }
    }

    /// Takes what is heard.
    pub fn hear(&mut self, samples: &[i16]) {
        self.made = 0;
        let kept = self.history.len();
        if samples.len() >= kept {
            self.history
                .copy_from_slice(&samples[samples.len() - kept..]);
        } else {
            self.history.copy_within(samples.len().., 0);
            self.history[kept - samples.len()..].copy_from_slice(samples);
        }
    }

    /// Appends what fills a gap.
    pub fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        if self.made == 0 {
            self.period = self.find_period();
        }
        let last = &self.history[self.history.len() - self.period..];
        for _ in 0..samples {
            let at = self.made as f32 / self.rate;
            let volume = ((GONE - at) / (GONE - HOLD)).clamp(0.0, 1.0);
            let sample = f32::from(last[self.made % self.period]);
            out.push((sample * volume) as i16);
            self.made = self.made.saturating_add(1);
        }
    }

    /// The shift at which the end of the history is most like what came before it.
    fn find_period(&self) -> usize {
        let longest = self.history.len() / 2;
        let shortest = (SHORTEST * self.rate) as usize;
        let end = &self.history[longest..];
        let likeness = |period: usize| {
            let before = &self.history[longest - period..][..longest];
            let pairs = end.iter().zip(before);
            let (mut product, mut power) = (0.0_f32, 1.0_f32);
            for (one, other) in pairs {
                let (one, other) = (f32::from(*one), f32::from(*other));
                product += one * other;
                power += other * other;
            }
            product / power.sqrt()
        };
        let scored = (shortest..=longest).map(|period| (period, likeness(period)));
        let best = scored.max_by(|one, other| one.1.total_cmp(&other.1));
        best.map_or(longest, |(period, _)| period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(at: usize) -> i16 {
        let phase = std::f32::consts::TAU * 125.0 * at as f32 / 8000.0;
        (8000.0 * phase.sin() + 3000.0 * (2.0 * phase).sin()) as i16
    }

    #[test]
    fn a_gap_goes_on_as_the_voice_did_and_fades() {
        let mut concealer = Concealer::new(8000);
        concealer.hear(&(0..800).map(voice).collect::<Vec<_>>());
        let mut made = Vec::new();
        concealer.fill(80, &mut made);
        for (at, sample) in made.iter().enumerate() {
            assert!((voice(800 + at) - sample).abs() < 400, "{at}");
        }
        concealer.fill(480, &mut made);
        assert_eq!(made.len(), 560);
        assert!(made[500..].iter().all(|sample| *sample == 0));
    }

    #[test]
    fn silence_stays_silent() {
        let mut made = Vec::new();
        Concealer::new(16_000).fill(320, &mut made);
        assert_eq!(made, [0; 320]);
    }
}
