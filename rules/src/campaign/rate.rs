//! Faults per vehicle-day, and whether one rate is above another.

use std::ops::{Add, AddAssign, Sub};

use super::chance::{at_least, share_bounds};

/// What an interval of a ratio leaves out, both sides together.
const DOUBT: f64 = 0.05;

/// Vehicles that had a fault, and the vehicle-days in which they could have had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub faults: u32,
    pub vehicle_days: u32,
}

impl Rate {
    /// Faults per vehicle-day.
    pub fn per_day(self) -> f64 {
        f64::from(self.faults) / f64::from(self.vehicle_days.max(1))
    }
}

impl Add for Rate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { faults: self.faults + other.faults, vehicle_days: self.vehicle_days + other.vehicle_days }
    }
}

impl AddAssign for Rate {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Rate {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            faults: self.faults.saturating_sub(other.faults),
            vehicle_days: self.vehicle_days.saturating_sub(other.vehicle_days),
        }
    }
}

/// A rate beside the one it would have if nothing were special about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    pub observed: Rate,
    pub reference: Rate,
    /// How many times the reference's rate is usual now: above 1 where all others have risen too.
    pub usual: f64,
}

impl Comparison {
    pub const fn new(observed: Rate, reference: Rate) -> Self {
        Self { observed, reference, usual: 1.0 }
    }

    /// Of all faults of both, the share that falls on the observed if the rates are equal.
    fn share(&self) -> f64 {
        let own = f64::from(self.observed.vehicle_days) * self.usual;
        own / (own + f64::from(self.reference.vehicle_days))
    }

    /// The chance of so many faults or more if the rates are equal: exact, given how many there are in all.
    pub fn chance(&self) -> f64 {
        let both = self.observed.faults + self.reference.faults;
        at_least(self.observed.faults, both, self.share())
    }

    pub fn expected(&self) -> f64 {
        self.reference.per_day() * self.usual * f64::from(self.observed.vehicle_days)
    }

    /// Observed over expected; where none was expected, as if the reference had seen half a fault.
    pub fn ratio(&self) -> f64 {
        let seen = f64::from(self.reference.faults).max(0.5);
        let expected = seen / f64::from(self.reference.vehicle_days.max(1)) * self.usual;
        self.observed.per_day() / expected
    }

    /// The bounds of the ratio, 95 %; the upper one is missing where the reference saw no fault.
    pub fn bounds(&self) -> (f64, Option<f64>) {
        let both = self.observed.faults + self.reference.faults;
        let (lower, upper) = share_bounds(self.observed.faults, both, DOUBT);
        let of_share = |share: f64| share / (1.0 - share) * (1.0 - self.share()) / self.share();
        (of_share(lower), (self.reference.faults > 0).then(|| of_share(upper)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(faults: u32, vehicle_days: u32) -> Rate {
        Rate { faults, vehicle_days }
    }

    #[test]
    fn a_growing_fleet_is_no_rise() {
        let grown = Comparison::new(rate(40, 40_000), rate(10, 10_000));
        assert!(grown.chance() > 0.4, "{}", grown.chance());
        assert!((grown.ratio() - 1.0).abs() < 1e-12 && (grown.expected() - 40.0).abs() < 1e-9);
    }

    #[test]
    fn the_test_is_that_of_two_poisson_rates() {
        // The example in the manual of R's poisson.test: a ratio of 1.971488 with the interval 0.8584264 to 4.2772659.
        let exact = Comparison::new(rate(11, 800), rate(6 + 8 + 7, 1083 + 1050 + 878));
        assert!((exact.ratio() - 1.971_488).abs() < 1e-6, "{}", exact.ratio());
        let (lower, upper) = exact.bounds();
        assert!((lower - 0.858_426_4).abs() < 1e-6, "{lower}");
        assert!(upper.is_some_and(|upper| (upper - 4.277_265_9).abs() < 1e-5), "{upper:?}");
        let share = 800.0_f64 / 3811.0;
        let ways = |k: i32| (1..=k).map(|n| f64::from(32 - k + n) / f64::from(n)).product::<f64>();
        let by_hand: f64 = (11..=32).map(|k| ways(k) * share.powi(k) * (1.0 - share).powi(32 - k)).sum();
        assert!((exact.chance() - by_hand).abs() < 1e-12);
    }

    #[test]
    fn a_reference_without_faults_bounds_the_ratio_from_below_only() {
        let clean = Comparison::new(rate(8, 1000), rate(0, 3000));
        let (lower, upper) = clean.bounds();
        assert!(upper.is_none() && lower > 4.0 && clean.ratio().is_finite(), "{lower}");
        assert_eq!(clean.expected(), 0.0);
    }

    #[test]
    fn what_is_usual_now_is_expected() {
        let winter = Comparison { usual: 3.0, ..Comparison::new(rate(30, 1000), rate(30, 3000)) };
        assert!(winter.chance() > 0.4 && (winter.expected() - 30.0).abs() < 1e-9);
    }
}
