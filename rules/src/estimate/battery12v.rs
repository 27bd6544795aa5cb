//! 12 V battery and charging, DOMAIN 5.3 and 5.7: what a start leaves of the voltage, the rest voltage after four
//! hours of standing or before a cold engine turns, and the median charging voltage of a trip; how each shifts, and
//! when a start will fail.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::shift::Shift;
use super::trend::{Line, Trend};
use super::warm_up::is_cold;
use super::{Stamp, Turn, emit, measured, recent, repeat};
use crate::entry::norm::{Feature, Norm};
use crate::learned::forecast::Forecast;
use crate::observed::known::Known;
use crate::observed::segment::SegmentKind;
use crate::observed::step::Step;
use crate::rule_set::RuleSet;
use crate::state::Vehicle;
use crate::unit::{Span, Time};

/// DOMAIN 1.2 row 15: the surface charge is gone.
const REST: Span = Span::from_hours(4);
/// The alternator is expected to charge above this speed.
const CHARGING_RPM: f64 = 1_000.0;
/// The first minute belongs to the start: the voltage dips, and what is read then lingers in a median.
const STARTED: Span = Span::from_secs(60);
/// Readings before a trip's median means anything.
const ENOUGH: u16 = 20;
/// Volts per step of the median search; sensors resolve 0.05 to 0.1 V [GK].
const MEDIAN_STEP: f64 = 0.05;
/// Of the search's first step: the second is half of it and so on, so that no first reading, however wrong, decides
/// a trip of twenty.
const FIRST_STEP: f64 = 2.0;
/// Its name among the calibrations.
const ESTIMATOR: &str = "battery12v";
pub(super) const COMPONENT: &str = "electrics.battery12v";
/// Norms of charging are those at this ambient temperature, degC.
const MILD: f64 = 25.0;
/// DOMAIN 5.3: half-life of the cranking margin's trend, days.
const MARGIN_HALF_LIFE: f64 = 30.0;
/// Days of standing after which a stand counts half, and that a rate takes.
const DRAIN_HALF_LIFE: f64 = 3.0;
const DRAIN_DAYS: f64 = 1.5;
/// Of a stand only a voltage within this speaks for the battery's age.
const ONE_REST: Span = Span::from_hours(24);
/// An engine's speed is no older, s.
const KEY_ON_SECS: i64 = 10;
/// What is left of the surface charge after four hours falls by 0.02 V until the eighth; over short stands that passed
/// for a drain of 0.08 V a day.
const LEVEL: Span = Span::from_hours(9);
/// A stand takes no more than this from one reading to the next, volts, and volts a day: more is a sensor's slip, or
/// a load that somebody switched on.
const DRAIN_STEP: f64 = 0.25;
const DRAIN_MOST: f64 = 0.5;
/// From one stand to the next a rest voltage changes by less, volts; more wants a second reading.
const REST_STEP: f64 = 1.2;
/// What a single start scatters by at least, volts: engine, oil and temperature differ.
const MARGIN_SD: f64 = 0.15;
/// Starts before a trend is worth a word.
const STARTS: u16 = 12;
/// A margin of nothing is a start that fails the workshop's load test.
const FAILED: f64 = 0.0;
/// A battery within so many days of each other is the same battery: longer pauses tell of a workshop.
const SAME: f64 = 45.0;

/// Running median of the trip, and what outlasts trips.
///
/// The median moves one step towards each reading, steps that shrink to that of the sensor; four bytes instead of a
/// sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Battery12v {
    median: f32,
    /// What the trip began with before the engine turned: a sensor that goes on telling just that does not measure. NaN
    /// where it was turning already, or is not known of.
    before: f32,
    readings: u16,
    charging: Shift,
    crank: Shift,
    margin: Trend,
    started: Stamp,
    rest: Shift,
    rested: Stamp,
    key_on: KeyOn,
    drain: Drain,
}

/// The voltage of a trip before the engine first turns: with a cold engine that of a battery that rested, whatever
/// else the vehicle tells of its starts. Under way it says nothing, and after a short stop nothing either.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct KeyOn {
    /// The highest voltage until the engine turns; NaN while nobody waits for it.
    volts: f32,
    stood: Stamp,
    shift: Shift,
}

impl Default for KeyOn {
    fn default() -> Self {
        Self { volts: f32::NAN, stood: Stamp::default(), shift: Shift::default() }
    }
}

/// What standing takes out of the battery: falls and times within single stands, older ones forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Drain {
    millivolts: u16,
    /// The way a voltage went that did not go on from the one before, 1 or -1: the next one may bear it out.
    astray: i8,
    at: Stamp,
    fall: f32,
    days: f32,
}

impl Drain {
    fn volts(&self) -> f64 {
        f64::from(self.millivolts) / 1_000.0
    }

    /// Whether a voltage goes on from the one before: near it, or on the way that one went.
    fn is_steady(&self, volts: f64, at: Time, first: bool) -> bool {
        let step = volts - self.volts();
        let most = if first { REST_STEP } else { DRAIN_STEP.max(DRAIN_MOST * self.at.until(at).days_f64()) };
        !self.at.is_set() || step.abs() <= most || step * f64::from(self.astray) > 0.0
    }

