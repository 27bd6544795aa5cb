//! How far raw values scatter around the line of the filtered ones.

use serde::{Deserialize, Serialize};

use super::line::keep;

/// Half-life, in samples.
const HALF_LIFE: f64 = 30.0;
/// Noise is clipped at so many standard deviations (and a hair, so that it can grow from 0): one outlier must not
/// inflate it. Not before its sums weigh this much.
const CLIP: f64 = 4.0;
const HAIR: f64 = 1e-5;
const CLIPPED_FROM: f64 = 5.0;

/// Spread of the raw values around the line of the filtered ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Noise {
    sum: f32,
    squares: f32,
    weight: f32,
    sd: f32,
}

impl Noise {
    /// Takes what a raw value was off the line before it.
    pub fn take(&mut self, error: f64) {
        let mean = f64::from(self.sum / self.weight);
        let most = CLIP * f64::from(self.sd) + HAIR;
        let clipped = f64::from(self.weight) > CLIPPED_FROM;
        let error = if clipped { error.min(mean + most).max(mean - most) } else { error };
        let keep = keep(HALF_LIFE) as f32;
        self.sum = keep * self.sum + error as f32;
        self.squares = keep * self.squares + (error * error) as f32;
        self.weight = keep * self.weight + 1.0;
        // Its mean is the lag of the median, not noise.
        let mean = self.sum / self.weight;
        self.sd = (self.squares / self.weight - mean * mean).max(0.0).sqrt();
    }

    /// Standard deviation; 0 while unknown.
    pub fn sd(&self) -> f64 {
        f64::from(self.sd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_scatter_and_not_the_lag() {
        let mut noise = Noise::default();
        for sample in 0..300 {
            noise.take(0.01 + if sample % 2 == 0 { 0.002 } else { -0.002 });
        }
        assert!((noise.sd() - 0.002).abs() < 1e-4, "{noise:?}");
        noise.take(0.9);
        assert!(noise.sd() < 0.0025, "{noise:?}");
    }
}
