//! 12 V battery and charging, DOMAIN 5.3 and 5.7: what a start leaves of the voltage, the rest voltage after four
//! hours of standing or before a cold engine turns, and the median charging voltage of a trip; how each shifts, and
//! when a start will fail.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::State;
use super::drain::Drain;
use super::entry::{EmitAt, Entry, Foresight, Occasion, ReadAt};
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use super::shift::Shift;
use super::stamp::{DAILY, Stamp};
use super::states::read;
use super::trend::{Line, Trend};
use super::warm_up::is_cold;
use crate::entry::norm::Feature;
use crate::learned::forecast::Forecast;
use crate::observed::segment::SegmentKind;
use crate::unit::{Span, Time};

pub const ENTRY: Entry = Entry {
    key: "battery12v",
    what: "how a 12 V battery ages, by its starts and rests, what standing drains, and how it is charged",
    wakes: &[
        "Vehicle.LowVoltageBattery.CurrentVoltage",
        "Vehicle.LowVoltageBattery.CrankMinimumVoltage",
        "Vehicle.Powertrain.CombustionEngine.Speed",
        "Vehicle.LowVoltageSystemState",
    ],
    occasions: &[Occasion::Segment],
    reads: &[
        "Vehicle.Speed",
        "Vehicle.Exterior.AirTemperature",
        "Vehicle.OBD.IntakeTemp",
        "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature",
    ],
    emits: &[
        "Feature.LowVoltageBattery.RestVoltage",
        "Feature.LowVoltageBattery.ChargingVoltage",
        "Feature.LowVoltageBattery.CrankMargin",
        "Feature.LowVoltageBattery.CrankFall",
        "Feature.LowVoltageBattery.RestFall",
        "Feature.LowVoltageBattery.DrainRate",
        "Feature.LowVoltageBattery.KeyOnFall",
        "Feature.LowVoltageBattery.FailureChance",
        "Feature.LowVoltageBattery.ChargingFall",
    ],
    components: &[COMPONENT, "electrics.charging"],
    update,
    foresight: Some(Foresight { estimator: ESTIMATOR, forecasts }),
    // A new battery, or a new alternator.
    restart: |state, _| *state = State::None,
    move_by: |state, by| {
        if let State::Battery12v(battery) = state {
            battery.move_by(by);
        }
    },
    read: |bytes| read(bytes).map(State::Battery12v),
    ..Entry::PLAIN
};
const VOLTS: ReadAt = ReadAt(0);
const CRANK_VOLTS: ReadAt = ReadAt(1);
const RPM: ReadAt = ReadAt(2);
const IGNITION: ReadAt = ReadAt(3);
const SPEED: ReadAt = ReadAt(4);
const AMBIENT: ReadAt = ReadAt(5);
const INTAKE_AIR: ReadAt = ReadAt(6);
const COOLANT: ReadAt = ReadAt(7);
const REST_VOLTAGE: EmitAt = EmitAt(0);
const CHARGING_VOLTAGE: EmitAt = EmitAt(1);
const CRANK_MARGIN: EmitAt = EmitAt(2);
const CRANK_FALL: EmitAt = EmitAt(3);
const REST_FALL: EmitAt = EmitAt(4);
const DRAIN_RATE: EmitAt = EmitAt(5);
const KEY_ON_FALL: EmitAt = EmitAt(6);
const FAILURE_CHANCE: EmitAt = EmitAt(7);
const CHARGING_FALL: EmitAt = EmitAt(8);

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
const COMPONENT: &str = "electrics.battery12v";
/// Norms of charging are those at this ambient temperature, degC.
const MILD: f64 = 25.0;
/// DOMAIN 5.3: half-life of the cranking margin's trend, days.
const MARGIN_HALF_LIFE: f64 = 30.0;
/// Of a stand only a voltage within this speaks for the battery's age.
const ONE_REST: Span = Span::from_hours(24);
/// An engine's speed is no older, s.
const KEY_ON_SECS: i64 = 10;
/// What is left of the surface charge after four hours falls by 0.02 V until the eighth; over short stands that passed
/// for a drain of 0.08 V a day.
const LEVEL: Span = Span::from_hours(9);
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

impl Battery12v {
    fn move_by(&mut self, by: Span) {
        for stamp in [&mut self.started, &mut self.rested, &mut self.key_on.stood] {
            stamp.move_by(by);
        }
        self.drain.move_by(by);
    }

