//! Estimators: code that turns readings and segments into features that rules read like signals, and into
//! forecasts that people read.
//!
//! To add one: a file beside this one, a field in [`Estimates`], a line in [`update`], its forecast in
//! [`forecasts`], what a repair resets in [`Estimates::restart`], and the feature's entry in
//! `catalogue/signals.toml`. An estimator keeps constant state and emits a feature once per trip, day or cold
//! start, never per raw sample where a trend is meant.

pub mod battery12v;
pub mod brake_pad;
pub mod fade;
pub mod fall;
pub mod filter;
pub mod fuel_trim;
pub mod health;
pub mod imbalance;
pub mod insulation;
pub mod knee;
pub mod maturing;
pub mod oil;
pub mod severity;
pub mod shift;
pub mod traction;
pub mod trend;
pub mod tyre;
pub mod usage;
pub mod warm_up;

use serde::{Deserialize, Serialize};

use crate::learned::Map;
use crate::learned::date::ShownForecast;
use crate::learned::forecast::Forecast;
use crate::observed::last::Last;
use crate::observed::segment::Turn;
use crate::observed::step::Step;
use crate::rule_set::RuleSet;
use crate::state::Vehicle;
use crate::unit::{Span, Time};
use crate::vehicle::{Component, Profile, Slot};

/// The estimators' states of one vehicle. What only some vehicles have is boxed and made when it is first heard of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimates {
    pub battery12v: battery12v::Battery12v,
    pub tyres: [tyre::Wheel; 4],
    pub warm_up: warm_up::WarmUp,
    pub fuel_trim: fuel_trim::FuelTrim,
    pub oil: oil::Oil,
    pub filter: Option<Box<filter::Filter>>,
    pub pads: Option<Box<[brake_pad::Pad; 4]>>,
    pub health: Option<Box<health::Health>>,
    pub imbalance: Option<Box<imbalance::Imbalance>>,
    pub insulation: Option<Box<insulation::Insulation>>,
    pub severity: severity::Severity,
    pub usage: usage::Usage,
}

impl Estimates {
    pub fn new(profile: &Profile, set: &RuleSet) -> Self {
        Self {
            battery12v: battery12v::Battery12v::default(),
            tyres: Default::default(),
            warm_up: warm_up::WarmUp::default(),
            fuel_trim: fuel_trim::FuelTrim::default(),
            oil: oil::Oil::default(),
            filter: None,
            pads: None,
            health: None,
            imbalance: None,
            insulation: None,
            severity: severity::Severity::default(),
            usage: usage::Usage::new(profile, set),
        }
    }

    pub fn take_profile(&mut self, profile: &Profile, set: &RuleSet) {
        self.usage.take_profile(profile, set);
    }

    /// Moves what is remembered by a step of the clock; dates that people gave stay.
    pub fn move_by(&mut self, by: Span) {
        self.battery12v.move_by(by);
        self.tyres.iter_mut().for_each(|wheel| wheel.move_by(by));
        self.warm_up.move_by(by);
        if let Some(health) = &mut self.health {
            health.move_by(by);
        }
        if let Some(imbalance) = &mut self.imbalance {
            imbalance.move_by(by);
        }
        if let Some(insulation) = &mut self.insulation {
            insulation.move_by(by);
        }
        self.severity.move_by(by);
        self.usage.move_by(by);
    }

