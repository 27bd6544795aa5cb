//! Whether forecast probabilities hold: of all that were said to fail within thirty days with 30 %, did 30 % do?

use serde::Serialize;

use super::life::Life;
use crate::truth::Truth;
use rules::time::{Span, Time};

/// The horizon that is judged, days, and its place among the forecast's.
const AHEAD: i64 = 30;
const PLACE: usize = 2;
const BINS: usize = 10;

/// One forecast: of which component, when, and with what probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    component: String,
    at: Time,
    chance: f64,
}

/// Writes down what is forecast once a week.
#[derive(Clone, Debug, Default)]
pub struct ChanceWatch {
    next: Option<Time>,
    pub said: Vec<Said>,
}

impl ChanceWatch {
    pub fn look(&mut self, life: &Life<'_>, now: Time) {
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        self.next = Some(now + Span::from_days(7));
        for forecast in rules::estimate::forecasts(life.vehicle(), life.set()) {
            if let Some(within) = forecast.within.filter(|_| !forecast.learning) {
                self.said.push(Said { component: forecast.component, at: now, chance: within[PLACE] });
            }
        }
    }
}

impl Said {
    /// Whether it came true; `None` where the vehicle was not watched for long enough.
    pub fn came_true(&self, truths: &[Truth], watched_to: Time) -> Option<bool> {
        let horizon = self.at + Span::from_days(AHEAD);
        let own = truths.iter().filter(|truth| truth.component == self.component);
        let failed = own.filter_map(|truth| truth.failure).min();
        match failed {
            // After the failure there is nothing left to forecast.
            Some(failed) if failed <= self.at => None,
            Some(failed) if failed <= horizon => Some(true),
            _ => (watched_to >= horizon).then_some(false),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reliability {
    pub judged: usize,
    /// Mean squared difference of probability and outcome.
    pub brier: Option<f64>,
    /// Mean difference of said and seen shares, by how often they were said.
    pub calibration_error: Option<f64>,
    /// Said, seen, and how many, by tenths of what was said.
    pub bins: Vec<[f64; 3]>,
}

/// Compares what was said with what came true.
pub fn score(pairs: &[(f64, bool)]) -> Reliability {
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
    Reliability { judged: pairs.len(), brier: per(squared), calibration_error: per(off), bins }
}

impl Said {
    pub const fn chance(&self) -> f64 {
        self.chance
    }

    pub fn component(&self) -> &str {
        &self.component
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_that_is_said_to_be_fair_and_is() {
        let fair: Vec<(f64, bool)> = (0..100).map(|toss| (0.5, toss % 2 == 0)).collect();
        let score = score(&fair);
        assert_eq!((score.brier, score.calibration_error), (Some(0.25), Some(0.0)));
        assert_eq!(score.bins[5], [0.5, 0.5, 100.0]);
    }
}
