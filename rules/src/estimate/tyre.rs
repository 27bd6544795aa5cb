//! Tyre pressure, DOMAIN 5.4: one cold reading a day, compensated to 20 °C by the ideal gas law, its fall against
//! the axle mate from day to day, the trend of that for slow leaks, and the rate of loss while driving.

use crate::learned::forecast::{EIGHTY, within};
use crate::unit::normal::phi;
use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Foresight, ReadAt, WHEELS};
use super::fall::Fall;
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use super::stamp::Stamp;
use super::states::read;
use super::trend::{Line, Trend};
use crate::learned::forecast::{Due, Forecast};
use crate::observed::segment::SegmentKind;
use crate::unit::{Span, Time};
use crate::vehicle::Component;

pub const ENTRY: Entry = Entry {
    key: "tyre",
    what: "cold pressure of each tyre, leaks against the other wheel of its axle, and the loss while driving",
    wakes: &["Vehicle.Chassis.Axle.{each}.Tire.Pressure"],
    reads: &[
        "Vehicle.Chassis.Axle.{each}.Tire.AirTemperature",
        "Vehicle.Exterior.AirTemperature",
        "Attribute.TyrePlacardPressure",
    ],
    emits: &[
        "Feature.Chassis.Axle.{each}.Tire.ColdPressure",
        "Feature.Chassis.Axle.{each}.Tire.ColdDrop",
        "Feature.Chassis.Axle.{each}.Tire.PressureRate",
        "Feature.Chassis.Axle.{each}.Tire.LeakRate",
        "Feature.Chassis.Axle.{each}.Tire.DaysLeft",
    ],
    components: &["chassis.tyre.{each}"],
    update,
    foresight: Some(Foresight { estimator: ESTIMATOR, forecasts }),
    restart,
    move_by: |state, by| {
        if let State::Tyres(wheels) = state {
            wheels.iter_mut().for_each(|wheel| wheel.move_by(by));
        }
    },
    read: |bytes| read(bytes).map(State::Tyres),
    ..Entry::PLAIN
};
const PRESSURE: ReadAt = ReadAt(0);
const TEMPERATURE: ReadAt = ReadAt(4);
const AMBIENT: ReadAt = ReadAt(8);
const PLACARD: ReadAt = ReadAt(9);
const COLD_PRESSURE: EmitAt = EmitAt(0);
const COLD_DROP: EmitAt = EmitAt(4);
const RATE: EmitAt = EmitAt(8);
const LEAK: EmitAt = EmitAt(12);
const DAYS_LEFT: EmitAt = EmitAt(16);

/// Its name among the calibrations.
const ESTIMATOR: &str = "tyre";

/// Air pressure at sea level, kPa; gauge to absolute.
const ATMOSPHERE: f64 = 101.3;
/// Tyres have ambient temperature after standing this long.
const COLD: Span = Span::from_hours(3);
/// Two cold readings further apart tell of weather and refills rather than of a leak.
const COMPARABLE: Span = Span::from_days(2);
/// A new cold reading not sooner than this after the last one.
const NEXT_COLD: Span = Span::from_hours(12);
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
const FALLEN: f64 = 8.0;
const SEEPAGE: f64 = 0.3;
/// A step of this much against the axle mate, unless most of it is this wheel's own fall, is air from a hose or another
/// wheel. A top-up of 8 kPa that passed for four days of a leak opened cases in healthy fleets.
const REFILLED: f64 = 5.0;
/// A rise of this much by itself is air from a hose too: who fills all wheels levels what was between them.
const FILLED: f64 = 10.0;
/// What both wheels of an axle lose is the weather's; a pass of 1,000 m raises both by 12. What a wheel rises by more is
/// air from a hose, and its mate did not fall for it, kPa.
const SHARED_FALL: f64 = 20.0;
const SHARED_RISE: f64 = 12.0;
/// Multiple of the placard that no tyre of any axle reaches, hot and laden: what is above is no pressure.
const HIGHEST: f64 = 2.0;
/// A wheel that was not heard to tell its temperature for so long does not tell it any more.
const TELLS: Span = Span::from_days(14);
/// Share of the placard at which the tyre monitor warns.
const LIMIT_SHARE: f64 = 0.8;

/// A pressure or a difference of two, in two bytes: to a twentieth of a kPa, where sensors resolve 1 to 3, up to 1,600.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kpa(i16);

impl Kpa {
    const STEP: f64 = 0.05;
    const UNKNOWN: Self = Self(i16::MIN);

    fn new(kpa: f64) -> Self {
        // Casting keeps within the ends.
        if kpa.is_nan() { Self::UNKNOWN } else { Self(((kpa / Self::STEP).round() as i16).max(-i16::MAX)) }
    }

    /// NaN where it is not known.
    fn get(self) -> f64 {
        if self == Self::UNKNOWN { f64::NAN } else { f64::from(self.0) * Self::STEP }
    }
}

/// A day's pressure, and that above the axle mate's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Day {
    kpa: Kpa,
    above_mate: Kpa,
}

