//! Tyre pressure, DOMAIN 5.4: one cold reading a day, compensated to 20 °C by the ideal gas law, its fall against
//! the axle mate from day to day, the trend of that for slow leaks, and the rate of loss while driving.

use serde::{Deserialize, Serialize};

use super::trend::{Line, Trend};
use super::{Due, EIGHTY, Forecast, emit, measured, recent, within};
use crate::known::Known;
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
/// Days after which a cold reading counts half in the trend. DOMAIN 5.4 has 10, for a leak from the first reading on;
/// one that comes after months of sound pressure is found in time with 6.
const HALF_LIFE: f64 = 6.0;
/// Scatter of a difference between two wheels of an axle at least, kPa: both resolve 1 to 3 kPa.
const PAIR_SD: f64 = 1.2;
/// A leak is believed at so many standard errors, from so many cold readings.
const T: f64 = -4.0;
const READINGS: u16 = 7;
/// Or once it fell so far below its mate without getting back, kPa, beyond what rubber lets through, kPa a day: a line
/// through months of sound pressure bends too late for a strong leak.
const FALLEN: f32 = 8.0;
const SEEPAGE: f32 = 0.3;
/// A step of this much against the axle mate, unless most of it is this wheel's own fall, is air from a hose or another
/// wheel. A top-up of 8 kPa that passed for four days of a leak opened cases in healthy fleets.
const REFILLED: f32 = 5.0;
/// A rise of this much by itself is air from a hose too: who fills all wheels levels what was between them.
const FILLED: f32 = 10.0;
/// Share of the placard at which the tyre monitor warns.
const LIMIT_SHARE: f64 = 0.8;

const UNKNOWN: (f32, f32) = (f32::NAN, f32::NAN);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wheel {
    /// NaN before the first.
    cold: f32,
    cold_at: Time,
    /// Fall at the last cold reading, before the axle mate is taken off.
    fall: f32,
    /// Where the rate while driving is taken from; NaN while it stands.
    anchor: f32,
    anchor_at: Time,
    /// Of the difference to the axle mate, over days.
    trend: Trend,
    run: Run,
    /// The last two cold readings, newest first: pressure, and that above the mate's.
    before: [(f32, f32); 2],
    /// The median of the last three: one reading of a stuck or jumping sensor is no step and no leak.
    settled: (f32, f32),
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            cold: f32::NAN,
            cold_at: Time::NEVER,
            fall: f32::NAN,
            anchor: f32::NAN,
            anchor_at: Time::NEVER,
            trend: Trend::default(),
            run: Run::default(),
            before: [UNKNOWN; 2],
            settled: UNKNOWN,
        }
    }
}

/// How far a wheel has fallen below its mate since it last stood still, and for how long: a cumulative sum in kPa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Run {
    fallen: f32,
    days: f32,
}

impl Run {
    fn take(&mut self, fall: f32, days: f64) {
        self.fallen += fall - SEEPAGE * days as f32;
        self.days += days as f32;
        if self.fallen <= 0.0 {
            *self = Self::default();
        }
    }

    /// Loss in kPa a day, once it is no scatter.
    fn rate(self) -> f64 {
        if self.fallen < FALLEN { 0.0 } else { f64::from(self.fallen / self.days.max(1.0) + SEEPAGE) }
    }
}

/// Unknown if any of them is.
fn median(a: f32, b: f32, c: f32) -> f32 {
    if a.is_nan() || b.is_nan() || c.is_nan() { f32::NAN } else { a.min(b).max(a.max(b).min(c)) }
}

impl Wheel {
    /// Takes a day's pressure, and its difference to the axle mate's, kPa.
    fn compare(&mut self, kpa: f64, above_mate: f64, days: f64) {
        let newest = (kpa as f32, above_mate as f32);
        let [last, older] = self.before;
        self.before = [newest, last];
        let settled = (median(newest.0, last.0, older.0), median(newest.1, last.1, older.1));
        if settled.1.is_nan() {
            return;
        }
        let own = self.settled.0 - settled.0;
        let fall = self.settled.1 - settled.1;
        self.settled = settled;
        if own < -FILLED || fall < -REFILLED || (fall > REFILLED && own < fall / 2.0) {
            // Air for this wheel, or for its mate: what was before says nothing of what comes.
            (self.trend, self.run) = (Trend::default(), Run::default());
        } else if !fall.is_nan() {
            self.run.take(fall, days);
        }
        self.trend.take(days, f64::from(settled.1), HALF_LIFE);
    }

    /// Loss of a leak that is believed, kPa a day; 0 without one.
    fn leak(&self) -> f64 {
        let line = self.trend.line_with(PAIR_SD).filter(|_| self.trend.count() >= READINGS);
        let sure = line.filter(|line| line.slope < T * line.slope_se);
        sure.map_or(0.0, |line: Line| -line.slope).max(self.run.rate())
    }

