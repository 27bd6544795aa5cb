//! Brake pads, DOMAIN 5.5: wear over distance per wheel, and the distance left to the limit.

use crate::learned::forecast::EIGHTY;
use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Foresight, ReadAt, WHEELS};
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use super::states::read;
use super::trend::Trend;
use crate::learned::forecast::Forecast;
use crate::vehicle::Component;

pub const ENTRY: Entry = Entry {
    key: "brake_pad",
    what: "how far the brake pads of each wheel last, from their wear over distance",
    wakes: &["Vehicle.Chassis.Axle.{each}.Brake.PadWear"],
    emits: &["Feature.Chassis.Axle.{each}.Brake.DistanceLeft"],
    components: &["chassis.brakes.pads.{each}"],
    update,
    foresight: Some(Foresight { estimator: ESTIMATOR, forecasts }),
    restart,
    read: |bytes| read(bytes).map(State::BrakePads),
    ..Entry::PLAIN
};
const WEAR: ReadAt = ReadAt(0);
const LEFT_KM: EmitAt = EmitAt(0);

/// Its name among the calibrations.
const ESTIMATOR: &str = "brake_pads";

/// Worn, percent.
const LIMIT: f64 = 85.0;
/// Thousands of km after which a reading counts half.
const HALF_LIFE: f64 = 5.0;
/// Evidence before a rate is believed: thousands of km, and percent of a sensor that resolves one.
const DRIVEN: f64 = 1.5;
const WORN: f64 = 5.0;
/// Sensors resolve 1 %: a reading scatters at least so much.
const SENSOR_SD: f64 = 0.35;
/// A fall of this much is a new pad, percent.
const REPLACED: f64 = 15.0;
/// Standard deviations off the line, and so many times in a row, that make another pace.
const FAR: f64 = 3.0;
const STUBBORN: u8 = 4;
/// Readings closer than this are one, thousands of km.
const APART: f64 = 0.005;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pad {
    trend: Trend,
    /// Where the trend began, and where it is: thousands of km, NaN before, and percent.
    from_km: f32,
    km: f32,
    from_wear: Wear,
    wear: Wear,
    /// Readings in a row that the line does not explain.
    astray: u8,
}

/// Hundredths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wear(u16);

impl Wear {
    fn new(percent: f64) -> Self {
        Self((percent * 100.0).round() as u16)
    }

    fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl Default for Pad {
    fn default() -> Self {
        Self {
            trend: Trend::default(),
            from_km: f32::NAN,
            km: f32::NAN,
            from_wear: Wear::default(),
            wear: Wear::default(),
            astray: 0,
        }
    }
}

impl Pad {
    fn take(&mut self, wear: f64, km: f64) {
        if self.km.is_nan() || wear < self.wear.percent() - REPLACED {
            *self = Self::default();
            (self.from_km, self.from_wear) = (km as f32, Wear::new(wear));
        }
        let driven = if self.km.is_nan() { 0.0 } else { km - f64::from(self.km) };
        if self.trend.count() > 0 && driven < APART {
            return;
        }
        if self.is_another_pace(wear, driven) {
            // Another driver, another road, a brake that drags: what was before says nothing of what comes.
            self.trend = Trend::default();
            (self.from_km, self.from_wear) = (km as f32, Wear::new(wear));
        }
        self.trend.take(driven, wear, HALF_LIFE);
        (self.km, self.wear) = (km as f32, Wear::new(wear));
    }

    /// Whether the last readings were all far from where the line says they should be.
    fn is_another_pace(&mut self, wear: f64, driven: f64) -> bool {
        let line = self.trend.line_with(SENSOR_SD).filter(|line| self.trend.count() > 8 && line.slope_se.is_finite());
        let far = line.is_some_and(|line| (wear - line.at(driven).0).abs() > FAR * line.residual_sd);
        self.astray = if far { self.astray + 1 } else { 0 };
        self.astray >= STUBBORN
    }

    /// Distance left, km: early, central and late end of the 80 % interval; `None` while too little is known.
    fn left(&self) -> Option<(f64, f64, f64)> {
        let line = self.trend.line_with(SENSOR_SD)?;
        let enough = f64::from(self.km - self.from_km) >= DRIVEN && line.level - self.from_wear.percent() >= WORN;
        let km = |slope: f64| if slope > 0.0 { 1_000.0 * (LIMIT - line.level).max(0.0) / slope } else { f64::INFINITY };
        let spread = EIGHTY * line.slope_se;
        (enough && line.slope > 0.0).then(|| (km(line.slope + spread), km(line.slope), km(line.slope - spread)))
    }

    /// What is left of one wheel's pads when `km_a_day` are driven.
    pub fn forecast(&self, component: &str, km_a_day: f64) -> Option<Forecast> {
        let count = self.trend.count();
        let of = |left| {
            let part = (ESTIMATOR, component.to_owned(), "distance left of the pads");
            Forecast::of_distance(part, left, km_a_day, count)
        };
        self.left().map(of)
    }
}

fn update(state: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let km = observed.odometer_km / 1_000.0;
    if !km.is_finite() {
        return;
    }
    for wheel in 0..WHEELS.len() {
        let Some(wear) = features.measured(WEAR.of(wheel)) else { continue };
        let State::BrakePads(pads) = state.or(|| State::BrakePads(Box::default())) else { return };
        pads[wheel].take(wear, km);
        if let Some((_, central, _)) = pads[wheel].left() {
            features.emit(LEFT_KM.of(wheel), central);
        }
    }
}

fn forecasts(state: &State, _: &Latest<'_>, given: &Given<'_>) -> Vec<Forecast> {
    let State::BrakePads(pads) = state else { return Vec::new() };
    let km_a_day = given.km_a_day();
    let of = |(pad, wheel): (&Pad, &str)| pad.forecast(&format!("chassis.brakes.pads.{wheel}"), km_a_day);
    pads.iter().zip(WHEELS).filter_map(of).collect()
}

fn restart(state: &mut State, component: &Component) {
    let State::BrakePads(pads) = state else { return };
    for (pad, wheel) in pads.iter_mut().zip(WHEELS) {
        if component.same_branch(&Component::new(&format!("chassis.brakes.pads.{wheel}"))) {
            *pad = Pad::default();
        }
    }
}
