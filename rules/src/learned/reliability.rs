//! Whether what was said held: probabilities by tenths of what was said, and how often an interval contained what came.

use serde::{Deserialize, Serialize};

/// Tenths of what was said.
pub const BINS: usize = 10;

/// How probabilities held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    pub judged: usize,
    /// Mean squared difference of probability and outcome.
    pub brier: Option<f64>,
    /// Mean difference of said and seen shares, by how often they were said (expected calibration error).
    pub calibration_error: Option<f64>,
    /// Said, seen, and how many, by tenths of what was said.
    pub bins: Vec<[f64; 3]>,
}

impl Reliability {
    /// Of pairs of a probability and whether it came true.
    pub fn of(pairs: &[(f64, bool)]) -> Self {
        let mut bins = vec![[0.0; 3]; BINS];
        for (chance, came) in pairs {
            let bin = &mut bins[((chance * BINS as f64) as usize).min(BINS - 1)];
            bin[0] += chance;
            bin[1] += f64::from(u8::from(*came));
            bin[2] += 1.0;
        }
        let count = pairs.len() as f64;
        let off: f64 = bins.iter().map(|bin| (bin[0] - bin[1]).abs()).sum();
        for bin in bins.iter_mut().filter(|bin| bin[2] > 0.0) {
            (bin[0], bin[1]) = (bin[0] / bin[2], bin[1] / bin[2]);
        }
        let squared: f64 = pairs.iter().map(|(chance, came)| (chance - f64::from(u8::from(*came))).powi(2)).sum();
        let per = |sum: f64| (count > 0.0).then(|| sum / count);
        Self { judged: pairs.len(), brier: per(squared), calibration_error: per(off), bins }
    }
}

/// How intervals held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    pub judged: usize,
    /// Share of the intervals that contained what came; said is 0.8.
    pub covered: Option<f64>,
}

impl Coverage {
    pub fn of(held: impl Iterator<Item = bool>) -> Self {
        let (judged, held) = held.fold((0, 0), |(judged, held), one| (judged + 1, held + usize::from(one)));
        Self { judged, covered: (judged > 0).then(|| held as f64 / judged as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_that_is_said_to_be_fair_and_is() {
        let fair: Vec<(f64, bool)> = (0..100).map(|toss| (0.5, toss % 2 == 0)).collect();
        let score = Reliability::of(&fair);
        assert_eq!((score.brier, score.calibration_error), (Some(0.25), Some(0.0)));
        assert_eq!(score.bins[5], [0.5, 0.5, 100.0]);
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert_eq!(Reliability::of(&[]).brier, None);
        assert_eq!(Coverage::of(std::iter::empty()).covered, None);
        assert_eq!(Coverage::of([true, true, true, false].into_iter()).covered, Some(0.75));
    }
}