    fn begin_trip(&mut self, at: Time, volts: f64) {
        (self.median, self.before, self.readings) = (0.0, volts as f32, 0);
        let key_on = &mut self.key_on;
        key_on.volts = if key_on.stood.is_over(at, ONE_REST) { f32::NAN } else { 0.0 };
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

    fn forecast(&self) -> Option<Forecast> {
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

fn update(state: &mut State, observed: &Observed<'_>, given: &Given<'_>, features: &mut Features<'_>) {
    let State::Battery12v(own) = state.or(|| State::Battery12v(Box::default())) else { return };
    if observed.turn.ended {
        own.key_on.stood.pass(observed.at);
        end_trip(own, given, features);
    }
    if observed.turn.began {
        own.begin_trip(observed.at, before_engine(features));
    }
    if !own.key_on.volts.is_nan() {
        wait_for_engine(own, given, features);
    }
    if let Some(volts) = features.measured(CRANK_VOLTS) {
        take_start(own, volts, observed.at, given, features);
    }
    let Some(volts) = features.measured(VOLTS) else { return };
    if observed.segment.kind == SegmentKind::Trip {
        if let Some(median) = is_charging(own, volts, observed, features).then(|| own.take(volts)).flatten() {
            features.emit(CHARGING_VOLTAGE, median);
        }
    } else if observed.segment.kind == SegmentKind::Park
        // Charging a traction battery charges this one too: its surface charge has to go as well.
        && observed.lasts() >= REST
        && observed.parked_for().is_some_and(|parked| parked >= REST)
    {
        stand(own, volts, observed, given, features);
    }
}

/// A voltage after so long a stand that it is one of rest.
fn stand(own: &mut Battery12v, volts: f64, observed: &Observed<'_>, given: &Given<'_>, features: &mut Features<'_>) {
    let at = observed.at;
    let first = features.emitted(REST_VOLTAGE).at < observed.segment.since;
    let steady = own.drain.is_steady(volts, at, first);
    let rate = own.drain.take(volts, at, first || observed.lasts() < LEVEL);
    if !steady || is_starting(features) {
        return;
    }
    features.repeat(REST_VOLTAGE, volts);
    if let Some(rate) = rate {
        features.emit(DRAIN_RATE, rate);
    }
    take_rest(own, volts, observed, given, features);
}

fn is_charging(own: &Battery12v, volts: f64, observed: &Observed<'_>, features: &Features<'_>) -> bool {
    if observed.lasts() < STARTED || volts as f32 == own.before {
        return false;
    }
    !tells_rpm(features) || features.recent(RPM, 60).is_some_and(|rpm| rpm > CHARGING_RPM)
}

/// Whether it ever told an engine's speed.
fn tells_rpm(features: &Features<'_>) -> bool {
    features.last(RPM).at != Time::NEVER
}

/// The voltage with which a trip begins, if the engine is known to stand.
fn before_engine(features: &Features<'_>) -> f64 {
    let turns = features.recent(RPM, 60).is_some_and(|rpm| rpm > 0.0);
    let moves = features.recent(SPEED, 60).is_some_and(|speed| speed > 1.0);
    if tells_rpm(features) && !turns && !moves { features.last(VOLTS).value } else { f64::NAN }
}

/// Whether this very sample tells of a start, though the ignition's word for it was lost.
fn is_starting(features: &Features<'_>) -> bool {
    features.measured(CRANK_VOLTS).is_some() || features.measured(RPM).is_some_and(|rpm| rpm > 0.0)
}

/// The median of a whole trip, corrected for what regulators do in the heat.
fn end_trip(own: &mut Battery12v, given: &Given<'_>, features: &mut Features<'_>) {
    if own.readings < ENOUGH {
        return;
    }
    let (Some(norm), Some(ambient)) = (given.norm(Feature::Charging), features.recent(AMBIENT, 3_600)) else { return };
    own.charging.take(f64::from(own.median) - norm.per_k * (ambient - MILD), &norm);
    features.emit(CHARGING_FALL, own.charging.down());
}

/// One start: the voltage above what a workshop's load test asks at that temperature.
fn take_start(own: &mut Battery12v, volts: f64, at: Time, given: &Given<'_>, features: &mut Features<'_>) {
    let (Some(norm), Some(ambient)) = (given.norm(Feature::CrankMargin), features.recent(AMBIENT, 3_600)) else {
        return;
    };
    let margin = volts - (9.6 + 0.029 * (ambient.min(20.0) - 20.0));
    // A load test asks no more of a warm battery; the battery gives more all the same.
    own.crank.take(margin - norm.per_k * (ambient - 20.0), &norm);
    let since = own.started.pass(at).days_f64();
    if since > SAME {
        own.margin = Trend::default();
    }
    own.margin.take(since, margin, MARGIN_HALF_LIFE);
    features.emit(CRANK_FALL, own.crank.down());
    if let Some(line) = own.line() {
        features.emit(CRANK_MARGIN, line.level);
        let chance = given.calibration(ESTIMATOR).chance(line.beyond(FAILED, 30.0, true));
        features.emit(FAILURE_CHANCE, 100.0 * chance);
    }
}

/// One rest a stand: what a longer one takes out of the battery is drain, not age.
fn take_rest(
    own: &mut Battery12v,
    volts: f64,
    observed: &Observed<'_>,
    given: &Given<'_>,
    features: &mut Features<'_>,
) {
    let parked = observed.parked_for().unwrap_or_default();
    if !own.rested.is_over(observed.at, DAILY) || parked > ONE_REST {
        return;
    }
    let Some(norm) = given.norm(Feature::RestVoltage) else { return };
    own.rested.pass(observed.at);
    own.rest.take(volts, &norm);
    features.emit(REST_FALL, own.rest.down());
}

/// Waits for the engine to turn; the highest voltage until then is the one without load.
fn wait_for_engine(own: &mut Battery12v, given: &Given<'_>, features: &mut Features<'_>) {
    let turns = features.recent(RPM, KEY_ON_SECS).is_some_and(|rpm| rpm > 0.0);
    let starts = features.recent(IGNITION, 60).is_some_and(|word| features.word(IGNITION, word) == Some("START"));
    if !turns && !starts {
        let volts = features.measured(VOLTS).unwrap_or_default() as f32;
        own.key_on.volts = own.key_on.volts.max(volts);
        return;
    }
    let volts = f64::from(std::mem::replace(&mut own.key_on.volts, f32::NAN));
    let outside = || features.recent(AMBIENT, 3_600).or_else(|| features.recent(INTAKE_AIR, 60));
    let cold = features.recent(COOLANT, 60).is_some_and(|celsius| is_cold(celsius, outside()));
    let Some(norm) = given.norm(Feature::KeyOn).filter(|_| cold && volts > 0.0) else { return };
    own.key_on.shift.take(volts, &norm);
    features.emit(KEY_ON_FALL, own.key_on.shift.down());
}

fn forecasts(state: &State, _: &Latest<'_>, _: &Given<'_>) -> Vec<Forecast> {
    let State::Battery12v(own) = state else { return Vec::new() };
    own.forecast().into_iter().collect()
}
