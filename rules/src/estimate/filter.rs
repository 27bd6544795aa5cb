//! Particulate filter and exhaust fluid of a diesel, DOMAIN 5.11: how far apart its regenerations are, and how far
//! the fluid lasts.

use serde::{Deserialize, Serialize};

use super::trend::Trend;
use super::{Due, EIGHTY, Forecast, emit, measured, within};
use crate::known::Known;
use crate::state::Vehicle;
use crate::state::fold::Step;

/// What a forecast is about.
pub(super) const COMPONENT: &str = "engine.emissions.scr";
/// A fall of the soot load by this much is a regeneration, percent.
const BURNT: f32 = 25.0;
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
    highest: f32,
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
            highest: 0.0,
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
    /// Takes a soot load; the newest intervals over the baseline once there is one, percent.
    fn take_soot(&mut self, soot: f32, km: f32) -> Option<f64> {
        self.highest = self.highest.max(soot);
        if soot > self.highest - BURNT {
            return None;
        }
        self.highest = soot;
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

    pub fn forecast(&self, km_a_day: f64) -> Option<Forecast> {
        let (early, central, late) = self.left()?;
        let due = Due { early: early / km_a_day, central: central / km_a_day, late: late / km_a_day };
        let sd = (due.central - due.early).max(0.5) / EIGHTY;
        Some(Forecast {
            estimator: "exhaust_fluid",
            component: COMPONENT.to_owned(),
            what: "distance left of the exhaust fluid",
            value: central,
            unit: "km",
            low: early,
            high: late,
            due: Some(due),
            within: Some(within(|days| super::normal((days - due.central) / sd))),
            evidence: self.levels.count().into(),
            learning: false,
        })
    }
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, known: &Known) {
    let km = vehicle.odometer.km as f32;
    let (soot, level) = (measured(vehicle, step, known.soot), measured(vehicle, step, known.adblue));
    if (soot.is_none() && level.is_none()) || km.is_nan() {
        return;
    }
    let filter = vehicle.estimates.filter.get_or_insert_default();
    let share = soot.and_then(|soot| filter.take_soot(soot as f32, km));
    let left = level.and_then(|level| filter.take_level(level as f32, km));
    if let Some(share) = share {
        emit(vehicle, step, known.regeneration_share, share);
    }
    if let Some(left) = left {
        emit(vehicle, step, known.adblue_km, left);
    }
}
