//! Estimators: code that turns readings and segments into features that rules read like signals, and into
//! forecasts that people read.
//!
//! Each is an [`Entry`] of plain functions: what runs it, what it reads and writes, on which parts, and what it
//! remembers. To add one: a file beside this one, its line here three times (module, [`State`] and slice), its features
//! in `catalogue/signals.toml`, and a scenario. Nobody else knows any of them by name: the stage
//! [`estimate`](crate::stage::estimate) runs the slice, and states are stored by key.
//!
//! An estimator keeps constant state and emits a feature once per trip, day or cold start, never per raw sample where
//! a trend is meant.

pub mod battery12v;
pub mod brake_pad;
pub mod cell_spread;
mod drain;
pub mod entry;
mod estimates;
pub mod fade;
pub mod fall;
pub mod feature;
pub mod filter;
pub mod fuel_trim;
pub mod given;
pub mod health;
pub mod imbalance;
pub mod insulation;
pub mod knee;
pub mod maturing;
pub mod moving_minutes;
pub mod oil;
pub mod per_volt;
pub mod severity;
pub mod shift;
pub mod stamp;
pub mod states;
pub mod storm;
pub mod trend;
pub mod tyre;
pub mod usage;
pub mod warm_up;

use serde::Serialize;

pub use self::entry::{Entry, WHEELS};
pub use self::estimates::Estimates;

/// Every estimator. One sees what those before it emit in the same step.
pub const ESTIMATORS: &[Entry] = &[
    battery12v::ENTRY,
    tyre::ENTRY,
    warm_up::ENTRY,
    fuel_trim::ENTRY,
    oil::ENTRY,
    brake_pad::ENTRY,
    filter::ENTRY,
    health::ENTRY,
    per_volt::ENTRY,
    cell_spread::ENTRY,
    imbalance::ENTRY,
    insulation::ENTRY,
    maturing::ENTRY,
    storm::ENTRY,
    moving_minutes::ENTRY,
];

/// What an estimator remembers of a vehicle. It is written without its name, which its entry's key is.
///
/// Every vehicle keeps several: what is larger than a pointer is boxed, and the smallest stay in place.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(untagged)]
pub enum State {
    #[default]
    None,
    Battery12v(Box<battery12v::Battery12v>),
    BrakePads(Box<[brake_pad::Pad; 4]>),
    Filter(Box<filter::Filter>),
    FuelTrim(Box<fuel_trim::FuelTrim>),
    Health(Box<health::Health>),
    Imbalance(Box<imbalance::Imbalance>),
    Insulation(Box<insulation::Insulation>),
    Oil(oil::Oil),
    Tyres(Box<[tyre::Wheel; 4]>),
    WarmUp(Box<warm_up::WarmUp>),
}
