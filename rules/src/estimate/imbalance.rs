//! Cell imbalance, DOMAIN 5.8: the spread of cell voltages at rest, its trend, and whether it is always the same cell.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::trend::Trend;
use super::{Stamp, emit, measured, recent};
use crate::learned::forecast::Forecast;
use crate::observed::step::Step;
use crate::rule_set::RuleSet;
use crate::state::Vehicle;
use crate::unit::Span;

/// Cells have settled after this rest.
const REST: Span = Span::from_mins(20);
/// At rest: below C/20, as a share of the capacity per hour.
const RESTING: f64 = 0.05;
/// Where the open-circuit voltage of NCM cells is flat enough to compare them, percent.
const FLAT: std::ops::RangeInclusive<f64> = 30.0..=90.0;
/// What a forecast is about.
pub(super) const COMPONENT: &str = "traction.battery.cells";
const HALF_LIFE: f64 = 30.0;
/// DOMAIN 5.8: an order at 100 mV.
const LIMIT: f64 = 100.0;
/// Of a day's mean, mV.
const DAY_SD: f64 = 1.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Imbalance {
    sum: f32,
    count: u16,
    day: Stamp,
    trend: Trend,
    lowest: u16,
    /// The last days, newest in bit 0: whether the lowest cell was the one of the day before.
    same: u32,
}

impl Imbalance {
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        self.day.move_by(by);
    }

    /// Ends a day; gives mean, slope per month and the share of days with the same lowest cell.
    fn end_day(&mut self, since: f64) -> (f64, Option<f64>) {
        let mean = f64::from(self.sum) / f64::from(self.count.max(1));
        self.trend.take(since, mean, HALF_LIFE);
        (self.sum, self.count) = (0.0, 0);
        (mean, self.trend.line_with(DAY_SD).map(|line| line.slope * 30.436_875))
    }

    pub fn forecast(&self) -> Option<Forecast> {
        let line = self.trend.line_with(DAY_SD).filter(|_| self.trend.count() >= 7)?;
        Some(Forecast {
            estimator: "cells",
            component: COMPONENT.to_owned(),
            what: "spread of cell voltages at rest",
            value: line.level,
            unit: "mV",
            low: line.level - EIGHTY * line.level_se,
            high: line.level + EIGHTY * line.level_se,
            due: line.due(LIMIT, false),
            within: Some(within(|days| line.beyond(LIMIT, days, false))),
            evidence: self.trend.count().into(),
            learning: self.trend.count() < 14,
        })
    }
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let known = &set.known;
    let (Some(max), Some(min)) = (measured(vehicle, step, known.cell_max), measured(vehicle, step, known.cell_min))
    else {
        return;
    };
    let capacity = set.catalogue.model(&vehicle.profile.model).and_then(|model| model.nominal.pack_ah);
    let amperes = recent(vehicle, step.at, known.pack_amperes, 60).unwrap_or(0.0);
    let still = capacity.is_some_and(|ah| amperes.abs() < RESTING * ah);
    let settled = step.at.since(vehicle.segment.since) >= REST && vehicle.segment.parked_for(step.at).is_some();
    let flat = recent(vehicle, step.at, known.soc, 3_600).is_some_and(|soc| FLAT.contains(&soc));
    if !still || !settled || !flat {
        return;
    }
    let lowest = recent(vehicle, step.at, known.cell_min_id, 60).map_or(0, |id| id as u16);
    let imbalance = vehicle.estimates.imbalance.get_or_insert_default();
    let mut found = None;
    if imbalance.day.is_over(step.at, super::DAILY) {
        let since = imbalance.day.pass(step.at).days_f64();
        if imbalance.count > 0 {
            found = Some(imbalance.end_day(since));
            imbalance.same = imbalance.same << 1 | u32::from(lowest == imbalance.lowest);
        }
        imbalance.lowest = lowest;
    }
    imbalance.sum += ((max - min) * 1_000.0) as f32;
    imbalance.count = imbalance.count.saturating_add(1);
    let share = 100.0 * f64::from(imbalance.same.count_ones()) / f64::from(imbalance.trend.count().clamp(1, 32));
    if let Some((mean, slope)) = found {
        emit(vehicle, step, known.imbalance, mean);
        emit(vehicle, step, known.lowest_cell_share, share);
        if let Some(slope) = slope {
            emit(vehicle, step, known.imbalance_slope, slope);
        }
    }
}
