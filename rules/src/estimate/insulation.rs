//! Insulation, DOMAIN 5.9: the logarithm of ohm per volt, a mean a day, and when its fall comes to 500 ohm/V.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::trend::{Line, Trend};
use super::{Stamp, emit};
use crate::learned::forecast::Forecast;
use crate::observed::known::Known;
use crate::observed::step::Step;
use crate::state::Vehicle;
use crate::unit::Span;

/// What a forecast is about.
pub(super) const COMPONENT: &str = "traction.insulation";
const HALF_LIFE: f64 = 15.0;
/// Alternating-current coupled limit, ohm/V.
const LIMIT: f64 = 500.0;
/// Scatter of a day's mean, in logarithms: moisture.
const DAY_SD: f64 = 0.05;
/// A fall is believed from here on.
const T: f64 = -4.0;
const DAYS: u16 = 7;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Insulation {
    sum: f32,
    count: u16,
    day: Stamp,
    trend: Trend,
}

impl Insulation {
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        self.day.move_by(by);
    }

    /// The line, if it falls for certain.
    fn falling(&self) -> Option<Line> {
        let line = self.trend.line_with(DAY_SD).filter(|_| self.trend.count() >= DAYS)?;
        (line.slope < T * line.slope_se).then_some(line)
    }

    pub fn forecast(&self) -> Option<Forecast> {
        let line = self.trend.line_with(DAY_SD).filter(|_| self.trend.count() >= DAYS)?;
        let due = self.falling().and_then(|line| line.due(LIMIT.ln(), true));
        Some(Forecast {
            estimator: "insulation",
            component: COMPONENT.to_owned(),
            what: "insulation",
            value: line.level.exp(),
            unit: "ohm/V",
            low: (line.level - EIGHTY * line.level_se).exp(),
            high: (line.level + EIGHTY * line.level_se).exp(),
            due,
            within: Some(within(|days| if due.is_some() { line.beyond(LIMIT.ln(), days, true) } else { 0.0 })),
            evidence: self.trend.count().into(),
            learning: self.trend.count() < 2 * DAYS,
        })
    }
}

/// Takes ohm per volt as they come.
pub fn update(vehicle: &mut Vehicle, step: &mut Step, known: &Known) {
    let Some(slot) = known.insulation_per_volt.filter(|slot| step.touched.contains(*slot)) else { return };
    let value = vehicle.last(Some(slot)).value;
    let insulation = vehicle.estimates.insulation.get_or_insert_default();
    let mut falling = None;
    if insulation.day.is_over(step.at, super::DAILY) {
        let since = insulation.day.pass(step.at).days_f64();
        if insulation.count > 0 {
            let mean = f64::from(insulation.sum) / f64::from(insulation.count);
            insulation.trend.take(since, mean, HALF_LIFE);
            (insulation.sum, insulation.count) = (0.0, 0);
            falling = insulation.falling();
        }
    }
    insulation.sum += value.max(1.0).ln() as f32;
    insulation.count = insulation.count.saturating_add(1);
    if let Some(line) = falling {
        emit(vehicle, step, known.insulation_days, line.reaches(LIMIT.ln()).unwrap_or(0.0));
    }
}