    /// When a tyre comes to the limit of the pressure monitor.
    pub fn forecast(&self, component: &str, placard: f64) -> Option<Forecast> {
        let cold = Some(self.cold).filter(|kpa| !kpa.is_nan())?;
        let line = self.trend.line_with(PAIR_SD).filter(|_| self.trend.count() >= READINGS)?;
        let above = (f64::from(cold) - LIMIT_SHARE * placard).max(0.0);
        let (leak, spread) = (self.leak(), EIGHTY * line.slope_se);
        let rate = if leak > 0.0 { leak } else { -line.slope };
        let days = |rate: f64| if rate > 0.0 { above / rate } else { f64::INFINITY };
        let due =
            (leak > 0.0).then(|| Due { early: days(rate + spread), central: days(rate), late: days(rate - spread) });
        let chance = |horizon: f64| super::normal((rate * horizon - above) / (line.slope_se * horizon).max(0.5));
        Some(Forecast {
            estimator: "tyre",
            component: component.to_owned(),
            what: "loss of pressure",
            value: rate,
            unit: "kPa/d",
            low: rate - spread,
            high: rate + spread,
            due,
            within: Some(within(|horizon| if due.is_some() { chance(horizon) } else { 0.0 })),
            evidence: self.trend.count().into(),
            learning: self.trend.count() < 2 * READINGS,
        })
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
            vehicle.estimates.tyres[index].anchor = f32::NAN;
        }
    }
}

fn take_cold(vehicle: &mut Vehicle, step: &mut Step, index: usize, at_20: f64, known: &Known) {
    let wheel = &mut vehicle.estimates.tyres[index];
    let (before, before_at) = (wheel.cold, wheel.cold_at);
    if step.at.since(before_at) < DAILY {
        return;
    }
    (wheel.cold, wheel.cold_at) = (at_20 as f32, step.at);
    wheel.fall = if step.at.since(before_at) <= COMPARABLE { before - at_20 as f32 } else { f32::NAN };
    emit(vehicle, step, known.tyre_cold_pressure[index], at_20);
    // Both wheels of the axle report in one sample; the second one completes the comparison.
    let mate = index ^ 1;
    let (own, other) = (&vehicle.estimates.tyres[index], &vehicle.estimates.tyres[mate]);
    if other.cold_at == step.at {
        let (own_fall, other_fall) = (f64::from(own.fall), f64::from(other.fall));
        // Weather and altitude move both; only a fall of one of them is a leak.
        let shared = own_fall.min(other_fall).clamp(-20.0, 20.0);
        if !own_fall.is_nan() && !other_fall.is_nan() {
            emit(vehicle, step, known.tyre_cold_drop[index], own_fall - shared);
            emit(vehicle, step, known.tyre_cold_drop[mate], other_fall - shared);
        }
        let days = if before.is_nan() { 0.0 } else { step.at.since(before_at).days_f64() };
        compare(vehicle, step, [index, mate], days, known);
    }
}

/// Both wheels of an axle against each other; who rises against a leaking mate does not leak.
fn compare(vehicle: &mut Vehicle, step: &mut Step, axle: [usize; 2], days: f64, known: &Known) {
    let placard = recent_placard(vehicle, known);
    let cold = axle.map(|index| f64::from(vehicle.estimates.tyres[index].cold));
    for (index, above_mate, kpa) in [(axle[0], cold[0] - cold[1], cold[0]), (axle[1], cold[1] - cold[0], cold[1])] {
        let wheel = &mut vehicle.estimates.tyres[index];
        wheel.compare(kpa, above_mate, days);
        let leak = wheel.leak();
        emit(vehicle, step, known.tyre_leak[index], leak);
        if let Some(placard) = placard.filter(|_| leak > 0.0) {
            emit(vehicle, step, known.tyre_days[index], ((kpa - LIMIT_SHARE * placard) / leak).clamp(0.0, 10_000.0));
        }
    }
}

fn recent_placard(vehicle: &Vehicle, known: &Known) -> Option<f64> {
    known.placard.map(|slot| vehicle.last(Some(slot)).value).filter(|kpa| *kpa > 0.0)
}

fn take_driving(vehicle: &mut Vehicle, step: &mut Step, index: usize, kpa: f64, known: &Known) {
    let wheel = &mut vehicle.estimates.tyres[index];
    let before = wheel.anchor;
    let over = step.at.since(wheel.anchor_at);
    if !before.is_nan() && over < RATE_OVER {
        return;
    }
    (wheel.anchor, wheel.anchor_at) = (kpa as f32, step.at);
    if before.is_nan() {
        return;
    }
    if over <= RATE_AT_MOST {
        let rate = (f64::from(before) - kpa) / (over.secs_f64() / 60.0);
        emit(vehicle, step, known.tyre_rate[index], rate);
    }
}
