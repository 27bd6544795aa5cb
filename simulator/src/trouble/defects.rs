//! What goes wrong inside a vehicle: its clock, its sensors, its store.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::unit::{Span, Time};

use super::Troubles;
use super::odometer::Odometer;
use super::sensors::Sensors;
use crate::frame::{Frame, Value};
use crate::random::{Purpose, bounded, stream};

/// 2000-01-01, in seconds since 1970.
const YEAR_2000: i64 = 946_684_800;

/// What becomes of one message inside the vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Sound,
    /// Its bytes in the store are damaged.
    Corrupt,
    /// It is gone, its number with it.
    Hole,
    /// The whole store is gone, and this message begins a new stream.
    LostStore,
}

/// What is wrong inside one vehicle.
#[derive(Clone, Debug)]
pub struct Defects {
    troubles: Troubles,
    skew: Span,
    sensors: Sensors,
    odometer: Odometer,
    rng: ChaCha8Rng,
}

impl Defects {
    pub fn new(troubles: Troubles, seed: u64, vehicle: u32) -> Self {
        let mut rng = stream(seed, vehicle, Purpose::Trouble, 0);
        let most = troubles.skewed.micros() as f64;
        let skew = if most > 0.0 { rng.random_range(-most..most) } else { 0.0 };
        let mut places = stream(seed, vehicle, Purpose::Trouble, 2);
        Self {
            troubles,
            // Clocks are wrong by milliseconds, not by parts of them.
            skew: Span::from_millis((skew / 1_000.0) as i64),
            sensors: Sensors::new(troubles, &mut places),
            odometer: Odometer::new(troubles, &mut places),
            rng,
        }
    }

    /// Bends the clock and some readings of a frame.
    pub fn bend(&mut self, frame: &mut Frame) {
        let measured_at = frame.at;
        frame.at = frame.at + self.skew;
        if self.chance(self.troubles.reset_clock) {
            // A clock without power begins again at its own beginning of time.
            let epoch = if self.rng.random_bool(0.5) { 0 } else { YEAR_2000 };
            frame.at = Time::from_secs(epoch + self.rng.random_range(0..600));
        }
        self.odometer.bend(measured_at, frame, &mut self.rng);
        self.sensors.bend(measured_at, frame, &mut self.rng);
    }

    /// The same instant told again, differently.
    pub fn contradict(&mut self, frame: &Frame) -> Option<Frame> {
        if !self.chance(self.troubles.contradicting) {
            return None;
        }
        let mut twin = frame.clone();
        for (_, value) in &mut twin.readings {
            if let Value::Number(number) = value {
                *number *= bounded(&mut self.rng, 1.0, 0.3, 2.0);
            }
        }
        Some(twin)
    }

    /// Draws what becomes of the next message.
    pub fn fate(&mut self) -> Fate {
        if self.chance(self.troubles.lost_store) {
            Fate::LostStore
        } else if self.chance(self.troubles.hole) {
            Fate::Hole
        } else if self.chance(self.troubles.corrupt) {
            Fate::Corrupt
        } else {
            Fate::Sound
        }
    }

    /// Damages some bytes, always at least one.
    pub fn corrupt(&mut self, payload: &mut [u8]) {
        let Some(last) = payload.len().checked_sub(1) else { return };
        for _ in 0..self.rng.random_range(1..=4) {
            let at = self.rng.random_range(0..=last);
            payload[at] = self.rng.random_range(128..=255);
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.random_bool(share)
    }
}