impl Day {
    const UNKNOWN: Self = Self { kpa: Kpa::UNKNOWN, above_mate: Kpa::UNKNOWN };
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wheel {
    /// Unknown before the first.
    cold: Kpa,
    /// Fall at the last cold reading, before the axle mate is taken off.
    fall: Kpa,
    cold_at: Stamp,
    /// While driving; nothing while it stands.
    loss: Fall,
    /// Of the difference to the axle mate, over days.
    trend: Trend,
    run: Run,
    /// The last two cold readings, newest first.
    before: [Day; 2],
    /// The median of the last three: one reading of a stuck or jumping sensor is no step and no leak.
    settled: Day,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            cold: Kpa::UNKNOWN,
            fall: Kpa::UNKNOWN,
            cold_at: Stamp::default(),
            loss: Fall::default(),
            trend: Trend::default(),
            run: Run::default(),
            before: [Day::UNKNOWN; 2],
            settled: Day::UNKNOWN,
        }
    }
}

/// How far a wheel has fallen below its mate since it last stood still, and for how long: a cumulative sum in kPa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Run {
    /// Twentieths of a kPa, as [`Kpa`].
    fallen: u16,
    /// Hundredths of a day.
    days: u16,
}

impl Run {
    const DAY: f64 = 0.01;

    fn take(&mut self, fall: f64, days: f64) {
        let fallen = f64::from(self.fallen) * Kpa::STEP + fall - SEEPAGE * days;
        let lasted = f64::from(self.days) + days / Self::DAY;
        // Casting keeps within the ends; a sum of nothing begins anew.
        self.fallen = (fallen / Kpa::STEP).round() as u16;
        self.days = if self.fallen == 0 { 0 } else { lasted.round() as u16 };
    }

    /// Loss in kPa a day, once it is no scatter.
    fn rate(self) -> f64 {
        let (fallen, days) = (f64::from(self.fallen) * Kpa::STEP, f64::from(self.days) * Self::DAY);
        if fallen < FALLEN { 0.0 } else { fallen / days.max(1.0) + SEEPAGE }
    }
}

/// Unknown if any of them is.
fn median(a: Kpa, b: Kpa, c: Kpa) -> Kpa {
    if [a, b, c].contains(&Kpa::UNKNOWN) { Kpa::UNKNOWN } else { Kpa(a.0.min(b.0).max(a.0.max(b.0).min(c.0))) }
}

impl Wheel {
    fn move_by(&mut self, by: Span) {
        self.cold_at.move_by(by);
        self.loss.move_by(by);
    }

    /// Takes a day's pressure, and its difference to the axle mate's, kPa.
    fn compare(&mut self, kpa: f64, above_mate: f64, days: f64) {
        let newest = Day { kpa: Kpa::new(kpa), above_mate: Kpa::new(above_mate) };
        let [last, older] = self.before;
        self.before = [newest, last];
        let above_mate = median(newest.above_mate, last.above_mate, older.above_mate);
        let settled = Day { kpa: median(newest.kpa, last.kpa, older.kpa), above_mate };
        if above_mate == Kpa::UNKNOWN {
            return;
        }
        let own = self.settled.kpa.get() - settled.kpa.get();
        let fall = self.settled.above_mate.get() - above_mate.get();
        self.settled = settled;
        if own < -FILLED || fall < -REFILLED || (fall > REFILLED && own < fall / 2.0) {
            // Air for this wheel, or for its mate: what was before says nothing of what comes.
            (self.trend, self.run) = (Trend::default(), Run::default());
        } else if !fall.is_nan() {
            self.run.take(fall, days);
        }
        self.trend.take(days, above_mate.get(), HALF_LIFE);
    }

    /// Loss of a leak that is believed, kPa a day; 0 without one.
    fn leak(&self) -> f64 {
        let line = self.trend.line_with(PAIR_SD).filter(|_| self.trend.count() >= READINGS);
        let sure = line.filter(|line| line.slope < T * line.slope_se);
        sure.map_or(0.0, |line: Line| -line.slope).max(self.run.rate())
    }

