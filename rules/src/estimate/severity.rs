//! How hard a vehicle is used, DOMAIN 5.13: 0 to 1, over sixty days. It shortens service intervals and does nothing
//! else: no rule reads it, it is no signal, and it never leaves the vehicle's state.

use serde::{Deserialize, Serialize};

use super::given::Observed;
use crate::compact::SlotSet;
use crate::observed::known::Known;
use crate::observed::readings::Readings;
use crate::unit::{Span, Time};

/// Time constant, days.
const DAYS: f64 = 60.0;
/// DOMAIN 5.13: a short trip, km; an engine that is not warm, degC.
const SHORT_KM: f64 = 8.0;
const NOT_WARM: f64 = 70.0;
const IDLE_KMH: f64 = 1.0;
/// 70 % of where the red begins in a petrol engine.
const HIGH_RPM: f64 = 4_200.0;
const COMFORT: std::ops::RangeInclusive<f64> = -10.0..=38.0;
/// Shorter intervals are announced from this share on.
const ANNOUNCED: f64 = 0.85;
/// Steps further apart are no time on the road.
const GAP: f64 = 60.0;

/// The running trip, and the score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Severity {
    score: f32,
    trip: Trip,
    last_s: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Trip {
    from_km: f32,
    secs: f32,
    idle: f32,
    high: f32,
    harsh: f32,
    extreme: bool,
}

impl Default for Severity {
    fn default() -> Self {
        Self { score: 0.0, trip: Trip { from_km: f32::NAN, ..Trip::default() }, last_s: 0 }
    }
}

impl Severity {
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        if self.last_s != 0 {
            let stepped = Time::from_secs(i64::from(self.last_s)).stepped(by);
            self.last_s = stepped.micros().div_euclid(1_000_000).clamp(0, i64::from(u32::MAX)) as u32;
        }
    }

    /// The share of an interval that is left of it: 1 for normal use, never below 0.5.
    pub fn factor(&self) -> f64 {
        let factor = 1.0 - 0.5 * f64::from(self.score).clamp(0.0, 1.0);
        if factor < ANNOUNCED { factor } else { 1.0 }
    }

    /// Takes a step on the last readings, of which `touched` are new.
    pub fn update(&mut self, observed: &Observed<'_>, last: &Readings, touched: &SlotSet, known: &Known) {
        let recent = |slot, secs| last.last(slot).within(observed.at, secs);
        let measured =
            |slot: Option<_>| slot.filter(|slot| touched.contains(*slot)).map(|slot| last.last(Some(slot)).value);
        if observed.turn.ended {
            // What has no engine cannot be cold.
            let warm = recent(known.coolant, 600).is_none_or(|celsius| celsius >= NOT_WARM);
            let at_s = observed.at.micros().div_euclid(1_000_000).clamp(0, i64::from(u32::MAX)) as u32;
            self.end_trip(observed.odometer_km, warm, at_s);
        }
        if observed.turn.began {
            self.trip = Trip { from_km: observed.odometer_km as f32, ..Trip::default() };
        }
        let Some(speed) = measured(known.speed) else { return };
        let gap = observed.pause.secs_f64();
        if !(0.0..=GAP).contains(&gap) || observed.turn.began {
            return;
        }
        let high = recent(known.rpm, 60).is_some_and(|rpm| rpm > HIGH_RPM);
        let harsh = measured(known.harsh).unwrap_or(0.0);
        let extreme = recent(known.ambient, 3_600).is_some_and(|celsius| !COMFORT.contains(&celsius));
        let trip = &mut self.trip;
        trip.secs += gap as f32;
        trip.idle += if speed < IDLE_KMH { gap as f32 } else { 0.0 };
        trip.high += if high { gap as f32 } else { 0.0 };
        trip.harsh = trip.harsh.max(harsh as f32);
        trip.extreme |= extreme;
    }

    fn end_trip(&mut self, km: f64, warm: bool, at_s: u32) {
        let trip = self.trip;
        let driven = km - f64::from(trip.from_km);
        if trip.secs < 60.0 || !driven.is_finite() || driven <= 0.0 {
            return;
        }
        let share = |part: f32| f64::from(part / trip.secs);
        let short = f64::from(u8::from(driven < SHORT_KM || !warm));
        let harsh = (f64::from(trip.harsh) / driven * 100.0 / 10.0).min(1.0);
        let heat = f64::from(u8::from(trip.extreme));
        let score = 0.35 * short + 0.2 * share(trip.idle) + 0.15 * harsh + 0.1 * share(trip.high) + 0.2 * heat;
        // One trip of many that day: its weight is the part of a day since the last one.
        let days = f64::from(at_s.saturating_sub(self.last_s)) / 86_400.0;
        let weight = 1.0 - (-days.clamp(0.05, 3.0) / DAYS).exp();
        self.score += (weight * (score.clamp(0.0, 1.0) - f64::from(self.score))) as f32;
        self.last_s = at_s;
    }
}
