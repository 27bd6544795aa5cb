//! 12 V battery and charging, DOMAIN 5.3 and 5.7: rest voltage after four hours of standing, and
//! the median charging voltage of the running trip.

use serde::{Deserialize, Serialize};

use crate::estimate::{emit, measured, recent};
use crate::rule_set::Known;
use crate::state::Vehicle;
use crate::state::fold::Step;
use crate::state::segment::SegmentKind;
use crate::time::Span;

/// DOMAIN 1.2 #15: the surface charge is gone.
const REST: Span = Span::from_hours(4);
/// The alternator is expected to charge above this speed.
const CHARGING_RPM: f64 = 1_000.0;
/// Readings before a trip's median means anything.
const ENOUGH: u32 = 20;
/// Volts per step of the median search, DOMAIN's sensors resolve 0.05 to 0.1 V.
const MEDIAN_STEP: f64 = 0.05;

/// Running median of the trip: moves one step towards each reading, exact to the step after some
/// twenty readings; four bytes instead of a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Battery12v {
    median: f32,
    readings: u32,
}

impl Battery12v {
    pub fn begin_trip(&mut self) {
        *self = Self::default();
    }

    fn take(&mut self, volts: f64) -> Option<f64> {
        if self.readings == 0 {
            self.median = volts as f32;
        }
        self.readings += 1;
        // Big steps first, so that a first reading during cranking does not linger.
        let step = (MEDIAN_STEP * 10.0 / f64::from(self.readings)).max(MEDIAN_STEP);
        let distance = volts - f64::from(self.median);
        self.median += distance.clamp(-step, step) as f32;
        (self.readings >= ENOUGH).then_some(f64::from(self.median))
    }
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, known: &Known) {
    let Some(volts) = measured(vehicle, step, known.volts_12) else { return };
    if vehicle.segment.kind == SegmentKind::Trip {
        let charging = match known.rpm.filter(|rpm| vehicle.last(Some(*rpm)).at != crate::time::Time::NEVER) {
            Some(rpm) => recent(vehicle, step.at, Some(rpm), 60).is_some_and(|rpm| rpm > CHARGING_RPM),
            None => true,
        };
        if let Some(median) = charging.then(|| vehicle.estimates.battery12v.take(volts)).flatten() {
            emit(vehicle, step, known.charging_voltage, median);
        }
    } else if vehicle.segment.kind == SegmentKind::Park
        && vehicle.segment.parked_for(step.at).is_some_and(|parked| parked >= REST)
    {
        emit(vehicle, step, known.rest_voltage, volts);
    }
}
