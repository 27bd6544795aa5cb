//! What past forecasts were worth: the errors of the two experts, and how wide intervals must be.

use serde::{Deserialize, Serialize};

use super::line::keep;

/// Half-life of the errors, in scored forecasts.
const HALF_LIFE: f64 = 3.0;
/// Starting multipliers of the scale, and how far from there they may go.
const START: f32 = 1.0;
const FARTHEST: f32 = 8.0;
/// Step of the online quantile, and the share that may lie beyond each end of an 80 % interval.
const STEP: f64 = 0.2;
const BEYOND: f64 = 0.1;

/// Recent absolute errors of the experts at one horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Race {
    line: f32,
    knee: f32,
    weight: f32,
}

impl Race {
    pub fn take(&mut self, line: f64, knee: f64) {
        let keep = keep(HALF_LIFE) as f32;
        self.line = keep * self.line + line.abs() as f32;
        self.knee = keep * self.knee + knee.abs() as f32;
        self.weight = keep * self.weight + 1.0;
    }

    /// How much the knee's forecast deserves for each that the line's does: the inverse ratio of their mean errors,
    /// which the floor keeps from being decided by noise. 1 before the first score.
    pub fn odds(&self, floor: f64) -> f64 {
        if self.weight <= 0.0 {
            return 1.0;
        }
        let mean = |sum: f32| f64::from(sum) / f64::from(self.weight) + floor;
        mean(self.line) / mean(self.knee)
    }
}

/// Widths of an interval below and above, as multiples of its scale: they follow the battery's own errors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Margin {
    below: f32,
    above: f32,
}

impl Default for Margin {
    fn default() -> Self {
        Self { below: START, above: START }
    }
}

impl Margin {
    /// Takes what came less what was forecast, and the scale of that forecast.
    pub fn take(&mut self, error: f64, scale: f64) {
        let moved = |width: f32, beyond: f64| {
            let missed = if beyond > f64::from(width) * scale { 1.0 } else { 0.0 };
            (width * (STEP * (missed - BEYOND)).exp() as f32).clamp(START / FARTHEST, START * FARTHEST)
        };
        self.below = moved(self.below, -error);
        self.above = moved(self.above, error);
    }

    pub fn below(self) -> f64 {
        f64::from(self.below)
    }

    pub fn above(self) -> f64 {
        f64::from(self.above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn favours_who_erred_less() {
        let mut race = Race::default();
        assert_eq!(race.odds(0.001), 1.0);
        race.take(0.01, -0.001);
        assert!((race.odds(0.001) - 5.5).abs() < 1e-5, "{race:?}");
        for _ in 0..30 {
            race.take(0.0, 0.004);
        }
        assert!((race.odds(0.001) - 0.2).abs() < 1e-3, "{race:?}");
    }

    #[test]
    fn widens_only_on_the_side_that_was_missed_and_within_bounds() {
        let mut margin = Margin::default();
        margin.take(-0.02, 0.01);
        assert!(margin.below > START && margin.above < START, "{margin:?}");
        for _ in 0..1000 {
            margin.take(-1.0, 0.01);
        }
        assert_eq!((margin.below, margin.above), (8.0, 0.125));
    }
}