    /// When a tyre comes to the limit of the pressure monitor.
    fn forecast(&self, component: &str, placard: f64) -> Option<Forecast> {
        let cold = Some(self.cold.get()).filter(|kpa| !kpa.is_nan())?;
        let line = self.trend.line_with(PAIR_SD).filter(|_| self.trend.count() >= READINGS)?;
        let above = (cold - LIMIT_SHARE * placard).max(0.0);
        let (leak, spread) = (self.leak(), EIGHTY * line.slope_se);
        let rate = if leak > 0.0 { leak } else { -line.slope };
        let days = |rate: f64| if rate > 0.0 { above / rate } else { f64::INFINITY };
        let due =
            (leak > 0.0).then(|| Due { early: days(rate + spread), central: days(rate), late: days(rate - spread) });
        let chance = |horizon: f64| phi((rate * horizon - above) / (line.slope_se * horizon).max(0.5));
        Some(Forecast {
            estimator: ESTIMATOR,
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

fn update(state: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let cold = observed.parked_for().is_some_and(|parked| parked >= COLD);
    let driving = observed.segment.kind == SegmentKind::Trip;
    let most = placard(features).map_or(f64::INFINITY, |placard| HIGHEST * placard);
    for index in 0..WHEELS.len() {
        let gauge = features.measured(PRESSURE.of(index));
        let Some(gauge) = gauge.filter(|gauge| *gauge <= most) else { continue };
        let State::Tyres(wheels) = state.or(|| State::Tyres(Box::default())) else { return };
        if cold && let Some(celsius) = celsius(index, observed.at, features) {
            let at_20 = (gauge + ATMOSPHERE) * 293.15 / (celsius + 273.15) - ATMOSPHERE;
            take_cold(wheels, index, at_20, observed.at, features);
        }
        if driving {
            // Not compensated: a tyre warms by 1 to 2 kPa a minute, and what it is compensated with may be missing.
            if let Some(rate) = wheels[index].loss.take(gauge, observed.at, RATE_OVER, RATE_AT_MOST) {
                features.emit(RATE.of(index), rate);
            }
        } else {
            wheels[index].loss = Fall::default();
        }
    }
}

/// Of the air in a tyre that stood for long.
fn celsius(index: usize, at: Time, features: &Features<'_>) -> Option<f64> {
    // The air about a wheel that tells its own temperature is another one by some kelvins, 8 kPa in the sun.
    let tells = at.since(features.last(TEMPERATURE.of(index)).at) <= TELLS;
    if tells { features.recent(TEMPERATURE.of(index), 600) } else { features.recent(AMBIENT, 3_600) }
}

fn placard(features: &Features<'_>) -> Option<f64> {
    Some(features.last(PLACARD).value).filter(|kpa| *kpa > 0.0)
}

fn take_cold(wheels: &mut [Wheel; 4], index: usize, at_20: f64, at: Time, features: &mut Features<'_>) {
    let wheel = &mut wheels[index];
    if !wheel.cold_at.is_over(at, NEXT_COLD) {
        return;
    }
    let is_first = wheel.cold == Kpa::UNKNOWN;
    let (before, since) = (wheel.cold.get(), wheel.cold_at.pass(at));
    wheel.cold = Kpa::new(at_20);
    wheel.fall = if since <= COMPARABLE { Kpa::new(before - at_20) } else { Kpa::UNKNOWN };
    features.emit(COLD_PRESSURE.of(index), at_20);
    // Both wheels of the axle report in one sample; the second one completes the comparison.
    let mate = index ^ 1;
    let (own, other) = (&wheels[index], &wheels[mate]);
    if other.cold_at == own.cold_at {
        let (own_fall, other_fall) = (own.fall.get(), other.fall.get());
        // Weather and altitude move both; only a fall of one of them is a leak.
        let shared = own_fall.min(other_fall).clamp(-SHARED_RISE, SHARED_FALL);
        if !own_fall.is_nan() && !other_fall.is_nan() {
            features.emit(COLD_DROP.of(index), own_fall - shared);
            features.emit(COLD_DROP.of(mate), other_fall - shared);
        }
        compare(wheels, [index, mate], if is_first { 0.0 } else { since.days_f64() }, features);
    }
}

/// Both wheels of an axle against each other; who rises against a leaking mate does not leak.
fn compare(wheels: &mut [Wheel; 4], axle: [usize; 2], days: f64, features: &mut Features<'_>) {
    let placard = placard(features);
    let cold = axle.map(|index| wheels[index].cold.get());
    for (index, above_mate, kpa) in [(axle[0], cold[0] - cold[1], cold[0]), (axle[1], cold[1] - cold[0], cold[1])] {
        let wheel = &mut wheels[index];
        wheel.compare(kpa, above_mate, days);
        let leak = wheel.leak();
        features.emit(LEAK.of(index), leak);
        if let Some(placard) = placard.filter(|_| leak > 0.0) {
            features.emit(DAYS_LEFT.of(index), ((kpa - LIMIT_SHARE * placard) / leak).clamp(0.0, 10_000.0));
        }
    }
}

fn forecasts(state: &State, latest: &Latest<'_>, _: &Given<'_>) -> Vec<Forecast> {
    let State::Tyres(wheels) = state else { return Vec::new() };
    let placard = latest.value(PLACARD);
    let of = |(wheel, place): (&Wheel, &str)| wheel.forecast(&format!("chassis.tyre.{place}"), placard);
    wheels.iter().zip(WHEELS).filter_map(of).collect()
}

fn restart(state: &mut State, component: &Component) {
    let State::Tyres(wheels) = state else { return };
    for (wheel, place) in wheels.iter_mut().zip(WHEELS) {
        if component.same_branch(&Component::new(&format!("chassis.tyre.{place}"))) {
            *wheel = Wheel::default();
        }
    }
}
