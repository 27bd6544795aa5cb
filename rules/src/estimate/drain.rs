//! What standing takes out of a 12 V battery, volts a day.

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use crate::unit::{Span, Time};

/// Days of standing after which a stand counts half, and that a rate takes.
const DRAIN_HALF_LIFE: f64 = 3.0;
const DRAIN_DAYS: f64 = 1.5;
/// A stand takes no more than this from one reading to the next, volts, and volts a day: more is a sensor's slip, or
/// a load that somebody switched on.
const DRAIN_STEP: f64 = 0.25;
const DRAIN_MOST: f64 = 0.5;
/// From one stand to the next a rest voltage changes by less, volts; more wants a second reading.
const REST_STEP: f64 = 1.2;

/// What standing takes out of the battery: falls and times within single stands, older ones forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drain {
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

    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        self.at.move_by(by);
    }

    /// Whether a voltage goes on from the one before: near it, or on the way that one went; `first`: of a stand.
    pub fn is_steady(&self, volts: f64, at: Time, first: bool) -> bool {
        let step = volts - self.volts();
        let most = if first { REST_STEP } else { DRAIN_STEP.max(DRAIN_MOST * self.at.until(at).days_f64()) };
        !self.at.is_set() || step.abs() <= most || step * f64::from(self.astray) > 0.0
    }

    /// Takes a voltage of a stand; `first`: its first after the surface charge is gone. Volts per day, once so much
    /// standing was seen that the sensor's noise does not matter.
    pub fn take(&mut self, volts: f64, at: Time, first: bool) -> Option<f64> {
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
