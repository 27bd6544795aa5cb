//! Particulate filter and exhaust fluid of a diesel, DOMAIN 5.11: how far apart its regenerations are, and how far
//! the fluid lasts.

use crate::learned::forecast::EIGHTY;
use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Foresight, ReadAt};
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use super::states::read;
use super::trend::Trend;
use crate::learned::forecast::Forecast;

pub const ENTRY: Entry = Entry {
    key: "filter",
    what: "how far apart the regenerations of a particulate filter are, and how far the exhaust fluid lasts",
    wakes: &[
        "Vehicle.Powertrain.CombustionEngine.DieselParticulateFilter.SootLoad",
        "Vehicle.Powertrain.CombustionEngine.DieselExhaustFluid.Level",
    ],
    emits: &[
        "Feature.Powertrain.CombustionEngine.RegenerationShare",
        "Feature.Powertrain.CombustionEngine.DieselExhaustFluidDistance",
    ],
    components: &["engine.emissions"],
    update,
    foresight: Some(Foresight { estimator: ESTIMATOR, forecasts }),
    restart: |state, _| *state = State::None,
    read: |bytes| read(bytes).map(State::Filter),
    ..Entry::PLAIN
};
const SOOT: ReadAt = ReadAt(0);
const FLUID: ReadAt = ReadAt(1);
const SHARE: EmitAt = EmitAt(0);
const FLUID_KM: EmitAt = EmitAt(1);

/// Its name among the calibrations, and what a forecast is about.
const ESTIMATOR: &str = "exhaust_fluid";
const COMPONENT: &str = "engine.emissions.scr";
/// A fall of the soot load by this much is a regeneration, percent; it is over when so much has gathered again.
const BURNT: f32 = 25.0;
const GATHERED: f32 = 5.0;
/// Weight of a new interval.
const WEIGHT: f32 = 0.3;
/// Intervals of the baseline.
const BASELINE: u8 = 10;
/// Thousands of km after which a level counts half.
const HALF_LIFE: f64 = 1.0;
/// A tank shows whole percents.
const LEVEL_SD: f64 = 0.5;
/// A rise by this much is a refill, percent.
const REFILLED: f32 = 5.0;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// The highest load since the last regeneration, or the lowest of the one that lasts.
    turn: f32,
    burns: bool,
    burnt_km: f32,
    interval: f32,
    baseline: f32,
    intervals: u8,
    level: f32,
    level_km: f32,
    levels: Trend,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            turn: 0.0,
            burns: false,
            burnt_km: f32::NAN,
            interval: f32::NAN,
            baseline: f32::NAN,
            intervals: 0,
            level: f32::NAN,
            level_km: f32::NAN,
            levels: Trend::default(),
        }
    }
}

impl Filter {
    /// Whether a regeneration begins with this soot load. One takes a while, and is one until soot gathers again.
    fn begins_to_burn(&mut self, soot: f32) -> bool {
        let turned = if self.burns { soot > self.turn + GATHERED } else { soot <= self.turn - BURNT };
        if turned {
            (self.turn, self.burns) = (soot, !self.burns);
            return self.burns;
        }
        self.turn = if self.burns { self.turn.min(soot) } else { self.turn.max(soot) };
        false
    }

    /// Takes a soot load; the newest intervals over the baseline once there is one, percent.
    fn take_soot(&mut self, soot: f32, km: f32) -> Option<f64> {
        if !self.begins_to_burn(soot) {
            return None;
        }
        let interval = km - std::mem::replace(&mut self.burnt_km, km);
        if interval.is_nan() || interval < 1.0 {
            return None;
        }
        self.interval =
            if self.interval.is_nan() { interval } else { self.interval + WEIGHT * (interval - self.interval) };
        if self.intervals < BASELINE {
            self.intervals += 1;
            let before = if self.baseline.is_nan() { 0.0 } else { self.baseline };
            self.baseline = before + (interval - before) / f32::from(self.intervals);
            return None;
        }
        Some(f64::from(100.0 * self.interval / self.baseline))
    }

    /// Takes a level; the distance left, km, once it is known.
    fn take_level(&mut self, level: f32, km: f32) -> Option<f64> {
        if self.level.is_nan() || level > self.level + REFILLED {
            self.levels = Trend::default();
        }
        let since = if self.levels.count() == 0 { 0.0 } else { f64::from(km - self.level_km) / 1_000.0 };
        self.levels.take(since, f64::from(level), HALF_LIFE);
        (self.level, self.level_km) = (level, km);
        self.left().map(|(_, central, _)| central)
    }

    fn left(&self) -> Option<(f64, f64, f64)> {
        let line = self.levels.line_with(LEVEL_SD).filter(|line| line.slope < -3.0 * line.slope_se)?;
        let km = |slope: f64| if slope < 0.0 { 1_000.0 * line.level.max(0.0) / -slope } else { f64::INFINITY };
        let spread = EIGHTY * line.slope_se;
        Some((km(line.slope - spread), km(line.slope), km(line.slope + spread)))
    }

    fn forecast(&self, km_a_day: f64) -> Option<Forecast> {
        let part = || (ESTIMATOR, COMPONENT.to_owned(), "distance left of the exhaust fluid");
        self.left().map(|left| Forecast::of_distance(part(), left, km_a_day, self.levels.count()))
    }
}

fn update(state: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let km = observed.odometer_km as f32;
    let (soot, level) = (features.measured(SOOT), features.measured(FLUID));
    if (soot.is_none() && level.is_none()) || km.is_nan() {
        return;
    }
    let State::Filter(filter) = state.or(|| State::Filter(Box::default())) else { return };
    if let Some(share) = soot.and_then(|soot| filter.take_soot(soot as f32, km)) {
        features.emit(SHARE, share);
    }
    if let Some(left) = level.and_then(|level| filter.take_level(level as f32, km)) {
        features.emit(FLUID_KM, left);
    }
}

fn forecasts(state: &State, _: &Latest<'_>, given: &Given<'_>) -> Vec<Forecast> {
    let State::Filter(filter) = state else { return Vec::new() };
    filter.forecast(given.km_a_day()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Soot loads at every kilometre; how often a regeneration was counted.
    fn regenerations(loads: &[f32]) -> usize {
        let mut filter = Filter::default();
        loads.iter().filter(|load| filter.begins_to_burn(**load)).count()
    }

    #[test]
    fn a_long_regeneration_is_one() {
        let burning: Vec<f32> = (0..40).map(|km| 90.0 - 2.0 * km as f32).collect();
        assert_eq!(regenerations(&[&[20.0, 60.0, 90.0], burning.as_slice()].concat()), 1);
    }

    #[test]
    fn one_that_is_broken_off_and_taken_up_again_is_one() {
        assert_eq!(regenerations(&[80.0, 60.0, 50.0, 53.0, 52.0, 30.0, 20.0, 24.0, 15.0]), 1);
    }

    #[test]
    fn soot_that_gathers_and_burns_again_is_another() {
        assert_eq!(regenerations(&[80.0, 50.0, 20.0, 30.0, 60.0, 30.0, 28.0, 34.0, 55.0, 20.0]), 3);
    }

    #[test]
    fn half_the_distance_is_half_the_baseline() {
        let (mut filter, mut km, mut share) = (Filter::default(), 0.0, None);
        for interval in [400.0; 12].into_iter().chain([200.0; 12]) {
            km += interval;
            filter.take_soot(60.0, km - 1.0);
            share = filter.take_soot(15.0, km).or(share);
        }
        assert!((50.0..53.0).contains(&share.unwrap()), "{share:?}");
    }
}
