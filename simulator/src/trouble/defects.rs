//! What goes wrong inside a vehicle: its clock, its sensors, its store.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::time::Span;

use super::Troubles;
use crate::frame::{Frame, Value};
use crate::random::{Purpose, bounded, stream};

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
    rng: ChaCha8Rng,
}

impl Defects {
    pub fn new(troubles: Troubles, seed: u64, vehicle: u32) -> Self {
        let mut rng = stream(seed, vehicle, Purpose::Trouble, 0);
        let most = troubles.skewed.micros() as f64;
        let skew = if most > 0.0 { rng.random_range(-most..most) } else { 0.0 };
        // Clocks are wrong by milliseconds, not by parts of them.
        Self { troubles, skew: Span::from_millis((skew / 1_000.0) as i64), rng }
    }

    /// Bends the clock and some readings of a frame.
    pub fn bend(&mut self, frame: &mut Frame) {
        frame.at = frame.at + self.skew;
        if self.troubles.spikes <= 0.0 {
            return;
        }
        for (_, value) in &mut frame.readings {
            let Value::Number(number) = value else { continue };
            if self.rng.random_bool(self.troubles.spikes) {
                let far = bounded(&mut self.rng, 0.0, 1.0, 3.0);
                *number = if far > 0.0 { *number * (1.5 + far) + 40.0 } else { *number * 0.2 * -far };
            }
        }
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
