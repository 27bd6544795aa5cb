//! A straight line through a series, old samples weighing less and less: five sums, double because they cancel.

use serde::{Deserialize, Serialize};

/// Below this the samples are too few to know a slope.
const LEAST_SPREAD: f64 = 1e-9;

/// Sums over the samples by age; the newest has age 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    weight: f64,
    ages: f64,
    squares: f64,
    values: f64,
    products: f64,
}

/// The line at the newest sample, and its rise a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    pub level: f64,
    pub rise: f64,
}

/// What a weight is multiplied by at each sample.
pub(super) fn keep(half_life: f64) -> f64 {
    (-1.0 / half_life).exp2()
}

impl Line {
    pub fn take(&mut self, value: f64, half_life: f64) {
        let keep = keep(half_life);
        // Every sample gets older by one; the order matters, each sum is made of the old ones.
        self.squares = keep * (self.squares + 2.0 * self.ages + self.weight);
        self.ages = keep * (self.ages + self.weight);
        self.products = keep * (self.products + self.values);
        self.weight = keep * self.weight + 1.0;
        self.values = keep * self.values + value;
    }

    pub fn fit(&self) -> Fit {
        let spread = self.weight * self.squares - self.ages * self.ages;
        if spread < LEAST_SPREAD {
            let level = if self.weight > 0.0 { self.values / self.weight } else { 0.0 };
            return Fit { level, rise: 0.0 };
        }
        Fit {
            level: (self.squares * self.values - self.ages * self.products) / spread,
            rise: (self.ages * self.values - self.weight * self.products) / spread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_level_from_one_sample_and_nothing_from_none() {
        let mut line = Line::default();
        assert_eq!(line.fit(), Fit { level: 0.0, rise: 0.0 });
        line.take(0.3, 9.0);
        assert_eq!(line.fit(), Fit { level: 0.3, rise: 0.0 });
    }

    #[test]
    fn finds_a_straight_line_whatever_its_half_life() {
        for half_life in [3.0, 30.0, 300.0] {
            let mut line = Line::default();
            for sample in 0..1000 {
                line.take(0.2 + 1e-4 * f64::from(sample), half_life);
            }
            let fit = line.fit();
            assert!((fit.rise - 1e-4).abs() < 1e-10 && (fit.level - 0.2999).abs() < 1e-9, "{half_life}: {fit:?}");
        }
    }
}
