//! Insulation, DOMAIN 5.9: the logarithm of ohm per volt, a mean a day, and when its fall comes to 500 ohm/V.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Foresight, ReadAt};
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use super::stamp::{DAILY, Stamp};
use super::states::read;
use super::trend::{Line, Trend};
use crate::learned::forecast::Forecast;

pub const ENTRY: Entry = Entry {
    key: "insulation",
    what: "when the falling insulation of a traction battery comes to its limit",
    wakes: &["Feature.Powertrain.TractionBattery.InsulationPerVolt"],
    emits: &["Feature.Powertrain.TractionBattery.InsulationDaysLeft"],
    components: &[COMPONENT],
    update,
    foresight: Some(Foresight { estimator: ESTIMATOR, forecasts }),
    restart: |state, _| *state = State::None,
    move_by: |state, by| {
        if let State::Insulation(insulation) = state {
            insulation.day.move_by(by);
        }
    },
    read: |bytes| read(bytes).map(State::Insulation),
    ..Entry::PLAIN
};
const PER_VOLT: ReadAt = ReadAt(0);
const DAYS_LEFT: EmitAt = EmitAt(0);

/// Its name among the calibrations, and what a forecast is about.
const ESTIMATOR: &str = "insulation";
const COMPONENT: &str = "traction.insulation";
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
    /// The line, if it falls for certain.
    fn falling(&self) -> Option<Line> {
        let line = self.trend.line_with(DAY_SD).filter(|_| self.trend.count() >= DAYS)?;
        (line.slope < T * line.slope_se).then_some(line)
    }

    fn forecast(&self) -> Option<Forecast> {
        let line = self.trend.line_with(DAY_SD).filter(|_| self.trend.count() >= DAYS)?;
        let due = self.falling().and_then(|line| line.due(LIMIT.ln(), true));
        Some(Forecast {
            estimator: ESTIMATOR,
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
fn update(state: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let Some(value) = features.measured(PER_VOLT) else { return };
    let State::Insulation(insulation) = state.or(|| State::Insulation(Box::default())) else { return };
    let mut falling = None;
    if insulation.day.is_over(observed.at, DAILY) {
        let since = insulation.day.pass(observed.at).days_f64();
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
        features.emit(DAYS_LEFT, line.reaches(LIMIT.ln()).unwrap_or(0.0));
    }
}

fn forecasts(state: &State, _: &Latest<'_>, _: &Given<'_>) -> Vec<Forecast> {
    let State::Insulation(insulation) = state else { return Vec::new() };
    insulation.forecast().into_iter().collect()
}