    /// Takes a voltage of a stand; `first`: its first after the surface charge is gone. Volts per day, once so much
    /// standing was seen that the sensor's noise does not matter.
    fn take(&mut self, volts: f64, at: Time, first: bool) -> Option<f64> {
        let steady = self.is_steady(volts, at, false);
        let days = self.at.pass(at).days_f64();
        let before = self.volts();
        self.millivolts = (volts * 1_000.0).round() as u16;
        self.astray = if steady { 0 } else { (volts - before).signum() as i8 };
        if first || !steady {
            return None;
        }
        let keep = 0.5_f64.powf(days / DRAIN_HALF_LIFE);
        self.fall = (keep * f64::from(self.fall) + before - volts) as f32;
        self.days = (keep * f64::from(self.days) + days) as f32;
        (f64::from(self.days) >= DRAIN_DAYS).then(|| f64::from(self.fall) / f64::from(self.days))
    }
}

impl Battery12v {
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        for stamp in [&mut self.started, &mut self.rested, &mut self.key_on.stood, &mut self.drain.at] {
            stamp.move_by(by);
        }
    }

    fn begin_trip(&mut self, at: Time, volts: f64) {
        (self.median, self.before, self.readings) = (0.0, volts as f32, 0);
        let key_on = &mut self.key_on;
        key_on.volts = if key_on.stood.is_over(at, ONE_REST) { f32::NAN } else { 0.0 };
    }

    /// A new battery, or a new alternator.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    fn take(&mut self, volts: f64) -> Option<f64> {
        if self.readings == 0 {
            self.median = volts as f32;
        }
        self.readings = self.readings.saturating_add(1);
        let step = (FIRST_STEP / f64::from(self.readings)).max(MEDIAN_STEP);
        let distance = volts - f64::from(self.median);
        self.median += distance.clamp(-step, step) as f32;
        (self.readings >= ENOUGH).then_some(f64::from(self.median))
    }

    /// The cranking margin's trend, once there is one.
    fn line(&self) -> Option<Line> {
        self.margin.line_with(MARGIN_SD).filter(|_| self.margin.count() >= STARTS)
    }

    pub fn forecast(&self) -> Option<Forecast> {
        let line = self.line()?;
        Some(Forecast {
            estimator: ESTIMATOR,
            component: COMPONENT.to_owned(),
            what: "cranking voltage above the load-test line",
            value: line.level,
            unit: "V",
            low: line.level - EIGHTY * line.level_se,
            high: line.level + EIGHTY * line.level_se,
            due: line.due(FAILED, true),
            within: Some(within(|days| line.beyond(FAILED, days, true))),
            evidence: self.margin.count().into(),
            learning: self.crank.is_learning(),
        })
    }
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, turn: Turn, set: &RuleSet) {
    let known = &set.known;
    if turn.ended {
        vehicle.estimates.battery12v.key_on.stood.pass(step.at);
        end_trip(vehicle, step, set);
    }
    if turn.began {
        let volts = before_engine(vehicle, step, known);
        vehicle.estimates.battery12v.begin_trip(step.at, volts);
    }
    if !vehicle.estimates.battery12v.key_on.volts.is_nan() {
        wait_for_engine(vehicle, step, set);
    }
    if let Some(volts) = measured(vehicle, step, known.crank_volts) {
        take_start(vehicle, step, volts, set);
    }
    let Some(volts) = measured(vehicle, step, known.volts_12) else { return };
    if vehicle.segment.kind == SegmentKind::Trip {
        if let Some(median) =
            is_charging(vehicle, step, volts, known).then(|| vehicle.estimates.battery12v.take(volts)).flatten()
        {
            emit(vehicle, step, known.charging_voltage, median);
        }
    } else if vehicle.segment.kind == SegmentKind::Park
        // Charging a traction battery charges this one too: its surface charge has to go as well.
        && step.at.since(vehicle.segment.since) >= REST
        && vehicle.segment.parked_for(step.at).is_some_and(|parked| parked >= REST)
    {
        let first = vehicle.last(known.rest_voltage).at < vehicle.segment.since;
        let drain = &mut vehicle.estimates.battery12v.drain;
        let steady = drain.is_steady(volts, step.at, first);
        let rate = drain.take(volts, step.at, first || step.at.since(vehicle.segment.since) < LEVEL);
        if !steady || is_starting(vehicle, step, known) {
            return;
        }
        repeat(vehicle, step, known.rest_voltage, volts);
        if let Some(rate) = rate {
            emit(vehicle, step, known.drain_rate, rate);
        }
        take_rest(vehicle, step, volts, set);
    }
}

fn is_charging(vehicle: &Vehicle, step: &Step, volts: f64, known: &Known) -> bool {
    if step.at.since(vehicle.segment.since) < STARTED || volts as f32 == vehicle.estimates.battery12v.before {
        return false;
    }
    !tells_rpm(vehicle, known) || recent(vehicle, step.at, known.rpm, 60).is_some_and(|rpm| rpm > CHARGING_RPM)
}

