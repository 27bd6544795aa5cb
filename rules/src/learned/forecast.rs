//! What an estimator says of the future of one part: a value, how sure it is, and when it comes to its limit.

use serde::Serialize;

use crate::unit::normal::phi;

/// Half of an 80 % interval, in standard deviations.
pub const EIGHTY: f64 = 1.281_55;

/// Horizons of the probabilities, days.
pub const HORIZONS: [f64; 3] = [7.0, 14.0, 30.0];

/// Every estimator that forecasts, by the name its calibration has.
pub const FORECASTERS: [&str; 7] =
    ["battery12v", "brake_pads", "cells", "exhaust_fluid", "insulation", "state_of_health", "tyre"];

/// A forecast about one part of a vehicle, as of its newest reading.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// One of [`FORECASTERS`].
    pub estimator: &'static str,
    /// Key of the component in the catalogue.
    pub component: String,
    /// Of what `value` is.
    pub what: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// Ends of the 80 % interval of the value.
    pub low: f64,
    pub high: f64,
    /// Days until the part comes to its limit, with an 80 % interval; `None` where nothing speaks for it.
    pub due: Option<Due>,
    /// Probability that it is at its limit within 7, 14 and 30 days, 0 to 1; `None` while it is not known.
    pub within: Option<[f64; 3]>,
    /// Features behind it.
    pub evidence: u32,
    /// Too few to be used for orders.
    pub learning: bool,
}

impl Forecast {
    /// What it says of the future.
    pub const fn outlook(&self) -> Outlook {
        Outlook { within: self.within, due: self.due }
    }

    /// Of a part that lasts a distance: early, central and late end of it, km, where so many are driven a day.
    pub(crate) fn of_distance(
        (estimator, component, what): (&'static str, String, &'static str),
        (early, central, late): (f64, f64, f64),
        km_a_day: f64,
        evidence: u16,
    ) -> Self {
        let due = Due { early: early / km_a_day, central: central / km_a_day, late: late / km_a_day };
        let sd = (due.central - due.early).max(0.5) / EIGHTY;
        Self {
            estimator,
            component,
            what,
            value: central,
            unit: "km",
            low: early,
            high: late,
            due: Some(due),
            within: Some(within(|days| phi((days - due.central) / sd))),
            evidence: evidence.into(),
            learning: false,
        }
    }
}

/// A probability at each of the horizons.
pub(crate) fn within(chance: impl Fn(f64) -> f64) -> [f64; 3] {
    HORIZONS.map(|days| chance(days).clamp(0.0, 1.0))
}

/// When a limit is reached, days from now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Due {
    pub early: f64,
    pub central: f64,
    /// Infinite where it may never be.
    pub late: f64,
}

/// What a forecast says of the future.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    pub within: Option<[f64; 3]>,
    pub due: Option<Due>,
}
