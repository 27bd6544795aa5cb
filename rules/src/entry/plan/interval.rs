//! One interval of an item, counted from the last time it was done, and what is left of it.

use serde::{Deserialize, Serialize};

use super::phase::{Margins, Phase};
use crate::unit::Time;

/// Which of several measures decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Combinator {
    #[default]
    First,
    Last,
}

/// One interval of an item: its first or a later one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub km: Option<u32>,
    pub months: Option<u16>,
    pub engine_h: Option<u32>,
    pub combinator: Combinator,
    pub(super) margins: Margins,
}

/// What an item's interval is counted from: the last time it was done, else delivery and 0 km.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor {
    pub km: f64,
    pub at: Time,
    pub engine_h: Option<f64>,
    /// Whether it was ever done.
    pub done: bool,
}

/// What the meters say, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Meters {
    pub odometer_km: Option<f64>,
    pub engine_h: Option<f64>,
}

/// The state of an item now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Due {
    /// `None` while nothing that decides is known.
    pub phase: Option<Phase>,
    /// Negative when past.
    pub km_left: Option<f64>,
    pub days_left: Option<f64>,
    pub hours_left: Option<f64>,
}

impl Interval {
    /// The phase from everything that may be left; `None` if nothing that decides is known.
    pub fn phase(&self, km_left: Option<f64>, days_left: Option<f64>, hours_left: Option<f64>) -> Option<Phase> {
        let measures = [
            (self.km.is_some(), km_left, self.margins.km),
            (self.months.is_some(), days_left, self.margins.days),
            (self.engine_h.is_some(), hours_left, self.margins.hours),
        ];
        let asked = measures.iter().filter(|(asked, ..)| *asked);
        let known = asked.clone().filter_map(|(_, left, margin)| left.map(|left| margin.phase(left)));
        match self.combinator {
            Combinator::First => known.max(),
            // The last one may be the one that is not known.
            Combinator::Last if asked.clone().any(|(_, left, _)| left.is_none()) => None,
            Combinator::Last => known.min(),
        }
    }

    /// This interval under severe use: `factor` of it, 0 to 1.
    #[must_use]
    pub fn shortened(self, factor: f64) -> Self {
        let shorter = |every: u32| (f64::from(every) * factor).round() as u32;
        Self {
            km: self.km.map(shorter),
            months: self.months.map(|months| shorter(u32::from(months)) as u16),
            engine_h: self.engine_h.map(shorter),
            ..self
        }
    }
}

impl Anchor {
    /// Nothing was done yet.
    pub const fn delivery(at: Time) -> Self {
        Self { km: 0.0, at, engine_h: Some(0.0), done: false }
    }

    /// It was done, at the actual distance and date.
    pub const fn service(km: f64, at: Time) -> Self {
        Self { km, at, engine_h: None, done: true }
    }
}
