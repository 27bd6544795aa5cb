//! Cell imbalance, DOMAIN 5.8: the spread of cell voltages at rest, its trend, and whether it is always the same cell.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Foresight, ReadAt};
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use super::stamp::{DAILY, Stamp};
use super::states::read;
use super::trend::Trend;
use crate::learned::forecast::Forecast;
use crate::unit::Span;

pub const ENTRY: Entry = Entry {
    key: "imbalance",
    what: "how far the cells of a traction battery drift apart at rest, and whether it is always the same one",
    wakes: &[
        "Vehicle.Powertrain.TractionBattery.CellVoltage.Max",
        "Vehicle.Powertrain.TractionBattery.CellVoltage.Min",
    ],
    reads: &[
        "Vehicle.Powertrain.TractionBattery.CellVoltage.IdMin",
        "Vehicle.Powertrain.TractionBattery.CurrentCurrent",
        "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
    ],
    emits: &[
        "Feature.Powertrain.TractionBattery.CellImbalance",
        "Feature.Powertrain.TractionBattery.CellImbalanceSlope",
        "Feature.Powertrain.TractionBattery.LowestCellShare",
    ],
    components: &[COMPONENT],
    update,
    foresight: Some(Foresight { estimator: ESTIMATOR, forecasts }),
    restart: |state, _| *state = State::None,
    move_by: |state, by| {
        if let State::Imbalance(imbalance) = state {
            imbalance.day.move_by(by);
        }
    },
    read: |bytes| read(bytes).map(State::Imbalance),
    ..Entry::PLAIN
};
const HIGHEST: ReadAt = ReadAt(0);
const LOWEST: ReadAt = ReadAt(1);
const LOWEST_ID: ReadAt = ReadAt(2);
const AMPERES: ReadAt = ReadAt(3);
const CHARGE: ReadAt = ReadAt(4);
const SPREAD: EmitAt = EmitAt(0);
const SLOPE: EmitAt = EmitAt(1);
const SAME_SHARE: EmitAt = EmitAt(2);

/// Cells have settled after this rest.
const REST: Span = Span::from_mins(20);
/// At rest: below C/20, as a share of the capacity per hour.
const RESTING: f64 = 0.05;
/// Where the open-circuit voltage of NCM cells is flat enough to compare them, percent.
const FLAT: std::ops::RangeInclusive<f64> = 30.0..=90.0;
/// Its name among the calibrations, and what a forecast is about.
const ESTIMATOR: &str = "cells";
const COMPONENT: &str = "traction.battery.cells";
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
    /// Ends a day; gives mean, slope per month and the share of days with the same lowest cell.
    fn end_day(&mut self, since: f64) -> (f64, Option<f64>) {
        let mean = f64::from(self.sum) / f64::from(self.count.max(1));
        self.trend.take(since, mean, HALF_LIFE);
        (self.sum, self.count) = (0.0, 0);
        (mean, self.trend.line_with(DAY_SD).map(|line| line.slope * 30.436_875))
    }

    fn forecast(&self) -> Option<Forecast> {
        let line = self.trend.line_with(DAY_SD).filter(|_| self.trend.count() >= 7)?;
        Some(Forecast {
            estimator: ESTIMATOR,
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

fn update(state: &mut State, observed: &Observed<'_>, given: &Given<'_>, features: &mut Features<'_>) {
    let (Some(max), Some(min)) = (features.measured(HIGHEST), features.measured(LOWEST)) else { return };
    if !is_at_rest(observed, given, features) {
        return;
    }
    let lowest = features.recent(LOWEST_ID, 60).map_or(0, |id| id as u16);
    let State::Imbalance(imbalance) = state.or(|| State::Imbalance(Box::default())) else { return };
    let mut found = None;
    if imbalance.day.is_over(observed.at, DAILY) {
        let since = imbalance.day.pass(observed.at).days_f64();
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
        features.emit(SPREAD, mean);
        features.emit(SAME_SHARE, share);
        if let Some(slope) = slope {
            features.emit(SLOPE, slope);
        }
    }
}

/// Whether cells can be compared: no current, settled, and where their voltage is flat enough.
fn is_at_rest(observed: &Observed<'_>, given: &Given<'_>, features: &Features<'_>) -> bool {
    let amperes = features.recent(AMPERES, 60).unwrap_or(0.0);
    let settled = observed.lasts() >= REST && observed.parked_for().is_some();
    settled
        && features.recent(CHARGE, 3_600).is_some_and(|soc| FLAT.contains(&soc))
        && given.pack_ah().is_some_and(|ah| amperes.abs() < RESTING * ah)
}

fn forecasts(state: &State, _: &Latest<'_>, _: &Given<'_>) -> Vec<Forecast> {
    let State::Imbalance(imbalance) = state else { return Vec::new() };
    imbalance.forecast().into_iter().collect()
}
