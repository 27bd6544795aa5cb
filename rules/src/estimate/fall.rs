//! How fast something falls, so that no single false reading makes a rate: from what two readings running were above to
//! what two readings running are below.

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use crate::unit::{Span, Time};

/// Rates overlap by half of the least time that they are taken over.
const OVERLAP: i64 = 2;

/// The readings that rates are taken from. Nobody knows any of them before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fall {
    last: Level,
    /// What rates begin with, the older one first: below the readings then and before.
    older: Level,
    newer: Level,
    last_at: Stamp,
    older_at: Stamp,
    newer_at: Stamp,
}

/// A value to a twentieth, up to 1,600, in two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
struct Level(i16);

impl Level {
    const STEP: f64 = 0.05;

    fn new(value: f64) -> Self {
        // Casting keeps within the ends.
        Self((value / Self::STEP).round() as i16)
    }

    fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    fn above(self, other: Self) -> f64 {
        (f64::from(self.0) - f64::from(other.0)) * Self::STEP
    }
}

impl Fall {
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        for stamp in [&mut self.last_at, &mut self.older_at, &mut self.newer_at] {
            stamp.move_by(by);
        }
    }

    /// Takes a reading. What is lost a minute, once that is known over the least time and no more than the longest.
    pub fn take(&mut self, value: f64, at: Time, least: Span, longest: Span) -> Option<f64> {
        let before = *self;
        (self.last, self.last_at) = (Level::new(value), Stamp::at(at));
        let (low, now) = (before.last.min(self.last), self.last_at);
        if !before.last_at.is_set() || before.last_at.until(at) > longest {
            *self = Self { last: self.last, last_at: now, ..Self::default() };
            return None;
        }
        let is_apart = |from: Stamp| from.until(at).micros() * OVERLAP >= least.micros();
        if !before.older_at.is_set() {
            (self.older, self.older_at) = (low, now);
            return None;
        }
        let over = Span::from_micros(before.older_at.until(at).micros() - before.last_at.until(at).micros());
        if over < least {
            if !before.newer_at.is_set() && is_apart(before.older_at) {
                (self.newer, self.newer_at) = (low, now);
            }
            return None;
        }
        if before.newer_at.is_set() {
            (self.older, self.older_at) = (before.newer, before.newer_at);
            let next = is_apart(before.newer_at);
            (self.newer, self.newer_at) = if next { (low, now) } else { (Level::default(), Stamp::default()) };
        } else {
            (self.older, self.older_at) = (low, now);
        }
        let high = if before.last > self.last { before.last } else { self.last };
        (over <= longest).then(|| before.older.above(high) / (over.secs_f64() / 60.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEAST: Span = Span::from_secs(60);
    const LONGEST: Span = Span::from_mins(5);

    fn rates(period: i64, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut fall = Fall::default();
        let at = |place: usize| Time::from_secs(1_772_409_600 + period * place as i64);
        values
            .into_iter()
            .enumerate()
            .filter_map(|(place, value)| fall.take(value, at(place), LEAST, LONGEST))
            .collect()
    }

    proptest! {
        #[test]
        fn says_how_fast_it_falls_at_any_sampling(period in 1..300_i64, per_minute in -30.0..30.0_f64) {
            let falls = (0..40).map(|place| 240.0 - per_minute * f64::from(place) * period as f64 / 60.0);
            for rate in rates(period, falls.take_while(|kpa| (0.0..1_000.0).contains(kpa))) {
                // Of what rises it says no more than that it does not fall.
                prop_assert!(if per_minute < 0.0 { rate < 0.2 } else { (rate - per_minute).abs() < 0.2 }, "{rate}");
            }
        }

        #[test]
        fn no_single_false_reading_makes_a_rate(period in 1..300_i64, place in 0..40_usize, wrong in 0.0..1_000.0_f64) {
            let kpa = (0..40).map(|other| if other == place { wrong } else { 240.0 });
            for rate in rates(period, kpa) {
                prop_assert!(rate <= 0.1, "{rate}");
            }
        }
    }

    #[test]
    fn a_fall_is_known_with_the_second_reading_of_it() {
        assert_eq!(rates(30, [240.0, 240.0, 240.0, 240.0, 215.0, 190.0]), [0.0, 25.0]);
    }

    #[test]
    fn starts_again_after_a_gap() {
        assert_eq!(rates(301, [240.0, 100.0, 90.0, 80.0]), Vec::<f64>::new());
    }
}
