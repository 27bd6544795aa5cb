//! Estimators: code that turns readings and segments into features that rules read like signals.
//!
//! To add one: a file beside this one, a field in [`Estimates`], a line in [`update`], and the
//! feature's entry in `catalogue/signals.toml`. An estimator keeps constant state and emits a
//! feature once per trip, day or cold start, never per raw sample where a trend is meant.

pub mod battery12v;
pub mod traction;
pub mod tyre;
pub mod usage;
pub mod warm_up;

use serde::{Deserialize, Serialize};

use crate::expr::Last;
use crate::rule_set::RuleSet;
use crate::signal::Slot;
use crate::state::Vehicle;
use crate::state::fold::Step;
use crate::time::Time;
use crate::vehicle::Profile;

/// The estimators' states of one vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimates {
    pub battery12v: battery12v::Battery12v,
    pub tyres: [tyre::Wheel; 4],
    pub warm_up: warm_up::WarmUp,
    pub usage: usage::Usage,
}

impl Estimates {
    pub fn new(profile: &Profile, set: &RuleSet) -> Self {
        Self {
            battery12v: battery12v::Battery12v::default(),
            tyres: Default::default(),
            warm_up: warm_up::WarmUp::default(),
            usage: usage::Usage::new(profile, set),
        }
    }

    pub fn take_profile(&mut self, profile: &Profile, set: &RuleSet) {
        self.usage.take_profile(profile, set);
    }
}

/// Runs every estimator that a rule asks on a folded step; features they emit count as touched.
pub fn update(vehicle: &mut Vehicle, step: &mut Step, trip_began: bool, set: &RuleSet) {
    if trip_began {
        vehicle.estimates.battery12v.begin_trip();
    }
    if set.wanted.battery12v {
        battery12v::update(vehicle, step, &set.known);
    }
    if set.wanted.tyres {
        tyre::update(vehicle, step, &set.known);
    }
    if set.wanted.warm_up {
        warm_up::update(vehicle, step, &set.known);
    }
    if set.wanted.traction {
        traction::update(vehicle, step, &set.known);
    }
    usage::update(vehicle, step, set);
    let storm = f64::from(u8::from(vehicle.storm.is_on()));
    if step.faults || vehicle.last(set.known.storm).value != storm {
        emit(vehicle, step, set.known.storm, storm);
    }
    if set.wanted.moving_minutes {
        let minutes = f64::from(vehicle.segment.trip_moving_s / 60.0);
        emit(vehicle, step, set.known.moving_minutes, minutes);
    }
}

/// Writes a feature as if it had been measured at the step.
fn emit(vehicle: &mut Vehicle, step: &mut Step, slot: Option<Slot>, value: f64) {
    let Some(slot) = slot else { return };
    vehicle.last.set(slot.index(), Last { value, at: step.at });
    step.touched.insert(slot);
}

/// The value of a slot if it was measured in this very step.
fn measured(vehicle: &Vehicle, step: &Step, slot: Option<Slot>) -> Option<f64> {
    slot.filter(|slot| step.touched.contains(*slot)).map(|slot| vehicle.last(Some(slot)).value)
}

/// The value of a slot if it is at most `secs` old.
fn recent(vehicle: &Vehicle, at: Time, slot: Option<Slot>, secs: i64) -> Option<f64> {
    let last = vehicle.last(slot);
    (at.since(last.at) <= crate::time::Span::from_secs(secs)).then_some(last.value)
}
