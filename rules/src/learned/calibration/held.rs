//! How forecasts held, and whether the dates of an estimator hold on the road.

use serde::{Deserialize, Serialize};

use super::super::precision::{Z, wilson_lower};
use super::super::{Coverage, Reliability};
use super::{CalibrationTable, Followed};
use crate::learned::date::LEAST_COVERAGE;
use crate::learned::forecast::{HORIZONS, Outlook};

/// So many intervals must have been judged before the road outweighs the score card.
const JUDGED: usize = 100;

/// How an estimator's forecasts held, as it gave them and as they were told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub raw: Reliability,
    pub told: Reliability,
    pub raw_interval: Coverage,
    pub interval: Coverage,
}

impl Held {
    /// Judges probabilities within thirty days, and the intervals of due dates.
    pub fn of<'a>(followed: impl Iterator<Item = &'a Followed> + Clone) -> Self {
        let pairs = |outlook: fn(&Followed) -> Outlook| {
            let pair = move |one: &'a Followed| Some((outlook(one).within?[2], one.failed_within(HORIZONS[2])?));
            Reliability::of(&followed.clone().filter_map(pair).collect::<Vec<_>>())
        };
        let covers = |outlook: fn(&Followed) -> Outlook| {
            let place = move |one: &'a Followed| one.place(outlook(one).due?);
            Coverage::of(followed.clone().filter_map(place).map(|place| (-1.0..=1.0).contains(&place)))
        };
        Self {
            raw: pairs(|one| one.raw),
            told: pairs(|one| one.told),
            raw_interval: covers(|one| one.raw),
            interval: covers(|one| one.told),
        }
    }
}

impl CalibrationTable {
    /// Whether the dates that an estimator told for a model hold: `None` where too few were judged to say so, and then
    /// the score card decides. What holds must be sure to (95 %); what does not hold need not be.
    pub fn date_holds(&self, estimator: &str, model: &str) -> Option<bool> {
        let find = |model: Option<&str>| {
            let own =
                |entry: &&super::CalibrationEntry| entry.estimator == estimator && entry.model.as_deref() == model;
            self.iter().find(own).and_then(|entry| entry.intervals).filter(|intervals| intervals.judged >= JUDGED)
        };
        let Coverage { judged, covered } = find(Some(model)).or_else(|| find(None))?;
        let covered = covered?;
        if covered < LEAST_COVERAGE {
            return Some(false);
        }
        (wilson_lower(covered, judged as f64, Z) >= LEAST_COVERAGE).then_some(true)
    }
}

/// What a table says of the dates of an estimator.
pub(super) const fn sentence(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "its dates of failure hold and are shown",
        Some(false) => "its dates of failure do not hold and are no longer shown",
        None => "whether its dates of failure are shown is for the score card to say",
    }
}