    /// Forgets what was learned of a part that was replaced: its baseline is the old part's.
    pub fn restart(&mut self, component: &Component) {
        let replaced = |own: &str| component.same_branch(&Component::new(own));
        if replaced("electrics.battery12v") || replaced("electrics.charging") {
            self.battery12v.restart();
        }
        for (wheel, own) in self.tyres.iter_mut().zip(WHEELS) {
            if replaced(&format!("chassis.tyre.{own}")) {
                *wheel = tyre::Wheel::default();
            }
        }
        if replaced("engine.cooling") {
            self.warm_up.restart();
        }
        if replaced("engine.fuel_air") {
            self.fuel_trim.restart();
        }
        if replaced("engine.emissions") {
            self.filter = None;
        }
        if let Some(pads) = &mut self.pads {
            for (pad, own) in pads.iter_mut().zip(WHEELS) {
                if replaced(&format!("chassis.brakes.pads.{own}")) {
                    *pad = brake_pad::Pad::default();
                }
            }
        }
        if component.as_str() == "traction.battery" {
            self.health = None;
        }
        if replaced("traction.battery.cells") {
            self.imbalance = None;
        }
        if replaced("traction.insulation") {
            self.insulation = None;
        }
    }
}

/// Wheels as components name them.
pub const WHEELS: [&str; 4] = ["Row1.Wheel.Left", "Row1.Wheel.Right", "Row2.Wheel.Left", "Row2.Wheel.Right"];

/// Runs every estimator that a rule asks on a folded step; features they emit count as touched.
pub fn update(vehicle: &mut Vehicle, step: &mut Step, turn: Turn, set: &RuleSet) {
    let (known, wanted) = (&set.known, &set.wanted);
    if wanted.battery12v {
        battery12v::update(vehicle, step, turn, set);
    }
    if wanted.tyres {
        tyre::update(vehicle, step, known);
    }
    if wanted.warm_up {
        warm_up::update(vehicle, step, turn, set);
    }
    if wanted.fuel_trim {
        fuel_trim::update(vehicle, step, turn, set);
    }
    if wanted.oil {
        oil::update(vehicle, step, known);
    }
    if wanted.filter {
        filter::update(vehicle, step, known);
    }
    if wanted.pads {
        brake_pad::update(vehicle, step, known);
    }
    if wanted.health {
        health::update(vehicle, step, set);
    }
    if wanted.traction {
        traction::update(vehicle, step, known);
    }
    if wanted.insulation {
        insulation::update(vehicle, step, known);
    }
    if wanted.imbalance {
        imbalance::update(vehicle, step, set);
    }
    severity::update(vehicle, step, turn, known);
    usage::update(vehicle, step, set);
    if wanted.maturing && step.faults {
        maturing::update(vehicle, step, known);
    }
    let storm = f64::from(u8::from(vehicle.storm.is_on()));
    if step.faults || vehicle.last(known.storm).value != storm {
        emit(vehicle, step, known.storm, storm);
    }
    if wanted.moving_minutes {
        let minutes = f64::from(vehicle.segment.trip_moving_s / 60.0);
        emit(vehicle, step, known.moving_minutes, minutes);
    }
}

/// What people may read of what the estimators say of a vehicle's parts now, the soonest to fail first. Dates of
/// failure are in it only where they hold.
pub fn forecasts(vehicle: &Vehicle, set: &RuleSet) -> Vec<ShownForecast> {
    let holds = |estimator: &str| set.catalogue.shows_date(estimator, &vehicle.profile.model);
    let shown = |forecast: Forecast| {
        let date_holds = holds(forecast.estimator);
        forecast.shown(date_holds)
    };
    calibrated(vehicle, set).into_iter().map(shown).collect()
}

/// What the estimators say of a vehicle's parts now, calibrated, the soonest to fail first: for judging estimators.
pub fn calibrated(vehicle: &Vehicle, set: &RuleSet) -> Vec<Forecast> {
    let map = |forecast: &Forecast| calibration(vehicle, set, forecast.estimator);
    let mut found: Vec<Forecast> =
        uncalibrated(vehicle, set).into_iter().map(|forecast| map(&forecast).calibrated(forecast)).collect();
    let central = |forecast: &Forecast| forecast.due.map_or(f64::INFINITY, |due| due.central);
    found.sort_by(|a, b| central(a).total_cmp(&central(b)));
    found
}

