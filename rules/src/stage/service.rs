//! The service plan of a vehicle as its days pass and its odometer moves: which items are judged again, and by what.

use crate::estimate::Estimates;
use crate::estimate::usage::Driven;
use crate::observed::step::Step;
use crate::rule_set::RuleSet;
use crate::state::Vehicle;
use crate::unit::Time;
use crate::vehicle::Slot;

/// The odometer moved: service states follow at once.
pub fn update(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let touched = |slot: Option<Slot>| slot.is_some_and(|slot| step.touched.contains(slot));
    let usage = &mut vehicle.estimates.usage;
    if touched(set.known.engine_hours) {
        usage.take_engine_hours(vehicle.last.last(set.known.engine_hours).value);
    }
    if touched(set.known.odometer) && usage.take_odometer(vehicle.odometer.km) && set.estimators.service {
        judge(vehicle, step.at, set);
        step.service = true;
    }
}

/// Passes the start of a day: closes the day before and judges the calendar.
pub fn begin_day(vehicle: &mut Vehicle, day_start: Time, set: &RuleSet) {
    if vehicle.estimates.usage.begin_day(vehicle.odometer.km, vehicle.newest) {
        judge(vehicle, day_start, set);
    }
}

/// Computes the state of every item of the vehicle's plan as of `now`.
pub fn judge(vehicle: &mut Vehicle, now: Time, set: &RuleSet) {
    let Some(plan) = set.catalogue.plan_of(&vehicle.profile.model) else { return };
    let Estimates { severity, usage, .. } = &mut vehicle.estimates;
    let driven = Driven { profile: &vehicle.profile, km: vehicle.odometer.km, severity: severity.factor() };
    usage.judge(&driven, plan, now);
}
