//! The mixture, DOMAIN 5.10: one mean of short and long-term trim per trip, hot and driving, and how it shifts.

use serde::{Deserialize, Serialize};

use super::shift::Shift;
use super::{Turn, emit, measured, recent};
use crate::entry::norm::Feature;
use crate::observed::step::Step;
use crate::rule_set::RuleSet;
use crate::state::Vehicle;

/// Closed loop and hot, degC; driving, km/h.
const HOT: f64 = 75.0;
const DRIVING: f64 = 20.0;
/// Readings of a trip that make a mean.
const ENOUGH: u16 = 10;

/// No mixture control adds or takes more, %: beyond it a reading says no more than that.
const MOST: f64 = 25.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FuelTrim {
    sum: f32,
    count: u16,
    shift: Shift,
}

impl FuelTrim {
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    pub const fn shift(&self) -> &Shift {
        &self.shift
    }
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, turn: Turn, set: &RuleSet) {
    if turn.ended {
        end_trip(vehicle, step, set);
    }
    if turn.began {
        let trim = &mut vehicle.estimates.fuel_trim;
        (trim.sum, trim.count) = (0.0, 0);
    }
    let Some(short) = measured(vehicle, step, set.known.short_trim) else { return };
    let hot = recent(vehicle, step.at, set.known.coolant, 60).is_some_and(|celsius| celsius > HOT);
    let driving = recent(vehicle, step.at, set.known.speed, 60).is_some_and(|speed| speed > DRIVING);
    if let Some(long) = recent(vehicle, step.at, set.known.long_trim, 60).filter(|_| hot && driving) {
        let trim = &mut vehicle.estimates.fuel_trim;
        trim.sum += (short.clamp(-MOST, MOST) + long.clamp(-MOST, MOST)) as f32;
        trim.count = trim.count.saturating_add(1);
    }
}

fn end_trip(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let trim = &mut vehicle.estimates.fuel_trim;
    if trim.count < ENOUGH {
        return;
    }
    let mean = f64::from(trim.sum) / f64::from(trim.count);
    if let Some(norm) = set.catalogue.norms.of(Feature::FuelTrim, &vehicle.profile.model) {
        trim.shift.take(mean, &norm);
        let (rise, fall) = (trim.shift.up(), trim.shift.down());
        emit(vehicle, step, set.known.trim_rise, rise);
        emit(vehicle, step, set.known.trim_fall, fall);
    }
    emit(vehicle, step, set.known.fuel_trim, mean);
}
