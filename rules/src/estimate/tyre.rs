//! Tyre pressure, DOMAIN 5.4: one cold reading a day, compensated to 20 °C by the ideal gas law,
//! its fall against the axle mate, and the rate of loss while driving.

use serde::{Deserialize, Serialize};

use crate::estimate::{emit, measured, recent};
use crate::rule_set::Known;
use crate::state::Vehicle;
use crate::state::fold::Step;
use crate::state::segment::SegmentKind;
use crate::time::{Span, Time};

/// Air pressure at sea level, kPa; gauge to absolute.
const ATMOSPHERE: f64 = 101.3;
/// Tyres have ambient temperature after standing this long.
const COLD: Span = Span::from_hours(3);
/// Two cold readings further apart tell of weather and refills rather than of a leak.
const COMPARABLE: Span = Span::from_days(2);
/// A new cold reading not sooner than this after the last one.
const DAILY: Span = Span::from_hours(12);
/// Rates are taken over at least this long: the sensors resolve 1 to 3 kPa.
const RATE_OVER: Span = Span::from_secs(60);
const RATE_AT_MOST: Span = Span::from_mins(5);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wheel {
    cold: Option<(f32, Time)>,
    /// Fall at the last cold reading, before the axle mate is taken off.
    fall: f32,
    anchor: Option<(f32, Time)>,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { cold: None, fall: f32::NAN, anchor: None }
    }
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, known: &Known) {
    let cold = vehicle.segment.parked_for(step.at).is_some_and(|parked| parked >= COLD);
    let driving = vehicle.segment.kind == SegmentKind::Trip;
    for index in 0..4 {
        let Some(gauge) = measured(vehicle, step, known.tyre_pressure[index]) else { continue };
        let celsius = recent(vehicle, step.at, known.tyre_temperature[index], 600)
            .or_else(|| cold.then(|| recent(vehicle, step.at, known.ambient, 3_600)).flatten());
        let at_20 = celsius.map(|celsius| (gauge + ATMOSPHERE) * 293.15 / (celsius + 273.15) - ATMOSPHERE);
        if let Some(at_20) = at_20.filter(|_| cold) {
            take_cold(vehicle, step, index, at_20, known);
        }
        if driving {
            // Not compensated: a tyre warms by 1 to 2 kPa a minute, and what it is compensated with may be missing.
            take_driving(vehicle, step, index, gauge, known);
        } else {
            vehicle.estimates.tyres[index].anchor = None;
        }
    }
}

fn take_cold(vehicle: &mut Vehicle, step: &mut Step, index: usize, at_20: f64, known: &Known) {
    let wheel = &mut vehicle.estimates.tyres[index];
    let before = wheel.cold;
    if before.is_some_and(|(_, at)| step.at.since(at) < DAILY) {
        return;
    }
    wheel.cold = Some((at_20 as f32, step.at));
    wheel.fall = match before {
        Some((value, at)) if step.at.since(at) <= COMPARABLE => value - at_20 as f32,
        _ => f32::NAN,
    };
    emit(vehicle, step, known.tyre_cold_pressure[index], at_20);
    // Both wheels of the axle report in one sample; the second one completes the comparison.
    let mate = index ^ 1;
    let (own, other) = (&vehicle.estimates.tyres[index], &vehicle.estimates.tyres[mate]);
    if other.cold.is_some_and(|(_, at)| at == step.at) {
        let (own_fall, other_fall) = (f64::from(own.fall), f64::from(other.fall));
        // Weather and altitude move both; only a fall of one of them is a leak.
        let shared = own_fall.min(other_fall).clamp(-20.0, 20.0);
        if !own_fall.is_nan() && !other_fall.is_nan() {
            emit(vehicle, step, known.tyre_cold_drop[index], own_fall - shared);
            emit(vehicle, step, known.tyre_cold_drop[mate], other_fall - shared);
        }
    }
}

fn take_driving(vehicle: &mut Vehicle, step: &mut Step, index: usize, kpa: f64, known: &Known) {
    let wheel = &mut vehicle.estimates.tyres[index];
    let Some((before, since)) = wheel.anchor else {
        wheel.anchor = Some((kpa as f32, step.at));
        return;
    };
    let over = step.at.since(since);
    if over < RATE_OVER {
        return;
    }
    wheel.anchor = Some((kpa as f32, step.at));
    if over <= RATE_AT_MOST {
        let rate = (f64::from(before) - kpa) / (over.secs_f64() / 60.0);
        emit(vehicle, step, known.tyre_rate[index], rate);
    }
}