/// Whether it ever told an engine's speed.
fn tells_rpm(vehicle: &Vehicle, known: &Known) -> bool {
    vehicle.last(known.rpm).at != Time::NEVER
}

/// The voltage with which a trip begins, if the engine is known to stand.
fn before_engine(vehicle: &Vehicle, step: &Step, known: &Known) -> f64 {
    let turns = recent(vehicle, step.at, known.rpm, 60).is_some_and(|rpm| rpm > 0.0);
    let moves = recent(vehicle, step.at, known.speed, 60).is_some_and(|speed| speed > 1.0);
    if tells_rpm(vehicle, known) && !turns && !moves { vehicle.last(known.volts_12).value } else { f64::NAN }
}

/// Whether this very sample tells of a start, though the ignition's word for it was lost.
fn is_starting(vehicle: &Vehicle, step: &Step, known: &Known) -> bool {
    measured(vehicle, step, known.crank_volts).is_some()
        || measured(vehicle, step, known.rpm).is_some_and(|rpm| rpm > 0.0)
}

fn norm(vehicle: &Vehicle, feature: Feature, set: &RuleSet) -> Option<Norm> {
    set.catalogue.norms.of(feature, &vehicle.profile.model)
}

/// The median of a whole trip, corrected for what regulators do in the heat.
fn end_trip(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let battery = &vehicle.estimates.battery12v;
    let Some(norm) = norm(vehicle, Feature::Charging, set).filter(|_| battery.readings >= ENOUGH) else { return };
    let Some(ambient) = recent(vehicle, step.at, set.known.ambient, 3_600) else { return };
    let feature = f64::from(battery.median) - norm.per_k * (ambient - MILD);
    let charging = &mut vehicle.estimates.battery12v.charging;
    charging.take(feature, &norm);
    let fall = charging.down();
    emit(vehicle, step, set.known.charging_fall, fall);
}

/// One start: the voltage above what a workshop's load test asks at that temperature.
fn take_start(vehicle: &mut Vehicle, step: &mut Step, volts: f64, set: &RuleSet) {
    let (Some(norm), Some(ambient)) =
        (norm(vehicle, Feature::CrankMargin, set), recent(vehicle, step.at, set.known.ambient, 3_600))
    else {
        return;
    };
    let margin = volts - (9.6 + 0.029 * (ambient.min(20.0) - 20.0));
    // A load test asks no more of a warm battery; the battery gives more all the same.
    let alike = margin - norm.per_k * (ambient - 20.0);
    let battery = &mut vehicle.estimates.battery12v;
    battery.crank.take(alike, &norm);
    let since = battery.started.pass(step.at).days_f64();
    if since > SAME {
        battery.margin = Trend::default();
    }
    battery.margin.take(since, margin, MARGIN_HALF_LIFE);
    let fall = battery.crank.down();
    let line = battery.line();
    emit(vehicle, step, set.known.crank_fall, fall);
    if let Some(line) = line {
        emit(vehicle, step, set.known.crank_margin, line.level);
        let chance = super::calibration(vehicle, set, ESTIMATOR).chance(line.beyond(FAILED, 30.0, true));
        emit(vehicle, step, set.known.failure_chance, 100.0 * chance);
    }
}

/// One rest a stand: what a longer one takes out of the battery is drain, not age.
fn take_rest(vehicle: &mut Vehicle, step: &mut Step, volts: f64, set: &RuleSet) {
    let Some(norm) = norm(vehicle, Feature::RestVoltage, set) else { return };
    let parked = vehicle.segment.parked_for(step.at).unwrap_or_default();
    let battery = &mut vehicle.estimates.battery12v;
    if !battery.rested.is_over(step.at, super::DAILY) || parked > ONE_REST {
        return;
    }
    battery.rested.pass(step.at);
    battery.rest.take(volts, &norm);
    let fall = battery.rest.down();
    emit(vehicle, step, set.known.rest_fall, fall);
}

/// Waits for the engine to turn; the highest voltage until then is the one without load.
fn wait_for_engine(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let known = &set.known;
    let turns = recent(vehicle, step.at, known.rpm, KEY_ON_SECS).is_some_and(|rpm| rpm > 0.0);
    let starts = recent(vehicle, step.at, known.ignition, 60).is_some_and(|ignition| known.is_starting(ignition));
    if !turns && !starts {
        let volts = measured(vehicle, step, known.volts_12).unwrap_or_default() as f32;
        let key_on = &mut vehicle.estimates.battery12v.key_on;
        key_on.volts = key_on.volts.max(volts);
        return;
    }
    let key_on = &mut vehicle.estimates.battery12v.key_on;
    let volts = f64::from(std::mem::replace(&mut key_on.volts, f32::NAN));
    let cold =
        recent(vehicle, step.at, known.coolant, 60).is_some_and(|celsius| is_cold(vehicle, step, celsius, known));
    let Some(norm) = norm(vehicle, Feature::KeyOn, set).filter(|_| cold && volts > 0.0) else { return };
    let shift = &mut vehicle.estimates.battery12v.key_on.shift;
    shift.take(volts, &norm);
    let fall = shift.down();
    emit(vehicle, step, known.key_on_fall, fall);
}
