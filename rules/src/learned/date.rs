//! Which estimators may say when a part fails: those whose dates were measured and hold.
//!
//! An estimator's interval is said to contain eight of ten failures. Where it was measured and contains fewer than
//! seven, a date would be worse than none: people would plan by it. Then only probabilities within 7, 14 and 30 days
//! are shown. Every place that shows a forecast asks [`Catalogue::shows_date`]; there is no other place that decides it.
//!
//! [`Catalogue::shows_date`]: crate::catalogue::Catalogue::shows_date

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::learned::forecast::{Due, Forecast};

/// Share of the 80 % intervals that must contain what came, before dates are shown.
pub const LEAST_COVERAGE: f64 = 0.7;

/// One `[[date]]` of `estimators.toml`: how often an estimator's interval of the date of failure contained it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateEntry {
    pub estimator: String,
    /// As the score card measured it, 0 to 1; left out while nothing could be measured.
    pub coverage: Option<f64>,
    /// The figure of the score card that keeps it, as `score_floors.toml` names it.
    pub measured_by: String,
    pub source: String,
}

/// What was measured, by estimator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dates(BTreeMap<String, DateEntry>);

impl Dates {
    pub fn new(entries: impl IntoIterator<Item = DateEntry>) -> Self {
        Self(entries.into_iter().map(|entry| (entry.estimator.clone(), entry)).collect())
    }

    /// Whether dates hold by the score card; an estimator that was never measured has none that do.
    pub fn hold(&self, estimator: &str) -> bool {
        let coverage = self.0.get(estimator).and_then(|entry| entry.coverage);
        coverage.is_some_and(|coverage| coverage >= LEAST_COVERAGE)
    }

    pub fn iter(&self) -> impl Iterator<Item = &DateEntry> {
        self.0.values()
    }
}

/// A forecast as people read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownForecast {
    pub estimator: &'static str,
    /// Key of the component in the catalogue.
    pub component: String,
    /// Of what `value` is.
    pub what: &'static str,
    /// `None` where the value itself is how far the part still goes, and its dates do not hold.
    pub value: Option<f64>,
    pub unit: &'static str,
    /// Ends of the 80 % interval of the value.
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub due: Option<Due>,
    /// There is a date of failure, and it is left out because dates of this estimator do not hold.
    pub date_withheld: bool,
    pub within: Option<[f64; 3]>,
    pub evidence: u32,
    pub learning: bool,
}

impl Forecast {
    /// What of it people may read.
    pub fn shown(self, date_holds: bool) -> ShownForecast {
        let says_how_far = self.unit == "km";
        let figure = |value: f64| (date_holds || !says_how_far).then_some(value);
        ShownForecast {
            estimator: self.estimator,
            component: self.component,
            what: self.what,
            value: figure(self.value),
            unit: self.unit,
            low: figure(self.low),
            high: figure(self.high),
            due: self.due.filter(|_| date_holds),
            date_withheld: self.due.is_some() && !date_holds,
            within: self.within,
            evidence: self.evidence,
            learning: self.learning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast() -> Forecast {
        Forecast::of_distance(("brake_pads", "pads".to_owned(), "distance left"), (800.0, 1_000.0, 1_300.0), 50.0, 9)
    }

    #[test]
    fn a_distance_left_is_a_date_of_failure_too() {
        let shown = forecast().shown(true);
        assert_eq!((shown.value, shown.due.map(|due| due.central)), (Some(1_000.0), Some(20.0)));
        let shown = forecast().shown(false);
        assert_eq!((shown.value, shown.low, shown.high, shown.due), (None, None, None, None));
        assert!(shown.date_withheld && shown.within.is_some());
    }

    #[test]
    fn what_was_measured_now_is_no_date() {
        let shown = Forecast { unit: "kPa/d", ..forecast() }.shown(false);
        assert_eq!((shown.value, shown.low, shown.due), (Some(1_000.0), Some(800.0), None));
        let no_trend = Forecast { due: None, ..forecast() }.shown(false);
        assert!(!no_trend.date_withheld, "nothing was left out");
    }

    #[test]
    fn a_date_that_nobody_measured_does_not_hold() {
        let entry = |estimator: &str, coverage| DateEntry {
            estimator: estimator.to_owned(),
            coverage,
            measured_by: String::new(),
            source: String::new(),
        };
        let dates = Dates::new([entry("tyre", Some(0.69)), entry("cells", Some(0.7)), entry("oil", None)]);
        let holds = ["tyre", "cells", "oil", "other"].map(|estimator| dates.hold(estimator));
        assert_eq!(holds, [false, true, false, false]);
    }
}
