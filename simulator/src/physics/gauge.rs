//! The gauge of a traction battery: what its management believes the state of charge to be.
//!
//! It counts on from where it was wrong, and while it counts it finds another place to be wrong at: 1 % of standard
//! deviation at the end of a drive or a charge, shown in steps of half or one percent. The capacity that one charge
//! over `d` percent suggests then scatters by about 150 / d percent. DOMAIN 5.2a.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::relax;
use crate::random::bounded;

/// Standard deviation of its error, percent of charge.
const ERROR: f64 = 1.0;
/// Charge moved until it has found its next error, percent.
const MEMORY: f64 = 8.0;
/// Standard deviation of the gain of the current sensor.
const GAIN: f64 = 0.005;

/// State of one gauge and its current sensor.
#[derive(Clone, Debug)]
pub struct Gauge {
    rng: ChaCha8Rng,
    /// Percent of charge that one step of what is shown stands for.
    step: f64,
    error: f64,
    target: f64,
    /// What the current sensor reads of an ampere.
    pub gain: f64,
}

impl Gauge {
    pub fn new(mut rng: ChaCha8Rng) -> Self {
        let step = if rng.random_bool(0.5) { 0.5 } else { 1.0 };
        let error = bounded(&mut rng, 0.0, ERROR, 2.5);
        let gain = bounded(&mut rng, 1.0, GAIN, 2.5);
        Self { rng, step, error, target: error, gain }
    }

    /// A drive or a charge begins.
    pub fn begin(&mut self) {
        self.target = bounded(&mut self.rng, 0.0, ERROR, 2.5);
    }

    /// So many percent of charge went in or out.
    pub fn follow(&mut self, moved: f64) {
        self.error = relax(self.error, self.target, moved.abs(), MEMORY);
    }

    /// What it shows of a true state of charge, percent.
    pub fn shown(&self, percent: f64) -> f64 {
        let believed = (percent + self.error).clamp(0.0, 100.0);
        (believed / self.step).round() * self.step
    }
}