/// What was learned of an estimator on vehicles like this one.
pub fn calibration(vehicle: &Vehicle, set: &RuleSet, estimator: &str) -> Map {
    set.catalogue.learned.calibration.of(estimator, &vehicle.profile.model)
}

/// The same as the estimators give it: what calibrations are learned from.
pub fn uncalibrated(vehicle: &Vehicle, set: &RuleSet) -> Vec<Forecast> {
    let own = &vehicle.estimates;
    let km_a_day = own.usage.km_a_day();
    let placard = vehicle.last(set.known.placard).value;
    let mut found: Vec<Forecast> = Vec::new();
    found.extend(own.battery12v.forecast());
    for (wheel, place) in own.tyres.iter().zip(WHEELS) {
        found.extend(wheel.forecast(&format!("chassis.tyre.{place}"), placard));
    }
    for (pad, place) in own.pads.iter().flat_map(|pads| pads.iter()).zip(WHEELS) {
        found.extend(pad.forecast(&format!("chassis.brakes.pads.{place}"), km_a_day));
    }
    found.extend(own.filter.as_ref().and_then(|filter| filter.forecast(km_a_day)));
    let age = health::age_days(&vehicle.profile, vehicle.newest) / 365.25;
    found.extend(own.health.as_ref().and_then(|health| health.forecast(age)));
    found.extend(own.imbalance.as_ref().and_then(|imbalance| imbalance.forecast()));
    found.extend(own.insulation.as_ref().and_then(|insulation| insulation.forecast()));
    found
}

/// Four fifths of a day: once a day, however its hour moves.
const DAILY: Span = Span::from_secs(69_120);

/// The last instant at which something was done, to the second: in half of the bytes, and what asks for it minds no less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp(u32);

impl Stamp {
    fn at(at: Time) -> Self {
        Self(at.micros().div_euclid(1_000_000).clamp(1, i64::from(u32::MAX)) as u32)
    }

    /// Moves it by a step of the clock.
    fn move_by(&mut self, by: Span) {
        if self.is_set() {
            *self = Self::at(Time::from_secs(i64::from(self.0)).stepped(by));
        }
    }

    /// Whether it was ever done.
    const fn is_set(self) -> bool {
        self.0 != 0
    }

    /// Whether so long has passed since, or it was never done.
    fn is_over(self, at: Time, span: Span) -> bool {
        !self.is_set() || self.until(at) >= span
    }

    /// The time since; none the first time.
    fn until(self, at: Time) -> Span {
        if self.is_set() { Span::from_secs(i64::from(Self::at(at).0.saturating_sub(self.0))) } else { Span::ZERO }
    }

    /// The time since, and starts over from now.
    fn pass(&mut self, at: Time) -> Span {
        let since = self.until(at);
        *self = Self::at(at);
        since
    }
}

/// Writes a feature as if it had been measured at the step. An estimate is known to a few digits: single precision
/// keeps seven, and half of the state is features.
fn emit(vehicle: &mut Vehicle, step: &mut Step, slot: Option<Slot>, value: f64) {
    repeat(vehicle, step, slot, f64::from(value as f32));
}

/// Writes a feature that is a reading itself: a limit means what was measured, to the last digit.
fn repeat(vehicle: &mut Vehicle, step: &mut Step, slot: Option<Slot>, value: f64) {
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
    (at.since(last.at) <= Span::from_secs(secs)).then_some(last.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn forecasts_are_about_components_of_the_catalogue() {
        let components = Catalogue::builtin().unwrap().components;
        let parts =
            [battery12v::COMPONENT, filter::COMPONENT, health::COMPONENT, imbalance::COMPONENT, insulation::COMPONENT];
        for part in parts {
            assert!(components.contains(part), "{part}");
        }
        for wheel in WHEELS {
            assert!(components.contains(&format!("chassis.tyre.{wheel}")), "{wheel}");
            assert!(components.contains(&format!("chassis.brakes.pads.{wheel}")), "{wheel}");
        }
    }
}
