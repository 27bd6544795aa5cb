//! What goes wrong with sensors: spikes, stuck and missing ones, the codes for "no value", the dip at a start.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::unit::{Span, Time};

use super::Troubles;
use super::disorder::weekly;
use crate::frame::{Frame, Name, Value};
use crate::random::{bounded, hash01};
use crate::signal::{CRANK_DURATION, CRANK_VOLTAGE, IGNITION, VOLTAGE_12};

/// While control units wake, and for so long after.
const WAKING: Span = Span::from_secs(5);
/// Share of the sensors that are stuck together.
const STUCK: f64 = 0.15;

/// The sensors of one vehicle, as the gateway reads them.
#[derive(Clone, Debug)]
pub struct Sensors {
    troubles: Troubles,
    /// Tells this vehicle's sensors from another's.
    seed: u64,
    /// Place of the weekly time with stuck sensors, as a share of the week.
    stuck_at: f64,
    /// What they read last before.
    last: BTreeMap<Name, f64>,
    started: Time,
}

impl Sensors {
    pub fn new(troubles: Troubles, rng: &mut ChaCha8Rng) -> Self {
        let seed = rng.random_range(0..u64::MAX);
        Self { troubles, seed, stuck_at: hash01(seed, 0), last: BTreeMap::new(), started: Time::NEVER }
    }

    /// Bends the readings of a frame that was measured at that time.
    pub fn bend(&mut self, at: Time, frame: &mut Frame, rng: &mut ChaCha8Rng) {
        if self.troubles.stuck > Span::ZERO {
            self.stick(at, frame);
        }
        if self.troubles.start_dip > 0.0 {
            self.dip(at, frame, rng);
        }
        let Troubles { spikes, sentinel, missing, .. } = self.troubles;
        if spikes > 0.0 {
            each_number(frame, |_, number| spike(number, spikes, rng));
        }
        if sentinel > 0.0 {
            each_number(frame, |name, number| {
                if rng.random_bool(sentinel) {
                    *number = no_value(name, rng.random_range(0..3));
                }
            });
        }
        if missing > 0.0 {
            frame.readings.retain(|_| !rng.random_bool(missing));
        }
    }

    /// Some sensors repeat, once a week, what they read before.
    fn stick(&mut self, at: Time, frame: &mut Frame) {
        let (seed, last) = (self.seed, &mut self.last);
        let stuck = weekly(at, self.troubles.stuck, self.stuck_at).is_some();
        for (name, value) in &mut frame.readings {
            let Value::Number(number) = value else { continue };
            let concerned =
                hash01(seed, name.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))) < STUCK;
            if !concerned {
                continue;
            }
            match last.get(name) {
                Some(before) if stuck => *number = *before,
                _ => {
                    last.insert(name.clone(), *number);
                }
            }
        }
    }

    /// The supply breaks down at a start, and whatever is read then is wrong; the starter's own measurement is not.
    fn dip(&mut self, at: Time, frame: &mut Frame, rng: &mut ChaCha8Rng) {
        if frame.says(IGNITION, "START") && rng.random_bool(self.troubles.start_dip) {
            self.started = at;
        }
        if at < self.started || at.since(self.started) > WAKING {
            return;
        }
        each_number(frame, |name, number| match name {
            CRANK_VOLTAGE | CRANK_DURATION => {}
            VOLTAGE_12 => *number = number.min(rng.random_range(6.2..8.8)),
            _ if rng.random_bool(0.3) => *number = 0.0,
            _ => {}
        });
    }
}

/// What comes out of a bus's code for "abnormal" (0), "invalid" (1) or a computation that failed (2) when nobody looks
/// out for it: the code in the signal's own width, step and offset. DOMAIN 1.1.
fn no_value(name: &str, kind: u32) -> f64 {
    // Not a number is `null` on the wire.
    let code = match kind {
        0 => 1.0,
        1 => 0.0,
        _ => return f64::NAN,
    };
    let byte = 255.0 - code;
    let word = 65_535.0 - code;
    if name.ends_with("Temperature") || name.contains(".Temperature.") {
        byte - 40.0
    } else if name.ends_with("Tire.Pressure") {
        byte * 2.5
    } else if name.ends_with("StateOfCharge.Current") || name.ends_with("PadWear") || name.ends_with("FluidLevel") {
        byte
    } else if name.contains("CellVoltage") {
        word / 1_000.0
    } else {
        word / 10.0
    }
}

fn spike(number: &mut f64, share: f64, rng: &mut ChaCha8Rng) {
    if rng.random_bool(share) {
        let far = bounded(rng, 0.0, 1.0, 3.0);
        *number = if far > 0.0 { *number * (1.5 + far) + 40.0 } else { *number * 0.2 * -far };
    }
}

fn each_number(frame: &mut Frame, mut change: impl FnMut(&str, &mut f64)) {
    for (name, value) in &mut frame.readings {
        if let Value::Number(number) = value {
            change(name, number);
        }
    }
}
